import { Worker } from 'node:worker_threads';
import { createWorkList, PacketStatus } from '@weir/forwarding';
import {
  addWork,
  type EngineWorld,
  engineConformance,
  keysFor,
  PeerSession,
  profiles,
  receiverReport,
  record,
  rtp,
  type WorkItem,
} from '@weir/forwarding/conformance';
import { openDgramSocket } from '@weir/udp';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loopbackWorld, nativeTcpWorld, nativeWorld, nodeWorld, until } from './loopback-world.fixture.ts';
import { nativeEngineProblem, openNativeEngine } from './native-engine.ts';

const problem = nativeEngineProblem();
if (problem !== undefined)
  console.warn(`SKIPPED: tests of the native engine, which is not built: ${problem}`);

test('the add-on is built where tests must be complete', () => {
  if (process.env.CI === 'true') expect(problem).toBeUndefined();
});

engineConformance('node over dgram', nodeWorld('127.0.0.1'));

describe.skipIf(problem !== undefined)('native', () => {
  engineConformance('native', nativeWorld('127.0.0.1'));
  engineConformance(
    'native without GSO',
    nativeWorld('127.0.0.1', (engine) => engine.withoutGso()),
  );
  engineConformance(
    'native that gathers for a millisecond',
    nativeWorld('127.0.0.1', () => {}, 1000),
  );
  engineConformance('native over IPv6', nativeWorld('::1'));
  engineConformance('native over TCP', nativeTcpWorld);

  test('a dual-stack socket speaks IPv4 with plain addresses and numbers', async () => {
    const engine = openNativeEngine({ ip: '::', slotCount: 16 });
    const world = loopbackWorld(engine, '127.0.0.1', engine.address.port);
    const seen = record(engine);
    const peer = await world.openPeer();
    peer.send(rtp(1));
    await world.run(() => seen.length >= 1);
    expect(seen[0]).toMatchObject({ ip: '127.0.0.1', port: peer.address.port });
    expect(seen[0]!.remote).toBe(0x7f000001 * 65_536 + peer.address.port);
    engine.sendRaw(engine.openPath(peer.address), Uint8Array.of(1, 2, 3));
    await world.run(() => peer.received.length >= 1);
    expect(peer.received).toEqual([Uint8Array.of(1, 2, 3)]);
    world.close();
  });

  test('addresses that can not be bound, and names, are refused', () => {
    const engine = openNativeEngine({ ip: '127.0.0.1', slotCount: 16 });
    expect(() => openNativeEngine({ ip: '127.0.0.1', port: engine.address.port })).toThrow('in use');
    expect(() => openNativeEngine({ ip: '192.0.2.77' })).toThrow('assign');
    expect(() => openNativeEngine({ ip: 'localhost' })).toThrow(TypeError);
    expect(() => openNativeEngine({ ip: '127.0.0.1', gatherMicros: 1001 })).toThrow(/gatherMicros/);
    expect(() => engine.openPath({ ip: 'localhost', port: 1, protocol: 'udp' })).toThrow(RangeError);
    expect(() => engine.openPath({ ip: '127.0.0.1', port: 1, protocol: 'tcp' })).toThrow(RangeError);
    engine.close();
  });

  test('buffer sizes are what the kernel granted', () => {
    const sizes = { slotCount: 16, recvBufferBytes: 65_536, sendBufferBytes: 65_536 };
    const engine = openNativeEngine({ ip: '127.0.0.1', ...sizes });
    expect(engine.recvBufferBytes).toBeGreaterThanOrEqual(65_536);
    expect(engine.sendBufferBytes).toBeGreaterThanOrEqual(65_536);
    engine.close();
  });

  test('an unreachable destination is counted, once per packet', async () => {
    const engine = openNativeEngine({ ip: '127.0.0.1', slotCount: 16 });
    // From loopback there is no way to another network.
    const path = engine.openPath({ ip: '192.0.2.1', port: 9, protocol: 'udp' });
    const work = createWorkList(16);
    for (let n = 0; n < 5; n++) addWork(work, headerOnly(path, n));
    engine.send(work);
    engine.sendRaw(path, Uint8Array.of(1));
    expect(engine.counters).toMatchObject({ sendErrors: 6, sentPackets: 0 });
    engine.close();
  });

  test('what the kernel does not take at once is sent later, in order', async () => {
    const engine = openNativeEngine({ ip: '127.0.0.1', slotCount: 16, sendBufferBytes: 4096 });
    const world = loopbackWorld(engine, '127.0.0.1', engine.address.port);
    const peer = await world.openPeer();
    const path = engine.openPath(peer.address);
    for (let n = 0; n < 100; n++) engine.sendRaw(path, new Uint8Array(1000).fill(n));
    await world.run(() => peer.received.length >= 100);
    expect(peer.received.map((p) => p[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(engine.counters).toMatchObject({ sentPackets: 100, sendErrors: 0 });
    world.close();
  });

  test('onBatch may close the engine, and what it throws is an uncaught exception', async () => {
    const engine = openNativeEngine({ ip: '127.0.0.1', slotCount: 64, batchCapacity: 1 });
    const world = loopbackWorld(engine, '127.0.0.1', engine.address.port);
    const peer = await world.openPeer();
    let batches = 0;
    engine.onBatch = () => {
      if (++batches === 3) engine.close();
    };
    for (let n = 0; n < 10; n++) peer.send(rtp(n));
    const other = await nativeWorld('127.0.0.1')();
    const seen = record(other.engine);
    (await other.openPeer()).send(rtp(1));
    await other.run(() => seen.length >= 1);
    expect(batches).toBe(3);

    const errors: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => errors.push(error));
    other.engine.onBatch = () => {
      throw new Error('thrown by a listener');
    };
    (await other.openPeer()).send(rtp(2));
    await until(() => errors.length > 0);
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(errors).toEqual([new Error('thrown by a listener')]);
    const after = record(other.engine);
    (await other.openPeer()).send(rtp(3));
    await other.run(() => after.length >= 1);
    other.close();
    world.close();
  });

  test('each worker thread has an engine of its own, and its end closes it', async () => {
    const peer = await openDgramSocket({ ip: '127.0.0.1' });
    const echoed: number[] = [];
    peer.onMessage = (data) => echoed.push(data[0]!);
    for (let round = 0; round < 2; round++) {
      const workers: Worker[] = [];
      const ports: number[] = [];
      // One after the other, as a pod does it (docs/decisions/0050-no-stripping-in-threads.md).
      for (const _ of [0, 1]) {
        const worker = new Worker(new URL('./worker.fixture.ts', import.meta.url));
        workers.push(worker);
        ports.push(
          await new Promise<number>((resolve, reject) =>
            worker.once('message', resolve).once('error', reject),
          ),
        );
      }
      for (const port of ports) for (let n = 0; n < 20; n++) peer.send(Uint8Array.of(n), '127.0.0.1', port);
      await until(() => echoed.length >= 40);
      echoed.length = 0;
      // One ends while datagrams come, with the engine open.
      for (const port of ports) for (let n = 0; n < 20; n++) peer.send(Uint8Array.of(n), '127.0.0.1', port);
      await Promise.all(workers.map((worker) => worker.terminate()));
      for (const port of ports) {
        const again = openNativeEngine({ ip: '127.0.0.1', port, slotCount: 16 });
        again.close();
      }
      echoed.length = 0;
    }
    peer.close();
  });

  test('several lists may be sent in turn', async () => {
    const world = await nativeWorld('127.0.0.1')();
    const peer = await world.openPeer();
    const path = world.engine.openPath(peer.address);
    const lists = [createWorkList(4), createWorkList(300), createWorkList(4)];
    for (let n = 0; n < 30; n++) {
      const list = lists[n % 3]!;
      addWork(list, headerOnly(path, n));
      world.engine.send(list);
    }
    await world.run(() => peer.received.length >= 30);
    expect(peer.received.map((p) => p[3])).toEqual(Array.from({ length: 30 }, (_, i) => i));
    world.close();
  });

  test('a list longer than what is sent at once goes out whole', async () => {
    const engine = openNativeEngine({ ip: '127.0.0.1', slotCount: 1024 }).withoutGso();
    const world = loopbackWorld(engine, '127.0.0.1', engine.address.port);
    const seen = record(engine);
    (await world.openPeer()).send(rtp(0, 1400));
    await world.run(() => seen.length >= 1);
    const peers = await Promise.all(Array.from({ length: 10 }, () => world.openPeer()));
    const paths = peers.map((peer) => engine.openPath(peer.address));
    const work = createWorkList(1000);
    for (let n = 0; n < 1000; n++) {
      addWork(work, { ...headerOnly(paths[n % 10]!, n >> 3), bodyOffset: 20, bodyLength: 1400 });
    }
    engine.send(work);
    await world.run(() => peers.every((peer) => peer.received.length >= 100));
    expect(engine.counters).toMatchObject({ sentPackets: 1000, sendErrors: 0 });
    world.close();
  });

  for (const profile of profiles) {
    test(`${profile}: both engines make the same datagrams of the same list`, async () => {
      const worlds = [await nodeWorld('127.0.0.1')(), await nativeWorld('127.0.0.1')()];
      const sides = await Promise.all(worlds.map((world) => prepareSide(world, profile)));
      const item = fc.record({
        body: fc.nat(bodies.length - 1),
        cut: fc.nat(60),
        length: fc.nat(1200),
        prefix: fc.uint8Array({ minLength: 0, maxLength: 30 }),
        extension: fc.boolean(),
        ssrc: fc.nat(0xffffffff),
        sequenceNumber: fc.nat(0xffff),
        timestamp: fc.nat(0xffffffff),
        markerAndPayloadType: fc.nat(255),
        rolloverCounter: fc.nat(0xffffffff),
        which: fc.nat(2),
        sealed: fc.boolean(),
        transportSequence: fc.nat(0xffff),
        absSendTime: fc.nat(0xffffff),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 100 }), async (items) => {
          for (const side of sides) {
            for (const i of items) {
              const size = bodies[i.body]!.length;
              const bodyOffset = Math.min(i.cut, size);
              const head = i.extension
                ? Buffer.concat([fixedHeader(true), extensionBlock])
                : fixedHeader(false);
              addWork(side.work, {
                prefix: Buffer.concat([head, i.prefix]),
                bodySerial: i.body,
                bodyOffset,
                bodyLength: Math.min(i.length, size - bodyOffset),
                ssrc: i.ssrc,
                sequenceNumber: i.sequenceNumber,
                timestamp: i.timestamp,
                markerAndPayloadType: i.markerAndPayloadType,
                rolloverCounter: i.rolloverCounter,
                session: i.sealed ? side.sessions[i.which]! : -1,
                path: side.paths[i.which]!,
                transportSequenceOffset: i.extension ? 17 : 0,
                transportSequence: i.transportSequence,
                absSendTimeOffset: i.extension ? 20 : 0,
                absSendTime: i.absSendTime,
              });
            }
            side.world.engine.send(side.work);
          }
          const wanted = [0, 1, 2].map((which) => items.filter((i) => i.which === which).length);
          for (const side of sides) {
            await side.world.run(() => side.peers.every((peer, i) => peer.received.length >= wanted[i]!));
          }
          const [fromNode, fromNative] = sides.map((side) =>
            side.peers.map((peer) => peer.received.splice(0)),
          );
          expect(fromNative).toEqual(fromNode);
        }),
        { seed: 40, numRuns: 60 },
      );
      for (const world of worlds) world.close();
    });

    test(`${profile}: both engines judge the same datagrams alike`, async () => {
      const worlds = [await nodeWorld('127.0.0.1')(), await nativeWorld('127.0.0.1')()];
      const keys = keysFor(profile, 77);
      const sides = await Promise.all(
        worlds.map(async (world) => {
          const session = world.engine.openSession(keys.engine);
          return { world, seen: record(world.engine, () => session), peer: await world.openPeer() };
        }),
      );
      const endpoint = new PeerSession(keys.peer);
      const step = fc.record({
        ssrc: fc.nat(3),
        index: fc.integer({ min: 0, max: 70_000 }),
        kind: fc.constantFrom('rtp' as const, 'rtcp' as const, 'noise' as const),
        flips: fc.array(fc.nat(4000), { maxLength: 1 }),
        size: fc.nat(60),
        cut: fc.constantFrom(0, 0, 0, 1, 12, 30),
        noise: fc.uint8Array({ maxLength: 60 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
          for (const s of steps) {
            let datagram =
              s.kind === 'rtp'
                ? endpoint.sealRtp(rtp(s.index & 0xffff, s.size, s.ssrc), s.index >>> 16)
                : s.kind === 'rtcp'
                  ? endpoint.sealRtcp(receiverReport(s.ssrc))
                  : s.noise;
            for (const flip of s.flips) if (datagram.length > 0) datagram[flip % datagram.length]! ^= 1;
            datagram = datagram.subarray(0, Math.max(0, datagram.length - s.cut));
            for (const side of sides) side.peer.send(datagram);
          }
          for (const side of sides) await side.world.run(() => side.seen.length >= steps.length);
          const [fromNode, fromNative] = sides.map((side) =>
            side.seen.splice(0).map(({ status, kind, bytes }) => ({ status, kind, bytes })),
          );
          expect(fromNative).toEqual(fromNode);
        }),
        { seed: 41, numRuns: 60 },
      );
      expect(worlds[0]!.engine.counters.authenticationFailures).toBeGreaterThan(50);
      expect(worlds[0]!.engine.counters.replays).toBeGreaterThan(0);
      expect(worlds[1]!.engine.counters).toMatchObject({
        authenticationFailures: worlds[0]!.engine.counters.authenticationFailures,
        replays: worlds[0]!.engine.counters.replays,
      });
      for (const world of worlds) world.close();
    });

    test(`${profile}: state of streams is bounded, the newest stay guarded`, async () => {
      const world = await nativeWorld('127.0.0.1')();
      const keys = keysFor(profile, 78);
      const session = world.engine.openSession(keys.engine);
      const seen = record(world.engine, () => session);
      const peer = await world.openPeer();
      const endpoint = new PeerSession(keys.peer);
      for (let ssrc = 1; ssrc <= 1100; ssrc++) {
        peer.send(endpoint.sealRtp(rtp(1, 10, ssrc)));
        if (ssrc % 50 === 0) await world.run(() => seen.length >= ssrc);
      }
      expect(seen.every((s) => s.status === PacketStatus.ok)).toBe(true);
      for (let ssrc = 1100; ssrc > 100; ssrc--) {
        peer.send(endpoint.sealRtp(rtp(1, 10, ssrc)));
        if (ssrc % 50 === 1) await world.run(() => seen.length >= 2201 - ssrc);
      }
      expect(seen.slice(1100).every((s) => s.status === PacketStatus.replayed)).toBe(true);
      world.close();
    });
  }
});

const bodies = [rtp(1, 1200), rtp(2, 300), rtp(3, 0), rtp(4, 77)];
const extensionBlock = Uint8Array.of(0xbe, 0xde, 0, 2, 0x51, 0, 0, 0x62, 0, 0, 0, 0);

function fixedHeader(extension: boolean): Uint8Array {
  const header = new Uint8Array(12);
  header[0] = extension ? 0x90 : 0x80;
  return header;
}

function headerOnly(path: number, sequenceNumber: number): WorkItem {
  return {
    prefix: fixedHeader(false),
    bodySerial: 0,
    bodyOffset: 0,
    bodyLength: 0,
    ssrc: 1,
    sequenceNumber,
    timestamp: 0,
    markerAndPayloadType: 96,
    rolloverCounter: 0,
    session: -1,
    path,
  };
}

async function prepareSide(world: EngineWorld, profile: (typeof profiles)[number]) {
  const seen = record(world.engine);
  const source = await world.openPeer();
  for (const body of bodies) source.send(body);
  await world.run(() => seen.length >= bodies.length);
  const peers = [await world.openPeer(), await world.openPeer(), await world.openPeer()];
  return {
    world,
    peers,
    work: createWorkList(128),
    paths: peers.map((peer) => world.engine.openPath(peer.address)),
    sessions: peers.map((_, i) => world.engine.openSession(keysFor(profile, i).engine)),
  };
}

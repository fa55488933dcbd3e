import { buildRtpPacket } from '@weir/rtp';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWorkList } from '../../src/work-list.ts';
import {
  addWork,
  composed,
  keysFor,
  PeerSession,
  profiles,
  receiverReport,
  record,
  rtp,
  type WorkItem,
} from './packets.ts';
import type { CreateWorld, EngineWorld } from './world.ts';

const header = (ssrc = 0, extension = true) =>
  buildRtpPacket({
    payloadType: 0,
    sequenceNumber: 0,
    timestamp: 0,
    ssrc,
    extensions: extension
      ? [
          { id: 5, data: new Uint8Array(2) },
          { id: 6, data: new Uint8Array(3) },
        ]
      : [],
  });

/** An item that sends the whole payload of `rtp(seq)` lying in `serial`. */
function forward(
  serial: number,
  size: number,
  path: number,
  session: number,
  sequenceNumber: number,
): WorkItem {
  return {
    prefix: header(),
    bodySerial: serial,
    bodyOffset: 20,
    bodyLength: size,
    ssrc: 0xfedcba98,
    sequenceNumber,
    timestamp: 0xf0000000 + sequenceNumber,
    markerAndPayloadType: 0x80 | 101,
    rolloverCounter: 0,
    session,
    path,
  };
}

/** Puts plain packets into the arena; answers their bytes by serial. */
async function fill(world: EngineWorld, packets: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const seen = record(world.engine);
  const source = await world.openPeer();
  for (const packet of packets) source.send(packet);
  await world.run(() => seen.length >= packets.length);
  return seen.map((s) => s.bytes);
}

export function sendingConformance(createWorld: CreateWorld): void {
  test('raw datagrams arrive as they are', async () => {
    const world = await createWorld();
    const peer = await world.openPeer();
    const path = world.engine.openPath(peer.address);
    for (const size of [1, 20, 1200]) world.engine.sendRaw(path, new Uint8Array(size).fill(size));
    await world.run(() => peer.received.length >= 3);
    expect(peer.received).toEqual([1, 20, 1200].map((size) => new Uint8Array(size).fill(size)));
    expect(world.engine.counters).toMatchObject({ sentPackets: 3, sentBytes: 1221, sendErrors: 0 });
    world.close();
  });

  test('plain packets are composed of prefix, fields and body', async () => {
    const world = await createWorld();
    const bodies = await fill(world, [rtp(1, 100), rtp(2, 50)]);
    const peer = await world.openPeer();
    const path = world.engine.openPath(peer.address);
    const items: WorkItem[] = [
      forward(0, 100, path, -1, 7),
      {
        ...forward(1, 50, path, -1, 65_535),
        ssrc: 0xffffffff,
        timestamp: 0xffffffff,
        markerAndPayloadType: 255,
      },
      // Only a part of the body, after replaced first payload bytes, as for a rewritten descriptor or RTX.
      {
        ...forward(0, 97, path, -1, 8),
        prefix: Buffer.concat([header(), Uint8Array.of(9, 8, 7)]),
        bodyOffset: 23,
      },
      // Nothing but a header, and a header without extension.
      { ...forward(0, 0, path, -1, 9), bodyLength: 0 },
      { ...forward(1, 50, path, -1, 10), prefix: header(0, false) },
      {
        ...forward(1, 50, path, -1, 11),
        transportSequenceOffset: 17,
        transportSequence: 0xabcd,
        absSendTimeOffset: 20,
        absSendTime: 0x123456,
      },
    ];
    const work = createWorkList(16);
    for (const item of items) addWork(work, item);
    world.engine.send(work);
    expect(work.count).toBe(0);
    expect(work.prefixesUsed).toBe(0);
    await world.run(() => peer.received.length >= items.length);
    expect(peer.received).toEqual(items.map((item) => composed(item, bodies[item.bodySerial]!)));
    world.close();
  });

  test('several items may share a prefix', async () => {
    const world = await createWorld();
    const bodies = await fill(world, [rtp(1, 100)]);
    const peer = await world.openPeer();
    const path = world.engine.openPath(peer.address);
    const work = createWorkList(16);
    const items = [1, 2, 3].map((n) => ({
      ...forward(0, 100, path, -1, n),
      ssrc: n,
      transportSequenceOffset: 17,
      transportSequence: n,
    }));
    for (const item of items) addWork(work, item);
    for (let i = 1; i < 3; i++) work.prefixOffset[i] = work.prefixOffset[0]!;
    world.engine.send(work);
    await world.run(() => peer.received.length >= 3);
    expect(peer.received).toEqual(items.map((item) => composed(item, bodies[0]!)));
    world.close();
  });

  for (const profile of profiles) {
    test(`${profile}: sealed packets are genuine to the peer, with the rollover counter as told`, async () => {
      const world = await createWorld();
      const bodies = await fill(world, [rtp(1, 1100), rtp(2, 33), rtp(3, 0)]);
      const keys = keysFor(profile, 11);
      const session = world.engine.openSession(keys.engine);
      const endpoint = new PeerSession(keys.peer);
      const peer = await world.openPeer();
      const path = world.engine.openPath(peer.address);
      const work = createWorkList(64);
      const items = [
        forward(0, 1100, path, session, 65_534),
        forward(1, 33, path, session, 65_535),
        { ...forward(0, 1100, path, session, 0), rolloverCounter: 1 },
        { ...forward(2, 0, path, session, 1), rolloverCounter: 1, bodyLength: 0 },
        { ...forward(1, 7, path, session, 40_000), ssrc: 3, rolloverCounter: 0 },
      ];
      for (const item of items) addWork(work, item);
      world.engine.send(work);
      await world.run(() => peer.received.length >= items.length);
      expect(peer.received.map((p) => endpoint.openRtp(p))).toEqual(
        items.map((item) => composed(item, bodies[item.bodySerial]!)),
      );
      const [sealed] = peer.received;
      expect(sealed!.length).toBe(24 + 1100 + (profile === 'AEAD_AES_128_GCM' ? 16 : 10));
      world.close();
    });

    test(`${profile}: RTCP is sealed with a rising index`, async () => {
      const world = await createWorld();
      const keys = keysFor(profile, 12);
      const session = world.engine.openSession(keys.engine);
      const endpoint = new PeerSession(keys.peer);
      const peer = await world.openPeer();
      const path = world.engine.openPath(peer.address);
      for (let n = 0; n < 5; n++) world.engine.sendRtcp(session, path, receiverReport(n % 2));
      await world.run(() => peer.received.length >= 5);
      expect(peer.received.map((p) => endpoint.openRtcp(p))).toEqual(
        [0, 1, 0, 1, 0].map((ssrc) => receiverReport(ssrc)),
      );
      world.close();
    });

    test(`${profile}: any list is delivered whole, in order per path`, async () => {
      const world = await createWorld();
      const sizes = [1000, 1000, 1000, 400, 0, 1, 1200];
      const bodies = await fill(
        world,
        sizes.map((size, i) => rtp(i, size)),
      );
      const peers = [await world.openPeer(), await world.openPeer(), await world.openPeer()];
      const ends = peers.map((peer, i) => {
        const keys = keysFor(profile, 20 + i);
        return {
          peer,
          session: world.engine.openSession(keys.engine),
          path: world.engine.openPath(peer.address),
          endpoint: new PeerSession(keys.peer),
          next: 0,
          expected: [] as Uint8Array[],
        };
      });
      const work = createWorkList(256);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat(sizes.length - 1), fc.nat(2), fc.boolean()), {
            minLength: 1,
            maxLength: 120,
          }),
          async (choice) => {
            for (const [serial, which, plain] of choice) {
              const end = ends[which]!;
              const index = end.next++;
              const item: WorkItem = {
                ...forward(serial, sizes[serial]!, end.path, plain ? -1 : end.session, index & 0xffff),
                // Plain packets carry another SSRC, by which the test tells them apart.
                ssrc: plain ? 1 : 0xfedcba98,
                rolloverCounter: index >>> 16,
                bodyLength: sizes[serial]!,
              };
              addWork(work, item);
              end.expected.push(composed(item, bodies[serial]!));
            }
            world.engine.send(work);
            await world.run(() => ends.every((end) => end.peer.received.length >= end.expected.length));
            for (const end of ends) {
              const got = end.peer.received.splice(0).map((p) => (p[11] === 1 ? p : end.endpoint.openRtp(p)));
              expect(got).toEqual(end.expected);
              end.expected = [];
            }
          },
        ),
        { seed: 30, numRuns: 25 },
      );
      world.close();
    });
  }

  test('what can not be sent is counted, and the rest goes out', async () => {
    const world = await createWorld({ slotCount: 8, slotSize: 256 });
    const { engine } = world;
    await fill(
      world,
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((seq) => rtp(seq, 100)),
    );
    const peer = await world.openPeer();
    const path = engine.openPath(peer.address);
    const closed = engine.openPath(peer.address);
    engine.closePath(closed);
    engine.closePath(closed);
    const work = createWorkList(16);
    const good = forward(9, 100, path, -1, 1);
    const bad: WorkItem[] = [
      { ...good, path: closed },
      { ...good, path: 12_345 },
      { ...good, session: 12_345 },
      // Slot 1 has been taken by packet 9.
      { ...good, bodySerial: 1 },
      { ...good, bodySerial: 10 },
      { ...good, bodyOffset: 200, bodyLength: 57 },
      { ...good, prefix: new Uint8Array(11) },
    ];
    for (const item of bad) addWork(work, item);
    addWork(work, good);
    addWork(work, { ...good, bodySerial: 2, sequenceNumber: 2 });
    engine.send(work);
    engine.sendRaw(closed, Uint8Array.of(1));
    engine.sendRtcp(0, path, receiverReport(1));
    await world.run(() => peer.received.length >= 2);
    expect(peer.received.map((p) => p[3])).toEqual([1, 2]);
    expect(engine.counters.sendErrors).toBe(bad.length + 2);
    world.close();
  });

  test('handles are small, and a closed path does not reach its successor', async () => {
    const world = await createWorld();
    const [a, b] = [await world.openPeer(), await world.openPeer()];
    for (let i = 0; i < 100; i++) {
      const path = world.engine.openPath(a.address);
      expect(path).toBeLessThan(10);
      world.engine.closePath(path);
      const session = world.engine.openSession(keysFor('AEAD_AES_128_GCM', i).engine);
      expect(session).toBeLessThan(10);
      world.engine.closeSession(session);
    }
    const path = world.engine.openPath(b.address);
    world.engine.sendRaw(path, Uint8Array.of(5));
    await world.run(() => b.received.length >= 1);
    expect(a.received).toEqual([]);
    world.close();
  });

  test('the caller may reuse its bytes as soon as a send returns', async () => {
    const world = await createWorld();
    const peer = await world.openPeer();
    const path = world.engine.openPath(peer.address);
    const bytes = new Uint8Array(500);
    for (let n = 1; n <= 50; n++) {
      bytes.fill(n);
      world.engine.sendRaw(path, bytes);
    }
    bytes.fill(0);
    await world.run(() => peer.received.length >= 50);
    expect(peer.received.map((p) => p[499])).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    world.close();
  });
}

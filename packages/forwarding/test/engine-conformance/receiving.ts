import { expect, test } from 'vitest';
import { PacketKind, PacketStatus } from '../../src/engine.ts';
import { record, rtp } from './packets.ts';
import type { CreateWorld } from './world.ts';

export function receivingConformance(createWorld: CreateWorld): void {
  test('a datagram lies in its slot, unchanged, with serial, length and address', async () => {
    const world = await createWorld();
    const { engine } = world;
    const seen = record(engine);
    const peer = await world.openPeer();
    expect(engine.nextSerial).toBe(0);
    peer.send(rtp(1));
    peer.send(rtp(2, 1000));
    await world.run(() => seen.length >= 2);
    expect(seen.map((s) => s.serial)).toEqual([0, 1]);
    expect(seen[0]!.bytes).toEqual(rtp(1));
    expect(seen[1]!.bytes).toEqual(rtp(2, 1000));
    for (const s of seen) expect(s).toMatchObject({ ip: peer.address.ip, port: peer.address.port });
    expect(engine.nextSerial).toBe(2);
    expect(engine.counters.receivedPackets).toBe(2);
    expect(engine.counters.receivedBytes).toBe(rtp(1).length + rtp(2, 1000).length);
    world.close();
  });

  test('equal addresses have equal numbers, different ones different', async () => {
    const world = await createWorld();
    const seen = record(world.engine);
    const [a, b] = [await world.openPeer(), await world.openPeer()];
    for (const peer of [a, b, a, b]) peer.send(rtp(1));
    await world.run(() => seen.length >= 4);
    const of = (port: number) => new Set(seen.filter((s) => s.port === port).map((s) => s.remote));
    expect(of(a.address.port).size).toBe(1);
    expect(of(b.address.port).size).toBe(1);
    expect([...of(a.address.port)][0]).not.toBe([...of(b.address.port)][0]);
    world.close();
  });

  test('kinds are told by the first bytes (RFC 7983, RFC 5761)', async () => {
    const world = await createWorld();
    const seen = record(world.engine);
    const peer = await world.openPeer();
    const cases: readonly (readonly [number, number, number])[] = [
      [0, 1, PacketKind.stun],
      [3, 1, PacketKind.stun],
      [4, 1, PacketKind.unknown],
      [20, 254, PacketKind.dtls],
      [63, 254, PacketKind.dtls],
      [64, 0, PacketKind.unknown],
      [127, 0, PacketKind.unknown],
      [128, 96, PacketKind.rtp],
      [128, 191, PacketKind.rtp],
      [128, 192, PacketKind.rtcp],
      [191, 223, PacketKind.rtcp],
      [191, 224, PacketKind.rtp],
      [192, 200, PacketKind.unknown],
    ];
    for (const [first, second] of cases) {
      const datagram = new Uint8Array(24);
      datagram.set([first, second]);
      peer.send(datagram);
    }
    peer.send(Uint8Array.of(128));
    await world.run(() => seen.length > cases.length);
    expect(seen.map((s) => s.kind)).toEqual([...cases.map(([, , kind]) => kind), PacketKind.unknown]);
    world.close();
  });

  test('the ring comes round, and batches stay within their capacity', async () => {
    const world = await createWorld({ slotCount: 8, batchCapacity: 4 });
    const { engine } = world;
    const seen = record(engine);
    const peer = await world.openPeer();
    for (let seq = 0; seq < 30; seq++) {
      peer.send(rtp(seq));
      // One at a time where the order of arrival is the world's affair.
      await world.run(() => seen.length >= seq + 1);
    }
    expect(seen.map((s) => s.serial)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    for (let seq = 0; seq < 30; seq++) expect(seen[seq]!.bytes).toEqual(rtp(seq));
    // The last eight are still there.
    for (let serial = 22; serial < 30; serial++) {
      const at = (serial % engine.slotCount) * engine.slotSize;
      const expected = rtp(serial);
      expect(new Uint8Array(engine.arena.subarray(at, at + expected.length))).toEqual(expected);
    }
    world.close();
  });

  test('many datagrams at once are all handed over, in order of serial', async () => {
    const world = await createWorld({ slotCount: 256, batchCapacity: 16 });
    const seen = record(world.engine);
    const peer = await world.openPeer();
    for (let seq = 0; seq < 100; seq++) peer.send(rtp(seq));
    await world.run(() => seen.length >= 100);
    expect(seen.map((s) => s.serial)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(new Set(seen.map((s) => s.bytes[3]))).toHaveLength(100);
    world.close();
  });

  test('datagrams longer than a slot are dropped and counted', async () => {
    const world = await createWorld({ slotSize: 256 });
    const { engine } = world;
    const seen = record(engine);
    const peer = await world.openPeer();
    peer.send(new Uint8Array(257).fill(128));
    peer.send(new Uint8Array(256).fill(128));
    peer.send(new Uint8Array(2000).fill(128));
    peer.send(rtp(1));
    await world.run(() => seen.length >= 2);
    expect(seen.map((s) => s.bytes.length)).toEqual([256, rtp(1).length]);
    // An engine may pass over the slots of what it dropped.
    expect(seen[1]!.serial).toBeGreaterThan(seen[0]!.serial);
    expect(engine.nextSerial).toBeGreaterThan(seen[1]!.serial);
    expect(engine.counters.oversized).toBe(2);
    world.close();
  });

  test('without a session nothing is touched', async () => {
    const world = await createWorld();
    const seen = record(world.engine, () => -1);
    const peer = await world.openPeer();
    peer.send(rtp(1));
    await world.run(() => seen.length >= 1);
    expect(seen[0]).toMatchObject({ status: PacketStatus.none, bytes: rtp(1) });
    world.close();
  });

  test('after close() no batch comes, and closing twice is closing once', async () => {
    const world = await createWorld();
    const other = await createWorld();
    const seen = record(world.engine);
    const peer = await world.openPeer();
    const path = other.engine.openPath((await other.openPeer()).address);
    peer.send(rtp(1));
    await world.run(() => seen.length >= 1);
    peer.send(rtp(2));
    world.engine.close();
    world.engine.close();
    const otherSeen = record(other.engine);
    (await other.openPeer()).send(rtp(3));
    await other.run(() => otherSeen.length >= 1);
    other.engine.closePath(path);
    expect(seen).toHaveLength(1);
    world.close();
    other.close();
  });
}

import { expect, test } from 'vitest';
import { PacketKind, PacketStatus } from '../../src/engine.ts';
import { keysFor, PeerSession, profiles, receiverReport, record, rtp } from './packets.ts';
import type { CreateWorld } from './world.ts';

export function srtpConformance(createWorld: CreateWorld): void {
  for (const profile of profiles) {
    test(`${profile}: genuine packets are opened in place`, async () => {
      const world = await createWorld();
      const keys = keysFor(profile, 1);
      const session = world.engine.openSession(keys.engine);
      const seen = record(world.engine, () => session);
      const peer = await world.openPeer();
      const endpoint = new PeerSession(keys.peer);
      for (let size = 0; size < 40; size++) peer.send(endpoint.sealRtp(rtp(size, size)));
      peer.send(endpoint.sealRtp(rtp(40, 1400)));
      peer.send(endpoint.sealRtcp(receiverReport(9)));
      await world.run(() => seen.length >= 42);
      for (let size = 0; size < 40; size++) {
        expect(seen[size]).toMatchObject({ status: PacketStatus.ok, bytes: rtp(size, size) });
      }
      expect(seen[40]).toMatchObject({ status: PacketStatus.ok, bytes: rtp(40, 1400) });
      expect(seen[41]).toMatchObject({
        status: PacketStatus.ok,
        kind: PacketKind.rtcp,
        bytes: receiverReport(9),
      });
      world.close();
    });

    test(`${profile}: forgeries, replays and fragments are told apart and counted`, async () => {
      const world = await createWorld();
      const keys = keysFor(profile, 2);
      const session = world.engine.openSession(keys.engine);
      const seen = record(world.engine, () => session);
      const peer = await world.openPeer();
      const endpoint = new PeerSession(keys.peer);
      const first = endpoint.sealRtp(rtp(1));
      const forged = endpoint.sealRtp(rtp(2));
      forged[forged.length - 1]! ^= 1;
      const report = endpoint.sealRtcp(receiverReport(9));
      const forgedReport = endpoint.sealRtcp(receiverReport(9));
      forgedReport[10]! ^= 1;
      const stranger = new PeerSession(keysFor(profile, 3).peer).sealRtp(rtp(3));
      const stun = new Uint8Array(20);
      const cut = Uint8Array.of(0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0xff, 0xff);
      for (const datagram of [first, first, forged, report, report, forgedReport, stranger, stun, cut]) {
        peer.send(datagram);
      }
      await world.run(() => seen.length >= 9);
      expect(seen.map((s) => s.status)).toEqual([
        PacketStatus.ok,
        PacketStatus.replayed,
        PacketStatus.authenticationFailed,
        PacketStatus.ok,
        PacketStatus.replayed,
        PacketStatus.authenticationFailed,
        PacketStatus.authenticationFailed,
        PacketStatus.none,
        PacketStatus.malformed,
      ]);
      expect(world.engine.counters).toMatchObject({ authenticationFailures: 3, replays: 2 });
      // Refused datagrams are left as they came.
      expect(seen[2]!.bytes).toEqual(forged);
      world.close();
    });

    test(`${profile}: rollover and reordering on the way in`, async () => {
      const world = await createWorld();
      const keys = keysFor(profile, 4);
      const session = world.engine.openSession(keys.engine);
      const seen = record(world.engine, () => session);
      const peer = await world.openPeer();
      const endpoint = new PeerSession(keys.peer);
      const order: readonly (readonly [number, number])[] = [
        [65_000, 0],
        [65_535, 0],
        [1, 1],
        [65_534, 0],
        [0, 1],
        [30_000, 1],
        [60_000, 1],
        [20_000, 2],
      ];
      for (const [seq, rolloverCounter] of order) peer.send(endpoint.sealRtp(rtp(seq), rolloverCounter));
      await world.run(() => seen.length >= order.length);
      expect(seen.map((s) => s.status)).toEqual(order.map(() => PacketStatus.ok));
      expect(seen.map((s) => s.bytes)).toEqual(order.map(([seq]) => rtp(seq)));
      world.close();
    });
  }

  test('a packet from before the replay window of 1024 is refused, one inside is taken', async () => {
    const world = await createWorld();
    const keys = keysFor('AEAD_AES_128_GCM', 5);
    const session = world.engine.openSession(keys.engine);
    const seen = record(world.engine, () => session);
    const peer = await world.openPeer();
    const endpoint = new PeerSession(keys.peer);
    for (const seq of [5000, 5000 - 1023, 5000 - 1024]) peer.send(endpoint.sealRtp(rtp(seq)));
    await world.run(() => seen.length >= 3);
    expect(seen.map((s) => s.status)).toEqual([PacketStatus.ok, PacketStatus.ok, PacketStatus.replayed]);
    world.close();
  });

  test('keys of wrong length are refused, closed sessions open nothing', async () => {
    const world = await createWorld();
    const keys = keysFor('AEAD_AES_128_GCM', 6);
    for (const field of ['localKey', 'localSalt', 'remoteKey', 'remoteSalt'] as const) {
      expect(() => world.engine.openSession({ ...keys.engine, [field]: new Uint8Array(15) })).toThrow(
        RangeError,
      );
    }
    const session = world.engine.openSession(keys.engine);
    world.engine.closeSession(session);
    world.engine.closeSession(session);
    const seen = record(world.engine, () => session);
    const peer = await world.openPeer();
    const sealed = new PeerSession(keys.peer).sealRtp(rtp(1));
    peer.send(sealed);
    await world.run(() => seen.length >= 1);
    expect(seen[0]).toMatchObject({ status: PacketStatus.none, bytes: sealed });
    world.close();
  });

  test('two sessions have keys and windows of their own', async () => {
    const world = await createWorld();
    const [a, b] = [keysFor('AEAD_AES_128_GCM', 7), keysFor('AES_CM_128_HMAC_SHA1_80', 8)];
    const sessions = [world.engine.openSession(a.engine), world.engine.openSession(b.engine)];
    expect(sessions[0]).not.toBe(sessions[1]);
    let n = 0;
    const seen = record(world.engine, () => sessions[n++ % 2]!);
    const peer = await world.openPeer();
    const [left, right] = [new PeerSession(a.peer), new PeerSession(b.peer)];
    for (let seq = 0; seq < 6; seq++) peer.send((seq % 2 === 0 ? left : right).sealRtp(rtp(seq >> 1)));
    await world.run(() => seen.length >= 6);
    expect(seen.map((s) => s.status)).toEqual(Array(6).fill(PacketStatus.ok));
    world.close();
  });
}

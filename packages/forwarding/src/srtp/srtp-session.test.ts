import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { buildRtcp, buildRtpPacket, rtpHeaderLength } from '@weir/rtp';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketStatus, type SrtpKeys, type SrtpProfile } from '../engine.ts';
import { deriveSessionKeys, srtpLengths } from './key-derivation.ts';
import { addToBatch, createSealBatch } from './seal-batch.ts';
import { SrtpSession } from './srtp-session.ts';

const profiles: readonly SrtpProfile[] = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'];

/** Two sessions that understand each other. */
function pair(profile: SrtpProfile): [SrtpSession, SrtpSession] {
  const { key, salt } = srtpLengths[profile];
  const keys: SrtpKeys = {
    profile,
    localKey: randomBytes(key),
    localSalt: randomBytes(salt),
    remoteKey: randomBytes(key),
    remoteSalt: randomBytes(salt),
  };
  const mirrored: SrtpKeys = {
    profile,
    localKey: keys.remoteKey,
    localSalt: keys.remoteSalt,
    remoteKey: keys.localKey,
    remoteSalt: keys.localSalt,
  };
  return [new SrtpSession(keys), new SrtpSession(mirrored)];
}

const batch = createSealBatch(4096, 1);
const { memory } = batch;
const at = 2048;

function sealRtp(session: SrtpSession, seq: number, rolloverCounter = 0, ssrc = 1, size = 100): Uint8Array {
  const packet = buildRtpPacket({
    payloadType: 96,
    sequenceNumber: seq,
    timestamp: 0,
    ssrc,
    extensions: [{ id: 1, data: Uint8Array.of(1, 2, 3) }],
    payload: new Uint8Array(size).fill(seq),
  });
  memory.bytes.set(packet, at);
  const header = rtpHeaderLength(memory.bytes, at, packet.length);
  batch.count = 0;
  addToBatch(batch, at, header, packet.length, ssrc, seq, rolloverCounter);
  session.protectRtp(batch);
  return new Uint8Array(memory.bytes.subarray(at, at + batch.length[0]!));
}

function openRtp(session: SrtpSession, sealed: Uint8Array): PacketStatus {
  memory.bytes.set(sealed, at);
  return session.unprotectRtp(memory, at, sealed.length);
}

function sealRtcp(session: SrtpSession, ssrc = 1): Uint8Array {
  const packet = buildRtcp([
    { type: 'rr', ssrc, reports: [] },
    { type: 'pli', senderSsrc: ssrc, mediaSsrc: 2 },
  ]);
  memory.bytes.set(packet, at);
  const length = session.protectRtcp(memory, at, packet.length);
  return new Uint8Array(memory.bytes.subarray(at, at + length));
}

function openRtcp(session: SrtpSession, sealed: Uint8Array): PacketStatus {
  memory.bytes.set(sealed, at);
  return session.unprotectRtcp(memory, at, sealed.length);
}

for (const profile of profiles) {
  test(`${profile}: packets of every size come out as they went in`, () => {
    const [alice, bob] = pair(profile);
    for (let size = 0; size < 70; size++) {
      const sealed = sealRtp(alice, size, 0, 7, size);
      expect(openRtp(bob, sealed)).toBe(PacketStatus.ok);
      expect(bob.plainLength).toBe(20 + size);
      expect(memory.bytes.subarray(at + 20, at + 20 + size)).toEqual(Buffer.alloc(size, size));
    }
  });

  test(`${profile}: header and payload are bound: any flipped bit is found`, () => {
    const [alice, bob] = pair(profile);
    const sealed = sealRtp(alice, 5);
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i]! ^= 1 << (i % 8);
      expect(openRtp(bob, changed)).not.toBe(PacketStatus.ok);
    }
    expect(openRtp(bob, sealed)).toBe(PacketStatus.ok);
  });

  test(`${profile}: a refused packet is left as it was`, () => {
    const [alice, bob] = pair(profile);
    const sealed = sealRtp(alice, 5);
    sealed[40]! ^= 1;
    expect(openRtp(bob, sealed)).toBe(PacketStatus.authenticationFailed);
    expect(memory.bytes.subarray(at, at + sealed.length)).toEqual(Buffer.from(sealed));
  });

  test(`${profile}: replays are refused, reordering is not`, () => {
    const [alice, bob] = pair(profile);
    const sealed = Array.from({ length: 20 }, (_, i) => sealRtp(alice, i));
    for (const i of [0, 5, 3, 19, 1, 2, 4, 18]) expect(openRtp(bob, sealed[i]!)).toBe(PacketStatus.ok);
    for (const i of [0, 5, 3, 19, 18]) expect(openRtp(bob, sealed[i]!)).toBe(PacketStatus.replayed);
    expect(openRtp(bob, sealed[17]!)).toBe(PacketStatus.ok);
  });

  test(`${profile}: the rollover counter follows, also over gaps of 30000`, () => {
    const [alice, bob] = pair(profile);
    for (let index = 100; index < 400_000; index += 30_000) {
      const sealed = sealRtp(alice, index % 65_536, Math.floor(index / 65_536));
      expect(openRtp(bob, sealed)).toBe(PacketStatus.ok);
    }
  });

  test(`${profile}: late packets from before a rollover are opened`, () => {
    const [alice, bob] = pair(profile);
    expect(openRtp(bob, sealRtp(alice, 65_530))).toBe(PacketStatus.ok);
    expect(openRtp(bob, sealRtp(alice, 3, 1))).toBe(PacketStatus.ok);
    expect(openRtp(bob, sealRtp(alice, 65_533, 0))).toBe(PacketStatus.ok);
    expect(openRtp(bob, sealRtp(alice, 65_533, 0))).toBe(PacketStatus.replayed);
    expect(openRtp(bob, sealRtp(alice, 4, 1))).toBe(PacketStatus.ok);
  });

  test(`${profile}: forged packets move neither window nor rollover counter`, () => {
    const [alice, bob] = pair(profile);
    expect(openRtp(bob, sealRtp(alice, 40_000))).toBe(PacketStatus.ok);
    for (const seq of [3, 7_000, 60_000]) {
      const forged = sealRtp(alice, seq, 1);
      forged[forged.length - 1]! ^= 1;
      expect(openRtp(bob, forged)).toBe(PacketStatus.authenticationFailed);
    }
    expect(openRtp(bob, sealRtp(alice, 39_999))).toBe(PacketStatus.ok);
    expect(openRtp(bob, sealRtp(alice, 40_001))).toBe(PacketStatus.ok);
  });

  test(`${profile}: streams have windows of their own`, () => {
    const [alice, bob] = pair(profile);
    expect(openRtp(bob, sealRtp(alice, 9, 0, 1))).toBe(PacketStatus.ok);
    expect(openRtp(bob, sealRtp(alice, 9, 0, 0xffffffff))).toBe(PacketStatus.ok);
    expect(openRtp(bob, sealRtp(alice, 9, 0, 1))).toBe(PacketStatus.replayed);
    expect(openRtp(bob, sealRtp(alice, 9, 0, 0xffffffff))).toBe(PacketStatus.replayed);
    expect(bob.streamCount).toBe(2);
  });

  test(`${profile}: state of streams is bounded, and forged packets make none`, () => {
    const [alice, bob] = pair(profile);
    for (let ssrc = 1; ssrc <= 50; ssrc++) {
      const forged = sealRtp(alice, 1, 0, ssrc);
      forged[20]! ^= 1;
      openRtp(bob, forged);
    }
    expect(bob.streamCount).toBe(0);
    for (let ssrc = 1; ssrc <= 1100; ssrc++)
      expect(openRtp(bob, sealRtp(alice, 1, 0, ssrc))).toBe(PacketStatus.ok);
    expect(bob.streamCount).toBe(1024);
    // The newest are still guarded.
    expect(openRtp(bob, sealRtp(alice, 1, 0, 1100))).toBe(PacketStatus.replayed);
  });

  test(`${profile}: RTCP round trip, replay, tampering`, () => {
    const [alice, bob] = pair(profile);
    const first = sealRtcp(alice);
    const second = sealRtcp(alice);
    expect(openRtcp(bob, second)).toBe(PacketStatus.ok);
    expect(bob.plainLength).toBe(20);
    expect(openRtcp(bob, second)).toBe(PacketStatus.replayed);
    for (let i = 0; i < first.length; i++) {
      const changed = first.slice();
      changed[i]! ^= 1 << (i % 8);
      expect(openRtcp(bob, changed)).not.toBe(PacketStatus.ok);
    }
    expect(openRtcp(bob, first)).toBe(PacketStatus.ok);
    expect(openRtcp(bob, first)).toBe(PacketStatus.replayed);
  });

  test(`${profile}: keys of one direction do not open the other`, () => {
    const [alice, bob] = pair(profile);
    expect(openRtp(alice, sealRtp(alice, 1))).toBe(PacketStatus.authenticationFailed);
    expect(openRtcp(alice, sealRtcp(alice))).toBe(PacketStatus.authenticationFailed);
    expect(openRtp(bob, sealRtp(alice, 1))).toBe(PacketStatus.ok);
  });

  test(`${profile}: no bytes make it throw`, () => {
    const [, bob] = pair(profile);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(0x80, 0x90, 0xa0, 0x9f),
        (bytes, first) => {
          if (bytes.length > 0) bytes[0] = first;
          expect(openRtp(bob, bytes)).not.toBe(PacketStatus.ok);
          if (bytes.length > 1) bytes[1] = 200;
          expect(openRtcp(bob, bytes)).not.toBe(PacketStatus.ok);
        },
      ),
      { seed: 22, numRuns: 500 },
    );
  });
}

test('SRTCP that is authenticated but not encrypted (E = 0) is opened', () => {
  // Sealed by hand, since protectRtcp() always encrypts.
  const plain = buildRtcp([{ type: 'pli', senderSsrc: 1, mediaSsrc: 2 }]);
  const index = Uint8Array.of(0, 0, 0, 9);
  for (const profile of profiles) {
    const { key, salt } = srtpLengths[profile];
    const [masterKey, masterSalt] = [randomBytes(key), randomBytes(salt)];
    const keys = deriveSessionKeys(profile, masterKey, masterSalt);
    let sealed: Buffer;
    if (profile === 'AEAD_AES_128_GCM') {
      const iv = Buffer.from(keys.rtcpSalt);
      iv[5]! ^= 1;
      iv[11]! ^= 9;
      const cipher = createCipheriv('aes-128-gcm', keys.rtcpKey, iv);
      cipher.setAAD(Buffer.concat([plain, index]));
      cipher.final();
      sealed = Buffer.concat([plain, cipher.getAuthTag(), index]);
    } else {
      const tag = createHmac('sha1', keys.rtcpAuthKey).update(plain).update(index).digest();
      sealed = Buffer.concat([plain, index, tag.subarray(0, 10)]);
    }
    const bob = new SrtpSession({
      profile,
      localKey: masterKey,
      localSalt: masterSalt,
      remoteKey: masterKey,
      remoteSalt: masterSalt,
    });
    expect(openRtcp(bob, sealed)).toBe(PacketStatus.ok);
    expect(bob.plainLength).toBe(plain.length);
    expect(memory.bytes.subarray(at, at + plain.length)).toEqual(Buffer.from(plain));
    sealed[9]! ^= 1;
    expect(openRtcp(bob, sealed)).toBe(PacketStatus.replayed);
    sealed[sealed.length - (profile === 'AEAD_AES_128_GCM' ? 1 : 11)]! ^= 2;
    expect(openRtcp(bob, sealed)).toBe(PacketStatus.authenticationFailed);
  }
});

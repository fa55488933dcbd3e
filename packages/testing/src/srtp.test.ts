import { randomBytes } from 'node:crypto';
import type { ExportedKeys } from '@weir/secure-transport';
import { describe, expect, test } from 'vitest';
import { RtpHeader, SrtcpSession, SrtpSession } from 'werift';
import { createRandom } from './random.ts';
import { TestSrtp } from './srtp.ts';

const PROFILES = [
  ['AEAD_AES_128_GCM', 7, 12],
  ['AES_CM_128_HMAC_SHA1_80', 1, 14],
] as const;

function makeKeys(
  profile: ExportedKeys['profile'],
  saltLength: number,
): { a: ExportedKeys; b: ExportedKeys } {
  const bytes = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));
  const a: ExportedKeys = {
    profile,
    localKey: bytes(16),
    localSalt: bytes(saltLength),
    remoteKey: bytes(16),
    remoteSalt: bytes(saltLength),
  };
  const b: ExportedKeys = {
    profile,
    localKey: a.remoteKey,
    localSalt: a.remoteSalt,
    remoteKey: a.localKey,
    remoteSalt: a.localSalt,
  };
  return { a, b };
}

/** A packet with two CSRCs, an extension, and 50 bytes of payload. */
function rtp(sequence: number, ssrc = 0x11223344): Uint8Array {
  const packet = new Uint8Array(12 + 8 + 8 + 50);
  const view = new DataView(packet.buffer);
  packet[0] = 0x80 | 0x10 | 2;
  packet[1] = 96;
  view.setUint16(2, sequence & 0xffff);
  view.setUint32(4, sequence * 90);
  view.setUint32(8, ssrc);
  view.setUint16(20, 0xbede);
  view.setUint16(22, 1);
  packet.set(createRandom(sequence).bytes(50), 28);
  return packet;
}

/** A receiver report without blocks, and a PLI. */
const RTCP = Uint8Array.from([0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);

describe.each(PROFILES)('%s', (profile, werift, saltLength) => {
  test('there and back, over the end of the sequence numbers, with loss and disorder', () => {
    const { a, b } = makeKeys(profile, saltLength);
    const [sender, receiver] = [new TestSrtp(a), new TestSrtp(b)];
    const order = [65530, 65532, 65531, 65535, 65537, 65536, 65534, 65600, 131071, 131075];
    const sealed = new Map<number, Uint8Array>();
    for (const sequence of [...order].sort((x, y) => x - y))
      sealed.set(sequence, sender.protectRtp(rtp(sequence)));
    for (const sequence of order) {
      expect([sequence, receiver.unprotectRtp(sealed.get(sequence)!)]).toEqual([
        sequence,
        Buffer.from(rtp(sequence)),
      ]);
    }
    for (let i = 0; i < 3; i++) {
      expect(receiver.unprotectRtcp(sender.protectRtcp(RTCP))).toEqual(Buffer.from(RTCP));
    }
  });

  test('one bit changed anywhere: refused', () => {
    const { a, b } = makeKeys(profile, saltLength);
    const [sender, receiver] = [new TestSrtp(a), new TestSrtp(b)];
    const [sealedRtp, sealedRtcp] = [sender.protectRtp(rtp(5)), sender.protectRtcp(RTCP)];
    for (let bit = 16; bit < sealedRtp.length * 8; bit += 7) {
      const changed = Uint8Array.from(sealedRtp);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect([bit, receiver.unprotectRtp(changed)]).toEqual([bit, undefined]);
    }
    for (let bit = 0; bit < sealedRtcp.length * 8; bit += 3) {
      const changed = Uint8Array.from(sealedRtcp);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect([bit, receiver.unprotectRtcp(changed)]).toEqual([bit, undefined]);
    }
    expect(receiver.unprotectRtp(sealedRtp.subarray(0, 11))).toBeUndefined();
    expect(receiver.unprotectRtcp(sealedRtcp.subarray(0, 9))).toBeUndefined();
  });

  test('agrees with another implementation, both ways', () => {
    const { a, b } = makeKeys(profile, saltLength);
    const ours = new TestSrtp(a);
    const keys = {
      localMasterKey: Buffer.from(b.localKey),
      localMasterSalt: Buffer.from(b.localSalt),
      remoteMasterKey: Buffer.from(b.remoteKey),
      remoteMasterSalt: Buffer.from(b.remoteSalt),
    };
    const theirs = new SrtpSession({ keys, profile: werift });
    const theirsRtcp = new SrtcpSession({ keys, profile: werift });
    for (const sequence of [100, 101, 105]) {
      const packet = Buffer.from(rtp(sequence));
      expect(theirs.decrypt(Buffer.from(ours.protectRtp(packet)))).toEqual(packet);
      const header = RtpHeader.deSerialize(packet);
      const sealed = theirs.encrypt(packet.subarray(28), header);
      expect(ours.unprotectRtp(sealed)?.subarray(-50)).toEqual(packet.subarray(-50));
      expect(theirsRtcp.decrypt(Buffer.from(ours.protectRtcp(RTCP)))).toEqual(Buffer.from(RTCP));
      expect(ours.unprotectRtcp(theirsRtcp.encrypt(Buffer.from(RTCP)))).toEqual(Buffer.from(RTCP));
    }
  });
});

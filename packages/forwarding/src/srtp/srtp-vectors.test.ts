import { createCipheriv } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSrtpCipher } from './create-srtp-cipher.ts';
import { deriveSessionKeys, type SrtpSessionKeys } from './key-derivation.ts';
import { addToBatch, createSealBatch } from './seal-batch.ts';
import type { SrtpCipher } from './srtp-cipher.ts';

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

const batch = createSealBatch(8192, 1);
const { memory } = batch;

/** Puts the packet into the memory, which is all zeros otherwise. */
function put(packet: Uint8Array): void {
  memory.bytes.fill(0);
  memory.bytes.set(packet, 64);
}

function seal(
  cipher: SrtpCipher,
  ...packet: [offset: number, header: number, length: number, ssrc: number, seq: number, roc: number]
): number {
  batch.count = 0;
  addToBatch(batch, ...packet);
  cipher.protectRtp(batch);
  return batch.length[0]!;
}

const rtp = { ssrc: 0x5501a0b2, seq: 0xf17b };

/** Session keys as RFC 7714 §16 and §17 give them, without derivation. */
const gcmKeys: SrtpSessionKeys = {
  profile: 'AEAD_AES_128_GCM',
  rtpKey: hex('000102030405060708090a0b0c0d0e0f'),
  rtpSalt: hex('517569642070726f2071756f'),
  rtpAuthKey: new Uint8Array(0),
  rtcpKey: hex('000102030405060708090a0b0c0d0e0f'),
  rtcpSalt: hex('517569642070726f2071756f'),
  rtcpAuthKey: new Uint8Array(0),
};

test('RFC 7714 §16.1: AEAD_AES_128_GCM of an RTP packet', () => {
  const plain = hex(`8040f17b 8041f8d3 5501a0b2
    47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573`);
  const sealed = hex(`8040f17b 8041f8d3 5501a0b2
    f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
    899d7f27 beb16a91 52cf765e e4390cce`);
  const cipher = createSrtpCipher(gcmKeys);
  put(plain);
  const length = seal(cipher, 64, 12, plain.length, rtp.ssrc, rtp.seq, 0);
  expect(memory.bytes.subarray(64, 64 + length)).toEqual(Buffer.from(sealed));
  expect(cipher.unprotectRtp(memory, 64, 12, length, rtp.ssrc, rtp.seq, 0)).toBe(plain.length);
  expect(memory.bytes.subarray(64, 64 + plain.length)).toEqual(Buffer.from(plain));
});

test('RFC 7714 §17.1: AEAD_AES_128_GCM of an RTCP packet', () => {
  const plain = hex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef`);
  const sealed = hex(`81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
    c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`);
  const cipher = createSrtpCipher(gcmKeys);
  put(plain);
  const length = cipher.protectRtcp(memory, 64, plain.length, 0x5d4);
  expect(memory.bytes.subarray(64, 64 + length)).toEqual(Buffer.from(sealed));
  expect(cipher.rtcpIndex(memory.bytes, 64, length)).toBe(0x5d4);
  expect(cipher.unprotectRtcp(memory, 64, length)).toBe(plain.length);
  expect(memory.bytes.subarray(64, 64 + plain.length)).toEqual(Buffer.from(plain));
});

test('RFC 3711 B.2: AES-CM keystream', () => {
  const zeros = new Uint8Array(20);
  const cipher = createSrtpCipher({
    profile: 'AES_CM_128_HMAC_SHA1_80',
    rtpKey: hex('2B7E151628AED2A6ABF7158809CF4F3C'),
    rtpSalt: hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'),
    rtpAuthKey: zeros,
    rtcpKey: new Uint8Array(16),
    rtcpSalt: new Uint8Array(14),
    rtcpAuthKey: zeros,
  });
  // SSRC, rollover counter and sequence number are 0 in the vector, so the header is all but zeros.
  const size = 300 * 16;
  memory.bytes.fill(0);
  memory.bytes[0] = 0x80;
  seal(cipher, 0, 12, 12 + size, 0, 0, 0);
  const block = (i: number) =>
    memory.bytes
      .subarray(12 + i * 16, 28 + i * 16)
      .toString('hex')
      .toUpperCase();
  expect(block(0)).toBe('E03EAD0935C95E80E166B16DD92B4EB4');
  expect(block(1)).toBe('D23513162B02D0F72A43A2FE4A5F97AB');
  expect(block(2)).toBe('41E95B3BB0A2E8DD477901E4FCA894C0');
  // Beyond 256 blocks the counter has a second byte; OpenSSL's own counter mode is the judge.
  const iv = hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000');
  const ctr = createCipheriv('aes-128-ctr', hex('2B7E151628AED2A6ABF7158809CF4F3C'), iv);
  expect(memory.bytes.subarray(12, 12 + size)).toEqual(ctr.update(new Uint8Array(size)));
});

test('RFC 3711 B.3: key derivation', () => {
  const keys = deriveSessionKeys(
    'AES_CM_128_HMAC_SHA1_80',
    hex('E1F97A0D3E018BE0D64FA32C06DE4139'),
    hex('0EC675AD498AFEEBB6960B3AABE6'),
  );
  expect(keys.rtpKey).toEqual(hex('C61E7A93744F39EE10734AFE3FF7A087'));
  expect(keys.rtpSalt).toEqual(hex('30CBBC08863D8C85D49DB34A9AE1'));
  expect(keys.rtpAuthKey).toEqual(hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'));
});

test('AES-CM with HMAC-SHA1-80: the reference packets that SRTP libraries share', () => {
  const cipher = createSrtpCipher(
    deriveSessionKeys(
      'AES_CM_128_HMAC_SHA1_80',
      hex('E1F97A0D3E018BE0D64FA32C06DE4139'),
      hex('0EC675AD498AFEEBB6960B3AABE6'),
    ),
  );
  const plain = hex(`800f1234 decafbad cafebabe ${'ab'.repeat(16)}`);
  put(plain);
  const length = seal(cipher, 64, 12, plain.length, 0xcafebabe, 0x1234, 0);
  expect(memory.bytes.subarray(64, 64 + length).toString('hex')).toBe(
    '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb',
  );
  expect(cipher.unprotectRtp(memory, 64, 12, length, 0xcafebabe, 0x1234, 0)).toBe(plain.length);
  expect(memory.bytes.subarray(64, 64 + plain.length)).toEqual(Buffer.from(plain));

  const report = hex(`81c8000b cafebabe ${'ab'.repeat(16)}`);
  put(report);
  const sealed = cipher.protectRtcp(memory, 64, report.length, 1);
  expect(memory.bytes.subarray(64, 64 + sealed).toString('hex')).toBe(
    '81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798',
  );
  expect(cipher.unprotectRtcp(memory, 64, sealed)).toBe(report.length);
});

test('wrong lengths of key or salt are refused', () => {
  const derive = (profile: 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80', key: number, salt: number) => () =>
    deriveSessionKeys(profile, new Uint8Array(key), new Uint8Array(salt));
  expect(derive('AEAD_AES_128_GCM', 16, 14)).toThrow(RangeError);
  expect(derive('AEAD_AES_128_GCM', 32, 12)).toThrow(RangeError);
  expect(derive('AES_CM_128_HMAC_SHA1_80', 16, 12)).toThrow(RangeError);
  expect(derive('AES_CM_128_HMAC_SHA1_80', 15, 14)).toThrow(RangeError);
  expect(derive('AES_CM_128_HMAC_SHA1_80', 16, 14)).not.toThrow();
});

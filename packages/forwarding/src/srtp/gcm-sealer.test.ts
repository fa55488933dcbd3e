import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { GcmSealer, setRtpIv } from './gcm-sealer.ts';
import type { SrtpSessionKeys } from './key-derivation.ts';
import { addToBatch, createSealBatch } from './seal-batch.ts';
import { sealingRoom } from './seal-memory.ts';

interface Packet {
  readonly header: number;
  readonly payload: number;
  readonly ssrc: number;
  readonly seq: number;
  readonly rolloverCounter: number;
}

const capacity = 64;
const batch = createSealBatch(2 ** 18, capacity);

/** The packet's bytes are anything but all alike. */
function plainBytes({ header, payload, seq }: Packet): Uint8Array {
  return Uint8Array.from({ length: header + payload }, (_, i) => (i * 7 + seq + (i >> 8)) & 0xff);
}

/** Fills the batch; answers where each packet begins. */
function fill(packets: readonly Packet[], into = batch): number[] {
  into.count = 0;
  let at = 0;
  return packets.map((packet) => {
    const offset = at;
    const { header, payload, ssrc, seq, rolloverCounter } = packet;
    into.memory.bytes.set(plainBytes(packet), offset);
    addToBatch(into, offset, header, header + payload, ssrc, seq, rolloverCounter);
    at = (at + header + payload + sealingRoom + 3) & -4;
    return offset;
  });
}

function sealedBytes(offsets: readonly number[], { memory, length } = batch): string[] {
  return offsets.map((offset, i) => memory.bytes.toString('hex', offset, offset + length[i]!));
}

/** What OpenSSL makes of it, packet by packet. */
function byOpenssl(key: Uint8Array, salt: Uint8Array, packet: Packet): string {
  const iv = new Uint8Array(12);
  setRtpIv(iv, salt, packet.ssrc, packet.seq, packet.rolloverCounter);
  const cipher = createCipheriv('aes-128-gcm', key, iv);
  const plain = plainBytes(packet);
  const header = plain.subarray(0, packet.header);
  cipher.setAAD(header);
  const sealed = cipher.update(plain.subarray(packet.header));
  cipher.final();
  return Buffer.concat([header, sealed, cipher.getAuthTag()]).toString('hex');
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const packetOf = (payload: fc.Arbitrary<number>): fc.Arbitrary<Packet> =>
  fc.record({
    header: fc.integer({ min: 3, max: 20 }).map((words) => words * 4),
    payload,
    ssrc: fc.nat(0xffff_ffff),
    seq: fc.nat(0xffff),
    rolloverCounter: fc.nat(0xffff_ffff),
  });

test('any batch is sealed as OpenSSL seals its packets one by one', () => {
  const packet = packetOf(fc.oneof(fc.nat(40), fc.nat(1500)));
  fc.assert(
    fc.property(
      bytes(16),
      bytes(12),
      fc.array(packet, { minLength: 1, maxLength: capacity }),
      (key, salt, packets) => {
        const sealer = new GcmSealer(key, salt);
        const offsets = fill(packets);
        sealer.seal(batch, batch.memory.gcm!);
        expect(sealedBytes(offsets)).toEqual(packets.map((p) => byOpenssl(key, salt, p)));
      },
    ),
    { seed: 60, numRuns: 60 },
  );
});

test('every length of a last block, and the longest datagram', () => {
  const [key, salt] = [Buffer.from('00112233445566778899aabbccddeeff', 'hex'), Buffer.alloc(12, 9)];
  const sealer = new GcmSealer(key, salt);
  const other = new GcmSealer(Buffer.alloc(16, 3), salt);
  for (const payload of [...Array(50).keys(), 4095, 4096, 4097, 65_535 - 16 - 12]) {
    const packet = { header: 12, payload, ssrc: 1, seq: payload & 0xffff, rolloverCounter: 0 };
    const offsets = fill([packet]);
    sealer.seal(batch, batch.memory.gcm!);
    expect(sealedBytes(offsets)).toEqual([byOpenssl(key, salt, packet)]);
    // Keys share the memory; another one's batch in between must leave nothing behind.
    fill([{ ...packet, payload: 77 }]);
    other.seal(batch, batch.memory.gcm!);
  }
});

test('without WebAssembly packets are sealed all the same', async () => {
  const keys: SrtpSessionKeys = {
    profile: 'AEAD_AES_128_GCM',
    rtpKey: Buffer.alloc(16, 5),
    rtpSalt: Buffer.alloc(12, 6),
    rtpAuthKey: new Uint8Array(0),
    rtcpKey: Buffer.alloc(16, 7),
    rtcpSalt: Buffer.alloc(12, 8),
    rtcpAuthKey: new Uint8Array(0),
  };
  const packets = [0, 1, 33, 1200].map((payload, seq) => ({
    header: 20,
    payload,
    ssrc: 4,
    seq,
    rolloverCounter: 2,
  }));
  vi.stubGlobal('WebAssembly', undefined);
  vi.resetModules();
  try {
    const without = (await import('./seal-batch.ts')).createSealBatch(2 ** 14, packets.length);
    expect(without.memory.gcm).toBeUndefined();
    const { AesGcmCipher } = await import('./aes-gcm-cipher.ts');
    const offsets = fill(packets, without);
    new AesGcmCipher(keys).protectRtp(without);
    expect(sealedBytes(offsets, without)).toEqual(
      packets.map((p) => byOpenssl(keys.rtpKey, keys.rtpSalt, p)),
    );
  } finally {
    vi.unstubAllGlobals();
  }
});

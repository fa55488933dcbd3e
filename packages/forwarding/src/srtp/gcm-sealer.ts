import { blocksFor, CounterMode, counterBlock, freeKeystream } from './counter-mode.ts';
import { hashAt } from './gcm-module.ts';
import { Ghash } from './ghash.ts';
import type { SealBatch } from './seal-batch.ts';
import type { GcmMemory } from './seal-memory.ts';

export const tagLength = 16;
const block = counterBlock();

/** Into the first 12 bytes: 16 zero bits, SSRC, ROC, SEQ, XOR salt (RFC 7714 §8.1). */
export function setRtpIv(
  iv: Uint8Array,
  salt: Uint8Array,
  ssrc: number,
  seq: number,
  rolloverCounter: number,
): void {
  iv[0] = salt[0]!;
  iv[1] = salt[1]!;
  iv[2] = salt[2]! ^ (ssrc >>> 24);
  iv[3] = salt[3]! ^ (ssrc >>> 16);
  iv[4] = salt[4]! ^ (ssrc >>> 8);
  iv[5] = salt[5]! ^ ssrc;
  iv[6] = salt[6]! ^ (rolloverCounter >>> 24);
  iv[7] = salt[7]! ^ (rolloverCounter >>> 16);
  iv[8] = salt[8]! ^ (rolloverCounter >>> 8);
  iv[9] = salt[9]! ^ rolloverCounter;
  iv[10] = salt[10]! ^ (seq >>> 8);
  iv[11] = salt[11]! ^ seq;
}

/**
 * AES-GCM from its parts (NIST SP 800-38D §7.1), with one key and for many packets in one call: counter mode by
 * OpenSSL, the rest by our own code. It only seals. What comes from outside is opened by OpenSSL, whose time tells nothing
 * about the key or the tag.
 */
export class GcmSealer {
  readonly #counters: CounterMode;
  readonly #ghash: Ghash;
  readonly #salt: Uint8Array;

  /** Session key and salt of RTP. */
  constructor(key: Uint8Array, salt: Uint8Array) {
    this.#counters = new CounterMode(key);
    this.#ghash = new Ghash(this.#counters.encryptZeros());
    this.#salt = salt;
  }

  /** As SrtpCipher.protectRtp(); `gcm` is that of the batch's memory. */
  seal(batch: SealBatch, gcm: GcmMemory): void {
    const { bytes } = batch.memory;
    const counters = this.#counters;
    // Counter 1 is for the tag, those from 2 on for the payload.
    let used = 0;
    for (let i = 0; i < batch.count; i++) {
      setRtpIv(block.bytes, this.#salt, batch.ssrc[i]!, batch.sequenceNumber[i]!, batch.rolloverCounter[i]!);
      used = counters.fill(used, block, 1, 1 + blocksFor(batch.length[i]! - batch.headerLength[i]!));
    }
    const stream = counters.run(used);
    gcm.words.set(stream, gcm.keystreamAt >>> 2);
    freeKeystream(stream);
    let keystream = gcm.keystreamAt;
    for (let i = 0; i < batch.count; i++) {
      const from = gcm.packetsAt + batch.offset[i]!;
      const payload = from + batch.headerLength[i]!;
      const to = from + batch.length[i]!;
      const payloadBytes = blocksFor(to - payload) * tagLength;
      gcm.xor(payload, payload + payloadBytes, keystream + tagLength);
      this.#ghash.digest(gcm, from, payload, to);
      gcm.xor(hashAt, hashAt + tagLength, keystream);
      putTag(bytes, batch.offset[i]! + batch.length[i]!, gcm.words);
      batch.length[i]! += tagLength;
      keystream += tagLength + payloadBytes;
    }
  }
}

/** The tag lies where the hash was; packets need not end at a whole word. */
function putTag(bytes: Buffer, to: number, words: Uint32Array): void {
  for (let i = 0; i < 4; i++) {
    const word = words[(hashAt >>> 2) + i]!;
    bytes[to + 4 * i] = word;
    bytes[to + 4 * i + 1] = word >>> 8;
    bytes[to + 4 * i + 2] = word >>> 16;
    bytes[to + 4 * i + 3] = word >>> 24;
  }
}

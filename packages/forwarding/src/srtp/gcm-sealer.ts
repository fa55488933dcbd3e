import {
  blocksFor,
  CounterMode,
  counterBlock,
  freeKeystream,
  wordsPerBlock,
  xorKeystream,
} from './counter-mode.ts';
import { Ghash, type GhashMemory, ghashMemory } from './ghash.ts';
import type { SealBatch } from './seal-batch.ts';

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
 * OpenSSL, GHASH by our own code. It only seals. What comes from outside is opened by OpenSSL, whose time tells nothing
 * about the key or the tag.
 */
export class GcmSealer {
  readonly #counters: CounterMode;
  readonly #ghash: Ghash;
  readonly #salt: Uint8Array;

  /** Session key and salt of RTP. Undefined where there is no GHASH. */
  static create(key: Uint8Array, salt: Uint8Array): GcmSealer | undefined {
    const memory = ghashMemory();
    return memory && new GcmSealer(memory, key, salt);
  }

  private constructor(memory: GhashMemory, key: Uint8Array, salt: Uint8Array) {
    this.#counters = new CounterMode(key);
    this.#ghash = new Ghash(memory, this.#counters.encryptZeros());
    this.#salt = salt;
  }

  /** As SrtpCipher.protectRtp(). */
  seal(batch: SealBatch): void {
    const { bytes } = batch.memory;
    const counters = this.#counters;
    // Counter 1 is for the tag, those from 2 on for the payload.
    let used = 0;
    for (let i = 0; i < batch.count; i++) {
      setRtpIv(block.bytes, this.#salt, batch.ssrc[i]!, batch.sequenceNumber[i]!, batch.rolloverCounter[i]!);
      used = counters.fill(used, block, 1, 1 + blocksFor(batch.length[i]! - batch.headerLength[i]!));
    }
    const keystream = counters.run(used);
    for (let i = 0, at = 0; i < batch.count; i++) {
      const from = batch.offset[i]!;
      const payload = from + batch.headerLength[i]!;
      const to = from + batch.length[i]!;
      xorKeystream(batch.memory, payload, to, keystream, at + wordsPerBlock);
      const hash = this.#ghash.digest(bytes, from, payload, to);
      for (let k = 0; k < tagLength; k++)
        bytes[to + k] = hash[k]! ^ (keystream[at + (k >> 2)]! >>> (8 * (k & 3)));
      batch.length[i]! += tagLength;
      at += (1 + blocksFor(to - payload)) * wordsPerBlock;
    }
    freeKeystream(keystream);
  }
}

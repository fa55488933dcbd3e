import { type Cipheriv, createCipheriv, createSecretKey } from 'node:crypto';
import type { PacketMemory } from './srtp-cipher.ts';

const blockLength = 16;
export const wordsPerBlock = 4;

/** An IV and the number of a block. */
export interface CounterBlock {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

export function counterBlock(): CounterBlock {
  const bytes = new Uint8Array(blockLength);
  return { bytes, words: new Uint32Array(bytes.buffer) };
}

/**
 * Counter blocks of the packets at hand; all keys share it, since each batch fills it anew. Grows
 * to twice the largest batch.
 */
let counters = new Uint32Array(1024 * wordsPerBlock);
const zeros = new Uint8Array(blockLength);

/**
 * AES-128 in counter mode (NIST SP 800-38A §6.5) for many packets in one call. A cipher object of Node's that has an
 * IV serves one message only, and making one costs more than all else that a packet needs; but what counter mode adds
 * to a message is nothing else than the plain cipher's answers to its counter blocks. So one object in ECB mode, which
 * has no IV, lives as long as the key, and gets counter blocks, those of many packets in a row.
 *
 * ECB is unsafe for messages since equal blocks give equal answers. Here no block of a message gets into it, and no
 * counter block twice: it holds a packet's SSRC, rollover counter and sequence number and the block's number within
 * the packet. That no two different packets bear the same numbers is up to the caller, as it is with any cipher of
 * SRTP (RFC 3711 §9.1, RFC 7714 §10.1).
 */
export class CounterMode {
  readonly #aes: Cipheriv;

  constructor(key: Uint8Array) {
    this.#aes = createCipheriv('aes-128-ecb', createSecretKey(key), null).setAutoPadding(false);
  }

  /**
   * Makes `count` counter blocks, of which number `at` is the first: `start` with its last 16 bits counting up from
   * `first`. Those are zero in `start`, and `first + count` is at most 65,536. Answers the number of the next block.
   */
  fill(at: number, start: CounterBlock, first: number, count: number): number {
    if ((at + count) * wordsPerBlock > counters.length) grow(at, at + count);
    const { words } = start;
    const w0 = words[0]!;
    const w1 = words[1]!;
    const w2 = words[2]!;
    const w3 = words[3]!;
    const out = counters;
    let word = at * wordsPerBlock;
    // Big-endian; all machines that Node runs WebRTC on are little-endian.
    for (let i = first; i < first + count; i++, word += 4) {
      out[word] = w0;
      out[word + 1] = w1;
      out[word + 2] = w2;
      out[word + 3] = w3 | ((i & 0xff) << 24) | ((i >>> 8) << 16);
    }
    return at + count;
  }

  /** The keystream of the counter blocks from 0 to `count`, as little-endian words. */
  run(count: number): Uint32Array<ArrayBuffer> {
    const stream = this.#aes.update(new Uint8Array(counters.buffer, 0, count * blockLength));
    const aligned = (stream.byteOffset & 3) === 0 ? stream : new Uint8Array(stream);
    return new Uint32Array(aligned.buffer, aligned.byteOffset, count * wordsPerBlock);
  }

  /** The hash key of GCM: the one block without an IV that the plain cipher is asked for. */
  encryptZeros(): Uint8Array {
    return this.#aes.update(zeros);
  }
}

/**
 * Gives back the memory of a keystream that is not needed any more. Left to the garbage collection, there would be
 * tens of megabytes of them, and each new one would lie in memory that no cache holds and the kernel must first provide.
 */
export function freeKeystream(keystream: Uint32Array<ArrayBuffer>): void {
  // Node 20 has no transfer(); and memory that is shared with others would be lost to them.
  if (keystream.byteLength === keystream.buffer.byteLength) keystream.buffer.transfer?.(0);
}

/** Blocks of keystream for `bytes` bytes. */
export function blocksFor(bytes: number): number {
  return (bytes + blockLength - 1) >>> 4;
}

/** XORs `keystream`, from its word `at` on, over `bytes[from … to)`; `from` is a multiple of four. */
export function xorKeystream(
  { bytes, words }: PacketMemory,
  from: number,
  to: number,
  keystream: Uint32Array,
  at: number,
): void {
  const wholeWords = (to - from) >>> 2;
  const first = from >>> 2;
  for (let i = 0; i < wholeWords; i++) words[first + i]! ^= keystream[at + i]!;
  const rest = from + wholeWords * 4;
  for (let i = rest; i < to; i++) bytes[i]! ^= keystream[at + wholeWords]! >>> (8 * (i - rest));
}

function grow(kept: number, blocks: number): void {
  const larger = new Uint32Array(blocks * 2 * wordsPerBlock);
  larger.set(counters.subarray(0, kept * wordsPerBlock));
  counters = larger;
}

import { hashAt, squareTablesAt, tablesAt, tablesBytes } from './gcm-module.ts';
import type { GcmMemory } from './seal-memory.ts';

const blockLength = 16;
/** Behind the tables: a block for what is left of a header. */
const restAt = squareTablesAt + tablesBytes;

/**
 * GHASH with one hash key. It looks up products by values that depend on the key, as most implementations do that have
 * no instruction for it: somebody who watches this processor's caches from another program might learn from it.
 */
export class Ghash {
  /** Products with the hash key, then those with its square. */
  readonly #tables: Uint32Array;

  /** `hashKey`: 16 bytes, the cipher's answer to a block of zeros. */
  constructor(hashKey: Uint8Array) {
    const tables = new Uint8Array(2 * tablesBytes);
    tables.set(productTables(hashKey));
    tables.set(productTables(product(tables, hashKey)), tablesBytes);
    this.#tables = new Uint32Array(tables.buffer);
  }

  /**
   * Hashes associated data, ciphertext and their lengths, as GCM does (NIST SP 800-38D §7.1 step 5): `from … middle`
   * and `middle … to` of `memory`, together less than 65,536 bytes, `from` and `middle` multiples of four. Writes to
   * the sealing room behind them. The hash is at `hashAt`, until the next call.
   */
  digest(memory: GcmMemory, from: number, middle: number, to: number): void {
    const { words } = memory;
    if (memory.tablesOf !== this) {
      words.set(this.#tables, tablesAt >>> 2);
      memory.tablesOf = this;
    }
    for (let i = 0; i < 4; i++) words[(hashAt >>> 2) + i] = 0;
    const rest = middle - ((middle - from) % blockLength);
    memory.hash(from, rest);
    if (rest < middle) {
      const first = rest >>> 2;
      const count = (middle - rest) >>> 2;
      for (let i = 0; i < 4; i++) words[(restAt >>> 2) + i] = i < count ? words[first + i]! : 0;
      memory.hash(restAt, restAt + blockLength);
    }
    const lengthsAt = middle + ((to - middle + blockLength - 1) & -blockLength);
    fillWithZeros(words, to, lengthsAt);
    const lengths = lengthsAt >>> 2;
    words[lengths] = 0;
    words[lengths + 1] = bigEndian((middle - from) * 8);
    words[lengths + 2] = 0;
    words[lengths + 3] = bigEndian((to - middle) * 8);
    memory.hash(middle, lengthsAt + blockLength);
  }
}

/** `to` is a multiple of four. */
function fillWithZeros(words: Uint32Array, from: number, to: number): void {
  const begun = from & 3;
  let word = from >>> 2;
  if (begun !== 0) words[word++]! &= (1 << (8 * begun)) - 1;
  for (; word < to >>> 2; word++) words[word] = 0;
}

/** All machines that Node runs WebRTC on are little-endian. */
function bigEndian(value: number): number {
  return ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/**
 * For half byte h of a block and each of its 16 values, the product with the hash key: entry 16 h + value. Bit 0 of
 * GCM's polynomials is the highest of the first byte, and half byte 2 k is the lower one of byte k, since that comes
 * first in a little-endian word.
 */
function productTables(hashKey: Uint8Array): Uint8Array {
  const tables = new Uint8Array(tablesBytes);
  const power = Uint8Array.from(hashKey);
  for (let bit = 0; bit < 128; bit++) {
    const half = 2 * (bit >> 3) + (bit % 8 < 4 ? 1 : 0);
    const mask = 8 >> (bit % 4);
    for (let value = 0; value < 16; value++) {
      if ((value & mask) === 0) continue;
      const entry = (16 * half + value) * blockLength;
      for (let i = 0; i < blockLength; i++) tables[entry + i]! ^= power[i]!;
    }
    timesX(power);
  }
  return tables;
}

/** The product of `block` and the number that the tables are of. */
function product(tables: Uint8Array, block: Uint8Array): Uint8Array {
  const sum = new Uint8Array(blockLength);
  for (let half = 0; half < 32; half++) {
    const byte = block[half >> 1]!;
    const entry = (16 * half + (half % 2 === 0 ? byte & 15 : byte >> 4)) * blockLength;
    for (let i = 0; i < blockLength; i++) sum[i]! ^= tables[entry + i]!;
  }
  return sum;
}

/** Multiplies by x modulo x^128 + x^7 + x^2 + x + 1: in GCM's order of bits, a shift to the right. */
function timesX(power: Uint8Array): void {
  const carry = power[15]! & 1;
  for (let i = 15; i > 0; i--) power[i] = (power[i]! >> 1) | ((power[i - 1]! & 1) << 7);
  power[0] = (power[0]! >> 1) ^ (carry === 1 ? 0xe1 : 0);
}

import { type GhashExports, ghashModule, squareTablesAt, tablesAt, tablesBytes } from './ghash-module.ts';

/** What is used of WebAssembly; its types come with browsers' libraries only. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

const blockLength = 16;
/** Behind the tables and a block of zeros. */
const dataAt = 20_480;
/** Room for a whole datagram, its paddings and the block of lengths. */
const memoryPages = 2;

/** Code and memory for all keys of a thread: a call leaves nothing behind that another one needs. */
export class GhashMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly hash: GhashExports['hash'];
  /** Whose tables are in it. */
  owner: Ghash | undefined;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: memoryPages });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(ghashModule()), { env: { memory } });
    this.hash = (instance.exports as GhashExports).hash;
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
  }
}

let shared: GhashMemory | Error | undefined;

/** Undefined where Node runs without WebAssembly, or on a processor too old for its 128-bit words. */
export function ghashMemory(): GhashMemory | undefined {
  try {
    shared ??= new GhashMemory();
  } catch (error) {
    shared = error as Error;
  }
  return shared instanceof GhashMemory ? shared : undefined;
}

/**
 * GHASH with one hash key. It looks up products by values that depend on the key, as most implementations do that have
 * no instruction for it: somebody who watches this processor's caches from another program might learn from it.
 */
export class Ghash {
  readonly #memory: GhashMemory;
  readonly #tables: Uint8Array;
  readonly #squareTables: Uint8Array;

  /** `hashKey`: 16 bytes, the cipher's answer to a block of zeros. */
  constructor(memory: GhashMemory, hashKey: Uint8Array) {
    this.#memory = memory;
    this.#tables = productTables(hashKey);
    this.#squareTables = productTables(product(this.#tables, hashKey));
  }

  /**
   * Hashes associated data, ciphertext and their lengths, as GCM does (NIST SP 800-38D §7.1 step 5): `bytes[from …
   * middle)` and `bytes[middle … to)`, together less than 65,536 bytes. The first 16 bytes of the answer are the
   * hash, until the next call.
   */
  digest(bytes: Uint8Array, from: number, middle: number, to: number): Uint8Array {
    const memory = this.#memory;
    if (memory.owner !== this) {
      memory.bytes.set(this.#tables, tablesAt);
      memory.bytes.set(this.#squareTables, squareTablesAt);
      memory.owner = this;
    }
    const ciphertextAt = put(memory, dataAt, bytes, from, middle);
    const lengthsAt = put(memory, ciphertextAt, bytes, middle, to);
    const { words } = memory;
    words[lengthsAt >>> 2] = 0;
    words[(lengthsAt >>> 2) + 1] = bigEndian((middle - from) * 8);
    words[(lengthsAt >>> 2) + 2] = 0;
    words[(lengthsAt >>> 2) + 3] = bigEndian((to - middle) * 8);
    // With a block of zeros before them, which changes no hash, their number is even.
    const end = lengthsAt + blockLength;
    const isOdd = ((end - dataAt) / blockLength) % 2 === 1;
    memory.hash(isOdd ? dataAt - blockLength : dataAt, end);
    return memory.bytes;
  }
}

/** Copies `bytes[from … to)` to `at` and fills the last block with zeros; answers where the next block begins. */
function put(memory: GhashMemory, at: number, bytes: Uint8Array, from: number, to: number): number {
  if (to === from) return at;
  const next = at + ((to - from + blockLength - 1) & -blockLength);
  const last = (next - blockLength) >>> 2;
  for (let i = 0; i < 4; i++) memory.words[last + i] = 0;
  memory.bytes.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from), at);
  return next;
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

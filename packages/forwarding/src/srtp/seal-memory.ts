import { type GcmExports, gcmModule } from './gcm-module.ts';
import type { Ghash } from './ghash.ts';
import { type PacketMemory, packetMemory } from './srtp-cipher.ts';

/** What is used of WebAssembly; its types come with browsers' libraries only. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** Behind the tables and a block that a header's end is put into. */
const packetsAt = 20_480;
const pageSize = 65_536;
const blockLength = 16;

/**
 * Bytes behind a packet that sealing may write to: the ciphertext is filled up to whole blocks, and GCM's block of
 * lengths follows.
 */
export const sealingRoom = 2 * blockLength;

/** Memory for packets to be sealed; where there is WebAssembly, its code reaches them where they lie. */
export interface SealMemory extends PacketMemory {
  /** Undefined where Node runs without WebAssembly, or on a processor too old for its 128-bit words. */
  readonly gcm: GcmMemory | undefined;
}

/** The memory as the code sees it, and the code. */
export interface GcmMemory extends GcmExports {
  readonly words: Uint32Array;
  /** Where the packets begin. */
  readonly packetsAt: number;
  /** Where the keystream of all packets has room. */
  readonly keystreamAt: number;
  /** Whose tables are in it. */
  tablesOf: Ghash | undefined;
}

/** Compiled once; a thread's memories share it. */
let compiled: object | undefined;

/** For `packets` packets in `size` bytes, sealing rooms included. */
export function sealMemory(size: number, packets: number): SealMemory {
  const keystreamAt = packetsAt + ((size + blockLength - 1) & -blockLength);
  // A packet has a block for its tag and may have one that is not full.
  const pages = Math.ceil((keystreamAt + size + 2 * blockLength * packets) / pageSize);
  try {
    compiled ??= new WebAssembly.Module(gcmModule());
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
    const { hash, xor } = exports as GcmExports;
    const words = new Uint32Array(memory.buffer);
    const gcm = { hash, xor, words, packetsAt, keystreamAt, tablesOf: undefined };
    return { ...packetMemory(new Uint8Array(memory.buffer, packetsAt, size)), gcm };
  } catch {
    return { ...packetMemory(new Uint8Array(size)), gcm: undefined };
  }
}

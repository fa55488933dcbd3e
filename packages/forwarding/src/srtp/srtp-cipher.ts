import type { SealBatch } from './seal-batch.ts';

/** What SRTP or SRTCP adds at most: a 16-byte tag and the 4-byte SRTCP index. */
export const maxSrtpOverhead = 20;

/** The SRTCP word after the packet: E bit and 31 bits of index. */
export const srtcpIndexMask = 0x7fff_ffff;

/**
 * Memory in which packets lie, with a view of 32-bit words for fast XOR. Packets begin at multiples of four,
 * and since RTP and RTCP headers have whole words, so do payloads.
 */
export interface PacketMemory {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
}

/** `bytes` must begin at a multiple of four of its ArrayBuffer; a rest of less than a word stays unused. */
export function packetMemory(bytes: Uint8Array): PacketMemory {
  return {
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    words: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2),
  };
}

/** A view of `bytes[from…to)`: three times as fast as subarray(). */
export function viewOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
}

/**
 * The transform of one direction of one association: seals and opens packets in place and knows no state of
 * streams. Offsets are multiples of four.
 */
export interface SrtpCipher {
  /** Bytes that sealing adds to an RTP packet. */
  readonly rtpOverhead: number;
  /** Bytes that sealing adds to an RTCP packet. */
  readonly rtcpOverhead: number;

  /** Seals all packets in place and makes their lengths the new ones; behind each is its sealing room. */
  protectRtp(batch: SealBatch): void;

  /** Authenticates, then decrypts in place; answers the plain length, or -1, and then nothing is changed. */
  unprotectRtp(
    memory: PacketMemory,
    offset: number,
    headerLength: number,
    length: number,
    ssrc: number,
    seq: number,
    rolloverCounter: number,
  ): number;

  protectRtcp(memory: PacketMemory, offset: number, length: number, index: number): number;

  /** The index of a sealed packet, before authentication; -1 when it is too short to be one. */
  rtcpIndex(bytes: Uint8Array, offset: number, length: number): number;

  unprotectRtcp(memory: PacketMemory, offset: number, length: number): number;
}

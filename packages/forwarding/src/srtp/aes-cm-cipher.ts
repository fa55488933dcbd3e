import { type Cipheriv, createCipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { readU32, writeU32 } from '@weir/rtp';
import type { SrtpSessionKeys } from './key-derivation.ts';
import { type PacketMemory, type SrtpCipher, srtcpIndexMask, viewOf } from './srtp-cipher.ts';

const tagLength = 10;
const blockLength = 16;
/** More than any datagram has. */
const maxBlocks = 4096;

/**
 * Counter blocks of the packet at hand; shared by all ciphers, since each call fills it anew. Grows to the
 * largest packet seen.
 */
let counterBytes = Buffer.alloc(128 * blockLength);
let counterWords = new Uint32Array(counterBytes.buffer, counterBytes.byteOffset, counterBytes.length >>> 2);
const ivBytes = new Uint8Array(blockLength);
const ivWords = new Uint32Array(ivBytes.buffer);
const rocBytes = Buffer.alloc(4);

/**
 * AES_CM_128_HMAC_SHA1_80 (RFC 3711). The keystream comes from one long-lived AES-ECB object per key, fed
 * with counter blocks: no object is made per packet but the HMAC.
 */
export class AesCmCipher implements SrtpCipher {
  readonly rtpOverhead = tagLength;
  readonly rtcpOverhead = tagLength + 4;
  readonly #rtpBlocks: Cipheriv;
  readonly #rtcpBlocks: Cipheriv;
  readonly #rtpSalt: Uint8Array;
  readonly #rtcpSalt: Uint8Array;
  readonly #rtpAuthKey: KeyObject;
  readonly #rtcpAuthKey: KeyObject;

  constructor(keys: SrtpSessionKeys) {
    this.#rtpBlocks = blockCipher(keys.rtpKey);
    this.#rtcpBlocks = blockCipher(keys.rtcpKey);
    this.#rtpSalt = keys.rtpSalt;
    this.#rtcpSalt = keys.rtcpSalt;
    this.#rtpAuthKey = createSecretKey(keys.rtpAuthKey);
    this.#rtcpAuthKey = createSecretKey(keys.rtcpAuthKey);
  }

  protectRtp(
    memory: PacketMemory,
    offset: number,
    headerLength: number,
    length: number,
    ssrc: number,
    seq: number,
    rolloverCounter: number,
  ): number {
    this.#setRtpIv(ssrc, seq, rolloverCounter);
    xorKeystream(this.#rtpBlocks, memory, offset + headerLength, offset + length);
    const tag = this.#rtpTag(memory.bytes, offset, length, rolloverCounter);
    writeTag(memory.bytes, offset + length, tag);
    return length + tagLength;
  }

  unprotectRtp(
    memory: PacketMemory,
    offset: number,
    headerLength: number,
    length: number,
    ssrc: number,
    seq: number,
    rolloverCounter: number,
  ): number {
    const end = length - tagLength;
    if (end < headerLength) return -1;
    const { bytes } = memory;
    const tag = this.#rtpTag(bytes, offset, end, rolloverCounter);
    if (!tagMatches(bytes, offset + end, tag)) return -1;
    this.#setRtpIv(ssrc, seq, rolloverCounter);
    xorKeystream(this.#rtpBlocks, memory, offset + headerLength, offset + end);
    return end;
  }

  protectRtcp(memory: PacketMemory, offset: number, length: number, index: number): number {
    const { bytes } = memory;
    this.#setRtcpIv(readU32(bytes, offset + 4), index);
    xorKeystream(this.#rtcpBlocks, memory, offset + 8, offset + length);
    writeU32(bytes, offset + length, (index | 0x8000_0000) >>> 0);
    const authenticated = viewOf(bytes, offset, offset + length + 4);
    writeTag(
      bytes,
      offset + length + 4,
      createHmac('sha1', this.#rtcpAuthKey).update(authenticated).digest(),
    );
    return length + 4 + tagLength;
  }

  rtcpIndex(bytes: Uint8Array, offset: number, length: number): number {
    if (length < 8 + 4 + tagLength) return -1;
    return readU32(bytes, offset + length - tagLength - 4) & srtcpIndexMask;
  }

  unprotectRtcp(memory: PacketMemory, offset: number, length: number): number {
    const { bytes } = memory;
    const end = length - tagLength - 4;
    if (end < 8) return -1;
    const word = readU32(bytes, offset + end);
    const authenticated = viewOf(bytes, offset, offset + end + 4);
    const tag = createHmac('sha1', this.#rtcpAuthKey).update(authenticated).digest();
    if (!tagMatches(bytes, offset + end + 4, tag)) return -1;
    if (word >= 0x8000_0000) {
      this.#setRtcpIv(readU32(bytes, offset + 4), word & srtcpIndexMask);
      xorKeystream(this.#rtcpBlocks, memory, offset + 8, offset + end);
    }
    return end;
  }

  /** HMAC over the packet and the rollover counter (RFC 3711 §4.2). */
  #rtpTag(bytes: Buffer, offset: number, length: number, rolloverCounter: number): Buffer {
    writeU32(rocBytes, 0, rolloverCounter);
    return createHmac('sha1', this.#rtpAuthKey)
      .update(viewOf(bytes, offset, offset + length))
      .update(rocBytes)
      .digest();
  }

  /** (salt × 2^16) XOR (SSRC × 2^64) XOR (index × 2^16) (RFC 3711 §4.1.1). */
  #setRtpIv(ssrc: number, seq: number, rolloverCounter: number): void {
    const iv = ivBytes;
    const salt = this.#rtpSalt;
    iv[0] = salt[0]!;
    iv[1] = salt[1]!;
    iv[2] = salt[2]!;
    iv[3] = salt[3]!;
    iv[4] = salt[4]! ^ (ssrc >>> 24);
    iv[5] = salt[5]! ^ (ssrc >>> 16);
    iv[6] = salt[6]! ^ (ssrc >>> 8);
    iv[7] = salt[7]! ^ ssrc;
    iv[8] = salt[8]! ^ (rolloverCounter >>> 24);
    iv[9] = salt[9]! ^ (rolloverCounter >>> 16);
    iv[10] = salt[10]! ^ (rolloverCounter >>> 8);
    iv[11] = salt[11]! ^ rolloverCounter;
    iv[12] = salt[12]! ^ (seq >>> 8);
    iv[13] = salt[13]! ^ seq;
    iv[14] = 0;
    iv[15] = 0;
  }

  #setRtcpIv(ssrc: number, index: number): void {
    // The 31-bit index fills the low 32 of the 48 bits that RTP's index has.
    ivBytes.set(this.#rtcpSalt);
    ivBytes[14] = 0;
    ivBytes[15] = 0;
    writeU32(ivBytes, 4, (readU32(ivBytes, 4) ^ ssrc) >>> 0);
    writeU32(ivBytes, 10, (readU32(ivBytes, 10) ^ index) >>> 0);
  }
}

function writeTag(bytes: Uint8Array, at: number, tag: Uint8Array): void {
  for (let i = 0; i < tagLength; i++) bytes[at + i] = tag[i]!;
}

/** Looks at all bytes whatever they are, so that the time tells nothing. */
function tagMatches(bytes: Uint8Array, at: number, tag: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < tagLength; i++) difference |= bytes[at + i]! ^ tag[i]!;
  return difference === 0;
}

/** AES-128 of whole blocks, each by itself: the caller chooses the blocks, so this is counter mode. */
function blockCipher(key: Uint8Array): Cipheriv {
  return createCipheriv('aes-128-ecb', createSecretKey(key), null).setAutoPadding(false);
}

/** XORs the keystream of the current IV over `bytes[from…to)`; `from` is a multiple of four. */
function xorKeystream(cipher: Cipheriv, memory: PacketMemory, from: number, to: number): void {
  if (to <= from) return;
  const blocks = (to - from + blockLength - 1) >>> 4;
  if (blocks * blockLength > counterBytes.length) grow(blocks);
  const w0 = ivWords[0]!;
  const w1 = ivWords[1]!;
  const w2 = ivWords[2]!;
  // The block counter is the last 16 bits, big-endian; all machines Node runs WebRTC on are little-endian.
  const w3 = ivWords[3]!;
  const counters = counterWords;
  for (let i = 0, at = 0; i < blocks; i++, at += 4) {
    counters[at] = w0;
    counters[at + 1] = w1;
    counters[at + 2] = w2;
    counters[at + 3] = w3 | ((i & 0xff) << 24) | ((i >>> 8) << 16);
  }
  const keystream = cipher.update(viewOf(counterBytes, 0, blocks * blockLength));
  const { bytes, words } = memory;
  const wholeWords = (to - from) >>> 2;
  if ((keystream.byteOffset & 3) === 0) {
    const stream = new Uint32Array(keystream.buffer, keystream.byteOffset, wholeWords);
    const first = from >>> 2;
    for (let i = 0; i < wholeWords; i++) words[first + i]! ^= stream[i]!;
  } else {
    for (let i = 0; i < wholeWords * 4; i++) bytes[from + i]! ^= keystream[i]!;
  }
  for (let i = wholeWords * 4; i < to - from; i++) bytes[from + i]! ^= keystream[i]!;
}

function grow(blocks: number): void {
  if (blocks > maxBlocks) throw new RangeError(`packet: ${blocks} blocks are more than a datagram has`);
  counterBytes = Buffer.alloc(blocks * 2 * blockLength);
  counterWords = new Uint32Array(counterBytes.buffer, counterBytes.byteOffset, counterBytes.length >>> 2);
}

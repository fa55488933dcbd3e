import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { readU32, writeU32 } from '@weir/rtp';
import {
  blocksFor,
  CounterMode,
  counterBlock,
  freeKeystream,
  wordsPerBlock,
  xorKeystream,
} from './counter-mode.ts';
import type { SrtpSessionKeys } from './key-derivation.ts';
import type { SealBatch } from './seal-batch.ts';
import { type PacketMemory, type SrtpCipher, srtcpIndexMask, viewOf } from './srtp-cipher.ts';

const tagLength = 10;

const iv = counterBlock();
const rocBytes = Buffer.alloc(4);

/**
 * AES_CM_128_HMAC_SHA1_80 (RFC 3711). The keystream comes from one AES object per key, that of many packets at once; no
 * object is made per packet but the HMAC.
 */
export class AesCmCipher implements SrtpCipher {
  readonly rtpOverhead = tagLength;
  readonly rtcpOverhead = tagLength + 4;
  readonly #rtpCounters: CounterMode;
  readonly #rtcpCounters: CounterMode;
  readonly #rtpSalt: Uint8Array;
  readonly #rtcpSalt: Uint8Array;
  readonly #rtpAuthKey: KeyObject;
  readonly #rtcpAuthKey: KeyObject;

  constructor(keys: SrtpSessionKeys) {
    this.#rtpCounters = new CounterMode(keys.rtpKey);
    this.#rtcpCounters = new CounterMode(keys.rtcpKey);
    this.#rtpSalt = keys.rtpSalt;
    this.#rtcpSalt = keys.rtcpSalt;
    this.#rtpAuthKey = createSecretKey(keys.rtpAuthKey);
    this.#rtcpAuthKey = createSecretKey(keys.rtcpAuthKey);
  }

  protectRtp(batch: SealBatch): void {
    const { memory } = batch;
    const { bytes } = memory;
    const counters = this.#rtpCounters;
    let used = 0;
    for (let i = 0; i < batch.count; i++) {
      this.#setRtpIv(batch.ssrc[i]!, batch.sequenceNumber[i]!, batch.rolloverCounter[i]!);
      used = counters.fill(used, iv, 0, blocksFor(batch.length[i]! - batch.headerLength[i]!));
    }
    const keystream = counters.run(used);
    for (let i = 0, at = 0; i < batch.count; i++) {
      const from = batch.offset[i]!;
      const payload = from + batch.headerLength[i]!;
      const length = batch.length[i]!;
      xorKeystream(memory, payload, from + length, keystream, at);
      writeTag(bytes, from + length, this.#rtpTag(bytes, from, length, batch.rolloverCounter[i]!));
      batch.length[i] = length + tagLength;
      at += blocksFor(from + length - payload) * wordsPerBlock;
    }
    freeKeystream(keystream);
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
    applyKeystream(this.#rtpCounters, memory, offset + headerLength, offset + end);
    return end;
  }

  protectRtcp(memory: PacketMemory, offset: number, length: number, index: number): number {
    const { bytes } = memory;
    this.#setRtcpIv(readU32(bytes, offset + 4), index);
    applyKeystream(this.#rtcpCounters, memory, offset + 8, offset + length);
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
      applyKeystream(this.#rtcpCounters, memory, offset + 8, offset + end);
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
    const { bytes } = iv;
    const salt = this.#rtpSalt;
    bytes[0] = salt[0]!;
    bytes[1] = salt[1]!;
    bytes[2] = salt[2]!;
    bytes[3] = salt[3]!;
    bytes[4] = salt[4]! ^ (ssrc >>> 24);
    bytes[5] = salt[5]! ^ (ssrc >>> 16);
    bytes[6] = salt[6]! ^ (ssrc >>> 8);
    bytes[7] = salt[7]! ^ ssrc;
    bytes[8] = salt[8]! ^ (rolloverCounter >>> 24);
    bytes[9] = salt[9]! ^ (rolloverCounter >>> 16);
    bytes[10] = salt[10]! ^ (rolloverCounter >>> 8);
    bytes[11] = salt[11]! ^ rolloverCounter;
    bytes[12] = salt[12]! ^ (seq >>> 8);
    bytes[13] = salt[13]! ^ seq;
    bytes[14] = 0;
    bytes[15] = 0;
  }

  #setRtcpIv(ssrc: number, index: number): void {
    // The 31-bit index fills the low 32 of the 48 bits that RTP's index has.
    iv.bytes.set(this.#rtcpSalt);
    iv.bytes[14] = 0;
    iv.bytes[15] = 0;
    writeU32(iv.bytes, 4, (readU32(iv.bytes, 4) ^ ssrc) >>> 0);
    writeU32(iv.bytes, 10, (readU32(iv.bytes, 10) ^ index) >>> 0);
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

/** XORs the keystream that begins at the current IV over `bytes[from…to)`; `from` is a multiple of four. */
function applyKeystream(counters: CounterMode, memory: PacketMemory, from: number, to: number): void {
  if (to <= from) return;
  const keystream = counters.run(counters.fill(0, iv, 0, blocksFor(to - from)));
  xorKeystream(memory, from, to, keystream, 0);
  freeKeystream(keystream);
}

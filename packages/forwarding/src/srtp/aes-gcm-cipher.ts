import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { readU32, writeU32 } from '@weir/rtp';
import { GcmSealer, setRtpIv, tagLength } from './gcm-sealer.ts';
import type { SrtpSessionKeys } from './key-derivation.ts';
import type { SealBatch } from './seal-batch.ts';
import { type PacketMemory, type SrtpCipher, srtcpIndexMask, viewOf } from './srtp-cipher.ts';

const options = { authTagLength: tagLength };

/**
 * AEAD_AES_128_GCM (RFC 7714). RTP is sealed in batches; what is seldom, and what comes from outside and must be judged, is
 * left to OpenSSL, an object for each packet. Keys are KeyObjects: with plain bytes each packet would cost 20 µs more.
 */
export class AesGcmCipher implements SrtpCipher {
  readonly rtpOverhead = tagLength;
  readonly rtcpOverhead = tagLength + 4;
  readonly #rtpKey: KeyObject;
  readonly #rtcpKey: KeyObject;
  readonly #rtpSalt: Uint8Array;
  readonly #rtcpSalt: Uint8Array;
  readonly #rtpKeyBytes: Uint8Array;
  /** Made with the first batch, since one direction of a session only opens. */
  #sealer: GcmSealer | undefined;
  readonly #iv = Buffer.alloc(12);
  readonly #rtcpAad = Buffer.alloc(12);

  constructor(keys: SrtpSessionKeys) {
    this.#rtpKey = createSecretKey(keys.rtpKey);
    this.#rtcpKey = createSecretKey(keys.rtcpKey);
    this.#rtpKeyBytes = keys.rtpKey;
    this.#rtpSalt = keys.rtpSalt;
    this.#rtcpSalt = keys.rtcpSalt;
  }

  protectRtp(batch: SealBatch): void {
    const { gcm } = batch.memory;
    if (gcm === undefined) {
      this.#protectRtpOneByOne(batch);
      return;
    }
    this.#sealer ??= new GcmSealer(this.#rtpKeyBytes, this.#rtpSalt);
    this.#sealer.seal(batch, gcm);
  }

  /** Where Node has no WebAssembly. */
  #protectRtpOneByOne(batch: SealBatch): void {
    const { bytes } = batch.memory;
    for (let i = 0; i < batch.count; i++) {
      const from = batch.offset[i]!;
      const payload = from + batch.headerLength[i]!;
      setRtpIv(this.#iv, this.#rtpSalt, batch.ssrc[i]!, batch.sequenceNumber[i]!, batch.rolloverCounter[i]!);
      this.#seal(this.#rtpKey, bytes, payload, from + batch.length[i]!, viewOf(bytes, from, payload));
      batch.length[i]! += tagLength;
    }
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
    setRtpIv(this.#iv, this.#rtpSalt, ssrc, seq, rolloverCounter);
    const payload = offset + headerLength;
    const opened = this.#open(this.#rtpKey, bytes, payload, offset + end, viewOf(bytes, offset, payload));
    return opened ? end : -1;
  }

  protectRtcp(memory: PacketMemory, offset: number, length: number, index: number): number {
    const { bytes } = memory;
    this.#rtcpIv(readU32(bytes, offset + 4), index);
    const word = (index | 0x8000_0000) >>> 0;
    this.#setRtcpAad(bytes, offset, word);
    this.#seal(this.#rtcpKey, bytes, offset + 8, offset + length, this.#rtcpAad);
    writeU32(bytes, offset + length + tagLength, word);
    return length + tagLength + 4;
  }

  rtcpIndex(bytes: Uint8Array, offset: number, length: number): number {
    if (length < 8 + tagLength + 4) return -1;
    return readU32(bytes, offset + length - 4) & srtcpIndexMask;
  }

  unprotectRtcp(memory: PacketMemory, offset: number, length: number): number {
    const { bytes } = memory;
    const end = length - tagLength - 4;
    if (end < 8) return -1;
    const word = readU32(bytes, offset + length - 4);
    this.#rtcpIv(readU32(bytes, offset + 4), word & srtcpIndexMask);
    if (word >= 0x8000_0000) {
      this.#setRtcpAad(bytes, offset, word);
      return this.#open(this.#rtcpKey, bytes, offset + 8, offset + end, this.#rtcpAad) ? end : -1;
    }
    // Authenticated only: everything but the tag is associated data (RFC 7714 §9.3).
    const aad = Buffer.concat([
      bytes.subarray(offset, offset + end),
      bytes.subarray(offset + length - 4, offset + length),
    ]);
    return this.#open(this.#rtcpKey, bytes, offset + end, offset + end, aad) ? end : -1;
  }

  #seal(key: KeyObject, bytes: Buffer, from: number, to: number, aad: Uint8Array): void {
    const cipher = createCipheriv('aes-128-gcm', key, this.#iv);
    cipher.setAAD(aad);
    if (to > from) bytes.set(cipher.update(viewOf(bytes, from, to)), from);
    cipher.final();
    bytes.set(cipher.getAuthTag(), to);
  }

  /** The tag is compared by OpenSSL in constant time. */
  #open(key: KeyObject, bytes: Buffer, from: number, to: number, aad: Uint8Array): boolean {
    const decipher = createDecipheriv('aes-128-gcm', key, this.#iv, options);
    decipher.setAuthTag(viewOf(bytes, to, to + tagLength));
    decipher.setAAD(aad);
    try {
      const plain = to > from ? decipher.update(viewOf(bytes, from, to)) : undefined;
      decipher.final();
      if (plain !== undefined) bytes.set(plain, from);
      return true;
    } catch {
      return false;
    }
  }

  /** 16 zero bits, SSRC, 16 zero bits, index, XOR salt (RFC 7714 §9.1). */
  #rtcpIv(ssrc: number, index: number): void {
    const iv = this.#iv;
    iv.set(this.#rtcpSalt);
    writeU32(iv, 2, (readU32(iv, 2) ^ ssrc) >>> 0);
    writeU32(iv, 8, (readU32(iv, 8) ^ index) >>> 0);
  }

  #setRtcpAad(bytes: Uint8Array, offset: number, word: number): void {
    for (let i = 0; i < 8; i++) this.#rtcpAad[i] = bytes[offset + i]!;
    writeU32(this.#rtcpAad, 8, word);
  }
}

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import type { ExportedKeys } from '@weir/secure-transport';

/**
 * SRTP and SRTCP of a test endpoint, both directions. Written plainly after RFC 3711 and RFC 7714, and on
 * purpose apart from the engines, so that each proves the other. `undefined` = not authentic.
 */
export class TestSrtp {
  readonly #local: Direction;
  readonly #remote: Direction;

  constructor(keys: ExportedKeys) {
    const make = keys.profile === 'AEAD_AES_128_GCM' ? gcm : counterMode;
    this.#local = new Direction(make(keys.localKey, keys.localSalt));
    this.#remote = new Direction(make(keys.remoteKey, keys.remoteSalt));
  }

  protectRtp(packet: Uint8Array): Uint8Array {
    return this.#local.protectRtp(packet);
  }

  protectRtcp(packet: Uint8Array): Uint8Array {
    return this.#local.protectRtcp(packet);
  }

  unprotectRtp(packet: Uint8Array): Uint8Array | undefined {
    return this.#remote.unprotectRtp(packet);
  }

  unprotectRtcp(packet: Uint8Array): Uint8Array | undefined {
    return this.#remote.unprotectRtcp(packet);
  }
}

/** One packet of one direction. `index` is the 48-bit RTP index, or the 31-bit RTCP index. */
interface Transform {
  sealRtp(header: Uint8Array, payload: Uint8Array, ssrc: number, index: number): Uint8Array;
  openRtp(header: Uint8Array, sealed: Uint8Array, ssrc: number, index: number): Uint8Array | undefined;
  sealRtcp(packet: Uint8Array, ssrc: number, index: number): Uint8Array;
  openRtcp(packet: Uint8Array, ssrc: number): Uint8Array | undefined;
}

class Direction {
  readonly #transform: Transform;
  /** Highest RTP index per SSRC. */
  readonly #highest = new Map<number, number>();
  #rtcpIndex = 0;

  constructor(transform: Transform) {
    this.#transform = transform;
  }

  protectRtp(packet: Uint8Array): Uint8Array {
    const { header, payload, ssrc, index } = this.#split(packet);
    this.#note(ssrc, index);
    return Buffer.concat([header, this.#transform.sealRtp(header, payload, ssrc, index)]);
  }

  unprotectRtp(packet: Uint8Array): Uint8Array | undefined {
    if (packet.length < 12 || headerLength(packet) > packet.length) return undefined;
    const { header, payload, ssrc, index } = this.#split(packet);
    const plain = this.#transform.openRtp(header, payload, ssrc, index);
    if (!plain) return undefined;
    this.#note(ssrc, index);
    return Buffer.concat([header, plain]);
  }

  protectRtcp(packet: Uint8Array): Uint8Array {
    this.#rtcpIndex++;
    return this.#transform.sealRtcp(packet, readU32(packet, 4), this.#rtcpIndex);
  }

  unprotectRtcp(packet: Uint8Array): Uint8Array | undefined {
    if (packet.length < 8 + 4 + 10) return undefined;
    return this.#transform.openRtcp(packet, readU32(packet, 4));
  }

  #split(packet: Uint8Array): { header: Uint8Array; payload: Uint8Array; ssrc: number; index: number } {
    const length = headerLength(packet);
    const ssrc = readU32(packet, 8);
    return {
      header: packet.subarray(0, length),
      payload: packet.subarray(length),
      ssrc,
      index: this.#guessIndex(ssrc, (packet[2]! << 8) | packet[3]!),
    };
  }

  /** RFC 3711 appendix A. */
  #guessIndex(ssrc: number, sequence: number): number {
    const highest = this.#highest.get(ssrc);
    if (highest === undefined) return sequence;
    const rollover = Math.floor(highest / 65536);
    const last = highest % 65536;
    if (last < 32768 && sequence - last > 32768) return Math.max(0, rollover - 1) * 65536 + sequence;
    if (last >= 32768 && last - 32768 > sequence) return (rollover + 1) * 65536 + sequence;
    return rollover * 65536 + sequence;
  }

  #note(ssrc: number, index: number): void {
    this.#highest.set(ssrc, Math.max(index, this.#highest.get(ssrc) ?? 0));
  }
}

/** AEAD_AES_128_GCM (RFC 7714). */
function gcm(key: Uint8Array, salt: Uint8Array): Transform {
  const rtpKey = createSecretKey(derive(key, salt, 0, 16));
  const rtpSalt = derive(key, salt, 2, 12);
  const rtcpKey = createSecretKey(derive(key, salt, 3, 16));
  const rtcpSalt = derive(key, salt, 5, 12);
  const seal = (with_: KeyObject, iv: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array => {
    const cipher = createCipheriv('aes-128-gcm', with_, iv).setAAD(aad);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };
  const open = (
    with_: KeyObject,
    iv: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined => {
    if (sealed.length < 16) return undefined;
    const decipher = createDecipheriv('aes-128-gcm', with_, iv, { authTagLength: 16 }).setAAD(aad);
    decipher.setAuthTag(sealed.subarray(sealed.length - 16));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    } catch {
      return undefined;
    }
  };
  const rtpIv = (ssrc: number, index: number): Uint8Array => {
    const iv = new Uint8Array(12);
    writeU32(iv, 2, ssrc);
    writeU32(iv, 6, Math.floor(index / 65536));
    writeU16(iv, 10, index);
    return xor(iv, rtpSalt);
  };
  const rtcpIv = (ssrc: number, index: number): Uint8Array => {
    const iv = new Uint8Array(12);
    writeU32(iv, 2, ssrc);
    writeU32(iv, 8, index);
    return xor(iv, rtcpSalt);
  };
  return {
    sealRtp: (header, payload, ssrc, index) => seal(rtpKey, rtpIv(ssrc, index), header, payload),
    openRtp: (header, sealed, ssrc, index) => open(rtpKey, rtpIv(ssrc, index), header, sealed),
    sealRtcp(packet, ssrc, index) {
      const trailer = u32(index | 0x80000000);
      const aad = Buffer.concat([packet.subarray(0, 8), trailer]);
      const sealed = seal(rtcpKey, rtcpIv(ssrc, index), aad, packet.subarray(8));
      return Buffer.concat([packet.subarray(0, 8), sealed, trailer]);
    },
    openRtcp(packet, ssrc) {
      const trailer = packet.subarray(packet.length - 4);
      const index = readU32(trailer, 0) & 0x7fffffff;
      const aad = Buffer.concat([packet.subarray(0, 8), trailer]);
      const plain = open(rtcpKey, rtcpIv(ssrc, index), aad, packet.subarray(8, packet.length - 4));
      return plain && Buffer.concat([packet.subarray(0, 8), plain]);
    },
  };
}

/** AES_CM_128_HMAC_SHA1_80 (RFC 3711 §4.1.1, §4.2.1). */
function counterMode(key: Uint8Array, salt: Uint8Array): Transform {
  const rtp = {
    key: derive(key, salt, 0, 16),
    auth: derive(key, salt, 1, 20),
    salt: derive(key, salt, 2, 14),
  };
  const rtcp = {
    key: derive(key, salt, 3, 16),
    auth: derive(key, salt, 4, 20),
    salt: derive(key, salt, 5, 14),
  };
  const crypt = (with_: typeof rtp, ssrc: number, index: number, data: Uint8Array): Uint8Array => {
    const iv = new Uint8Array(16);
    iv.set(with_.salt);
    const mask = new Uint8Array(16);
    writeU32(mask, 4, ssrc);
    writeU16(mask, 8, Math.floor(index / 2 ** 32));
    writeU32(mask, 10, index % 2 ** 32);
    return createCipheriv('aes-128-ctr', with_.key, xor(mask, iv)).update(data);
  };
  const tagOf = (auth: Uint8Array, ...parts: Uint8Array[]): Uint8Array => {
    const hmac = createHmac('sha1', auth);
    for (const part of parts) hmac.update(part);
    return hmac.digest().subarray(0, 10);
  };
  return {
    sealRtp(header, payload, ssrc, index) {
      const body = crypt(rtp, ssrc, index, payload);
      return Buffer.concat([body, tagOf(rtp.auth, header, body, u32(Math.floor(index / 65536)))]);
    },
    openRtp(header, sealed, ssrc, index) {
      if (sealed.length < 10) return undefined;
      const body = sealed.subarray(0, sealed.length - 10);
      const tag = tagOf(rtp.auth, header, body, u32(Math.floor(index / 65536)));
      return timingSafeEqual(tag, sealed.subarray(-10)) ? crypt(rtp, ssrc, index, body) : undefined;
    },
    sealRtcp(packet, ssrc, index) {
      const body = Buffer.concat([packet.subarray(0, 8), crypt(rtcp, ssrc, index, packet.subarray(8))]);
      const trailer = u32(index | 0x80000000);
      return Buffer.concat([body, trailer, tagOf(rtcp.auth, body, trailer)]);
    },
    openRtcp(packet, ssrc) {
      const body = packet.subarray(0, packet.length - 14);
      const trailer = packet.subarray(packet.length - 14, packet.length - 10);
      if (!timingSafeEqual(tagOf(rtcp.auth, body, trailer), packet.subarray(-10))) return undefined;
      const index = readU32(trailer, 0) & 0x7fffffff;
      return Buffer.concat([body.subarray(0, 8), crypt(rtcp, ssrc, index, body.subarray(8))]);
    },
  };
}

/** Key derivation with rate 0 (RFC 3711 §4.3.1, RFC 7714 §11). */
function derive(masterKey: Uint8Array, masterSalt: Uint8Array, label: number, length: number): Uint8Array {
  const iv = new Uint8Array(16);
  iv.set(masterSalt);
  iv[7]! ^= label;
  return createCipheriv('aes-128-ctr', masterKey, iv).update(new Uint8Array(length));
}

function headerLength(packet: Uint8Array): number {
  const length = 12 + 4 * (packet[0]! & 15);
  if ((packet[0]! & 0x10) === 0) return length;
  return length + 4 + 4 * (((packet[length + 2] ?? 0) << 8) | (packet[length + 3] ?? 0));
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!);
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes.set(u32(value), at);
}

function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { bytesToIp } from '../ip-address.ts';
import { crc32 } from './crc32.ts';
import { FINGERPRINT_XOR, MAGIC_COOKIE, StunAttribute } from './registry.ts';

/**
 * Where the parts of a STUN message stand in its bytes. One object is reused for every message, because
 * this runs on unauthenticated input. Offsets are those of the values; -1 = absent.
 */
export class StunView {
  data: Uint8Array = new Uint8Array(0);
  method = 0;
  /** `StunClass` */
  messageClass = 0;
  usernameOffset = -1;
  usernameLength = 0;
  /** Offset of the attribute's header, which is where the protected part ends. */
  integrityOffset = -1;
  hasFingerprint = false;
  /** 0 = absent (an absent and a zero PRIORITY are refused alike). */
  priority = 0;
  useCandidate = false;
  /** NOMINATION of draft-thatcher-ice-renomination; -1 = absent. */
  nomination = -1;
  /** 0 = absent. */
  errorCode = 0;
  xorMappedOffset = -1;
  xorMappedLength = 0;

  /**
   * Reads a message; false if it is not a well-formed STUN message (RFC 8489 §5), its FINGERPRINT is wrong,
   * or something follows the FINGERPRINT. Attributes after MESSAGE-INTEGRITY other than FINGERPRINT are
   * ignored (§14.5). Never throws.
   */
  read(data: Uint8Array): boolean {
    this.data = data;
    const length = data.length;
    if (length < 20 || length % 4 !== 0 || data[0]! > 3) return false;
    if (readU32(data, 4) !== MAGIC_COOKIE || readU16(data, 2) !== length - 20) return false;
    this.#reset(readU16(data, 0));
    let offset = 20;
    while (offset < length) {
      if (this.hasFingerprint || offset + 4 > length) return false;
      const type = readU16(data, offset);
      const valueLength = readU16(data, offset + 2);
      const value = offset + 4;
      if (value + valueLength > length) return false;
      if (type === StunAttribute.fingerprint) {
        if (valueLength !== 4) return false;
        if ((crc32(data, offset) ^ FINGERPRINT_XOR) >>> 0 !== readU32(data, value)) return false;
        this.hasFingerprint = true;
      } else if (this.integrityOffset < 0 && !this.#take(type, value, valueLength)) {
        return false;
      }
      offset = value + ((valueLength + 3) & ~3);
    }
    return offset === length;
  }

  /** The part of USERNAME before the first colon; undefined without USERNAME or colon. */
  localUfrag(): string | undefined {
    if (this.usernameOffset < 0) return undefined;
    const colon = this.data.indexOf(0x3a, this.usernameOffset);
    if (colon < 0 || colon >= this.usernameOffset + this.usernameLength) return undefined;
    return latin1(this.data, this.usernameOffset, colon);
  }

  username(): string {
    return this.usernameOffset < 0
      ? ''
      : latin1(this.data, this.usernameOffset, this.usernameOffset + this.usernameLength);
  }

  /** Verifies MESSAGE-INTEGRITY (RFC 8489 §14.5) in constant time. False if there is none. */
  verifyIntegrity(key: KeyObject): boolean {
    const end = this.integrityOffset;
    if (end < 0) return false;
    // The HMAC covers a header whose length ends with MESSAGE-INTEGRITY itself.
    header.set(this.data.subarray(0, 20));
    writeU16(header, 2, end + 24 - 20);
    const digest = createHmac('sha1', key).update(header).update(this.data.subarray(20, end)).digest();
    return timingSafeEqual(digest, this.data.subarray(end + 4, end + 24));
  }

  transactionId(): Uint8Array {
    return this.data.subarray(8, 20);
  }

  /** The address in XOR-MAPPED-ADDRESS, if there is a valid one. */
  xorMappedAddress(): { ip: string; port: number } | undefined {
    const at = this.xorMappedOffset;
    if (at < 0) return undefined;
    const size = this.data[at + 1] === 1 ? 4 : 16;
    if (this.xorMappedLength !== 4 + size) return undefined;
    const port = readU16(this.data, at + 2) ^ (MAGIC_COOKIE >>> 16);
    const ip = Uint8Array.from(this.data.subarray(at + 4, at + 4 + size)); // slice() of a Buffer shares its bytes
    for (let i = 0; i < size; i++) ip[i] = ip[i]! ^ this.data[4 + i]!;
    return { ip: bytesToIp(ip), port };
  }

  #reset(type: number): void {
    this.method = (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2);
    this.messageClass = ((type & 0x0010) >> 4) | ((type & 0x0100) >> 7);
    this.usernameOffset = -1;
    this.usernameLength = 0;
    this.integrityOffset = -1;
    this.hasFingerprint = false;
    this.priority = 0;
    this.useCandidate = false;
    this.nomination = -1;
    this.errorCode = 0;
    this.xorMappedOffset = -1;
    this.xorMappedLength = 0;
  }

  #take(type: number, value: number, length: number): boolean {
    switch (type) {
      case StunAttribute.username:
        if (this.usernameOffset >= 0) return true; // the first of two counts (§14)
        this.usernameOffset = value;
        this.usernameLength = length;
        return true;
      case StunAttribute.messageIntegrity:
        if (length !== 20) return false;
        this.integrityOffset = value - 4;
        return true;
      case StunAttribute.priority:
        if (length !== 4) return false;
        this.priority = readU32(this.data, value);
        return true;
      case StunAttribute.useCandidate:
        this.useCandidate = true;
        return true;
      case StunAttribute.nomination:
        if (length === 4) this.nomination = readU32(this.data, value);
        return true;
      case StunAttribute.errorCode:
        if (length >= 4) this.errorCode = (this.data[value + 2]! & 7) * 100 + this.data[value + 3]!;
        return true;
      case StunAttribute.xorMappedAddress:
        this.xorMappedOffset = value;
        this.xorMappedLength = length;
        return true;
      default:
        return true;
    }
  }
}

const header = new Uint8Array(20);

function latin1(data: Uint8Array, start: number, end: number): string {
  return String.fromCharCode.apply(
    null,
    data.subarray(start, Math.min(end, start + 512)) as unknown as number[],
  );
}

function readU16(data: Uint8Array, offset: number): number {
  return (data[offset]! << 8) | data[offset + 1]!;
}

function readU32(data: Uint8Array, offset: number): number {
  return (
    ((data[offset]! << 24) | (data[offset + 1]! << 16) | (data[offset + 2]! << 8) | data[offset + 3]!) >>> 0
  );
}

function writeU16(data: Uint8Array, offset: number, value: number): void {
  data[offset] = value >> 8;
  data[offset + 1] = value & 0xff;
}

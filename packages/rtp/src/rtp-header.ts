import { readU16, readU32 } from './bytes.ts';

export const rtpFixedHeaderLength = 12;
/** Profile values of RFC 8285 header extensions. */
export const oneByteProfile = 0xbede;
/** The two-byte form is 0x1000…0x100f; the low four bits are for the application. */
export const twoByteProfile = 0x1000;

/**
 * One RTP header, read into the same object again and again. All offsets count from the start of the byte
 * array given to parse(), so they can be used on it at once.
 */
export class RtpHeader {
  marker = false;
  payloadType = 0;
  sequenceNumber = 0;
  timestamp = 0;
  ssrc = 0;
  csrcCount = 0;
  /** Where the packet begins and how long it is, as given to parse(). */
  offset = 0;
  length = 0;
  /** Fixed header, CSRCs and extension together. */
  headerLength = 0;
  /** Profile of the extension block (0xbede one-byte, 0x100x two-byte); 0 when there is none. */
  extensionProfile = 0;
  /** Where the elements begin, after the four bytes of profile and length. */
  extensionOffset = 0;
  /** Bytes of elements, without those four. */
  extensionLength = 0;
  payloadOffset = 0;
  /** Without padding. */
  payloadLength = 0;
  /** Bytes of padding, its count byte included; 0 = none. */
  padding = 0;

  /**
   * Reads a plain (decrypted) packet (RFC 3550 §5.1). False when the bytes are no complete RTP packet; the
   * fields are then meaningless.
   */
  parse(bytes: Uint8Array, offset: number, length: number): boolean {
    const headerLength = rtpHeaderLength(bytes, offset, length);
    if (headerLength < 0) return false;
    const first = bytes[offset]!;
    const second = bytes[offset + 1]!;
    this.offset = offset;
    this.length = length;
    this.marker = second >= 128;
    this.payloadType = second & 127;
    this.sequenceNumber = readU16(bytes, offset + 2);
    this.timestamp = readU32(bytes, offset + 4);
    this.ssrc = readU32(bytes, offset + 8);
    this.csrcCount = first & 15;
    this.headerLength = headerLength;
    if ((first & 16) !== 0) {
      const block = offset + rtpFixedHeaderLength + this.csrcCount * 4;
      this.extensionProfile = readU16(bytes, block);
      this.extensionOffset = block + 4;
      this.extensionLength = readU16(bytes, block + 2) * 4;
    } else {
      this.extensionProfile = 0;
      this.extensionOffset = offset + headerLength;
      this.extensionLength = 0;
    }
    this.payloadOffset = offset + headerLength;
    let rest = length - headerLength;
    this.padding = 0;
    if ((first & 32) !== 0) {
      if (rest === 0) return false;
      const padding = bytes[offset + length - 1]!;
      if (padding === 0 || padding > rest) return false;
      this.padding = padding;
      rest -= padding;
    }
    this.payloadLength = rest;
    return true;
  }

  /** CSRC `i` of `csrcCount`. */
  csrc(bytes: Uint8Array, i: number): number {
    return readU32(bytes, this.offset + rtpFixedHeaderLength + i * 4);
  }

  get hasOneByteExtensions(): boolean {
    return this.extensionProfile === oneByteProfile;
  }

  get hasTwoByteExtensions(): boolean {
    return (this.extensionProfile & 0xfff0) === twoByteProfile;
  }
}

/**
 * Length of the RTP header (CSRCs and extension included), or -1 when this is no RTP packet. Looks at no
 * padding, so it serves for encrypted packets too.
 */
export function rtpHeaderLength(bytes: Uint8Array, offset: number, length: number): number {
  if (length < rtpFixedHeaderLength || offset < 0 || offset + length > bytes.length) return -1;
  const first = bytes[offset]!;
  if (first >> 6 !== 2) return -1;
  let header = rtpFixedHeaderLength + (first & 15) * 4;
  if ((first & 16) !== 0) {
    if (length < header + 4) return -1;
    header += 4 + readU16(bytes, offset + header + 2) * 4;
  }
  return header <= length ? header : -1;
}

/** The SSRC of a packet of at least 12 bytes; readable before decryption. */
export function rtpSsrc(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 8);
}

export function rtpSequenceNumber(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 2);
}

export function rtpPayloadType(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 1]! & 127;
}

/**
 * RTP and RTCP share a port: bytes 192…223 in second place are RTCP (RFC 5761 §4). `length` ≥ 2 is checked.
 */
export function isRtcp(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < 4 || offset + length > bytes.length || bytes[offset]! >> 6 !== 2) return false;
  const type = bytes[offset + 1]!;
  return type >= 192 && type <= 223;
}

import { readU16, readU32 } from '../bytes.ts';
import { PayloadFeedbackFormat, RtcpType, TransportFeedbackFormat } from './types.ts';

/**
 * Walks the packets of an RTCP compound without copying and without objects. Nothing it says points beyond
 * the length field of the packet at hand, nor beyond the datagram.
 *
 *     cursor.start(bytes, offset, length);
 *     while (cursor.next()) { … cursor.packetType, cursor.bodyOffset … }
 *     if (cursor.malformed) …
 */
export class RtcpCursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** 192…223. */
  packetType = 0;
  /** Report count, source count or FMT. */
  count = 0;
  /** Where this packet begins; `length` counts its four header bytes and its padding too. */
  offset = 0;
  length = 0;
  /** After the four header bytes. */
  bodyOffset = 0;
  /** Without padding. */
  bodyLength = 0;
  /** Set when next() stopped because of bad bytes and not at the end. */
  malformed = false;
  #next = 0;
  #end = 0;

  start(bytes: Uint8Array, offset: number, length: number): void {
    this.bytes = bytes;
    this.malformed = offset < 0 || length < 0 || offset + length > bytes.length;
    this.#next = offset;
    this.#end = this.malformed ? offset : offset + length;
  }

  next(): boolean {
    const at = this.#next;
    const rest = this.#end - at;
    if (rest <= 0) return false;
    if (rest < 4) return this.#stop();
    const first = this.bytes[at]!;
    const type = this.bytes[at + 1]!;
    const length = (readU16(this.bytes, at + 2) + 1) * 4;
    if (first >> 6 !== 2 || type < 192 || type > 223 || length > rest) return this.#stop();
    let padding = 0;
    if ((first & 32) !== 0) {
      // RFC 3550 wants multiples of four on the last packet only, but transport-wide feedback of Chrome
      // pads by one to three bytes anywhere; what matters is that padding stays inside the packet.
      padding = this.bytes[at + length - 1]!;
      if (padding === 0 || padding > length - 4) return this.#stop();
    }
    this.packetType = type;
    this.count = first & 31;
    this.offset = at;
    this.length = length;
    this.bodyOffset = at + 4;
    this.bodyLength = length - 4 - padding;
    this.#next = at + length;
    return true;
  }

  /** SSRC of the packet's sender: the first word of all types but SDES and BYE. 0 when too short. */
  get senderSsrc(): number {
    return this.bodyLength >= 4 ? readU32(this.bytes, this.bodyOffset) : 0;
  }

  /** The stream a feedback packet speaks of. 0 when too short. */
  get mediaSsrc(): number {
    return this.bodyLength >= 8 ? readU32(this.bytes, this.bodyOffset + 4) : 0;
  }

  get isNack(): boolean {
    return this.packetType === RtcpType.transportFeedback && this.count === TransportFeedbackFormat.nack;
  }

  get isPli(): boolean {
    return this.packetType === RtcpType.payloadFeedback && this.count === PayloadFeedbackFormat.pli;
  }

  get isFir(): boolean {
    return this.packetType === RtcpType.payloadFeedback && this.count === PayloadFeedbackFormat.fir;
  }

  get isTransportWideFeedback(): boolean {
    return (
      this.packetType === RtcpType.transportFeedback && this.count === TransportFeedbackFormat.transportWide
    );
  }

  /** Generic NACK: number of (PID, BLP) pairs. */
  get nackCount(): number {
    return this.bodyLength >= 8 ? (this.bodyLength - 8) >> 2 : 0;
  }

  nackPacketId(i: number): number {
    return readU16(this.bytes, this.bodyOffset + 8 + i * 4);
  }

  nackBitmask(i: number): number {
    return readU16(this.bytes, this.bodyOffset + 10 + i * 4);
  }

  /** Where report block `i` of an SR or RR begins (24 bytes each), -1 when there is no such block. */
  reportOffset(i: number): number {
    const head = this.packetType === RtcpType.senderReport ? 24 : 4;
    if (this.packetType !== RtcpType.senderReport && this.packetType !== RtcpType.receiverReport) return -1;
    if (i < 0 || i >= this.count || head + (i + 1) * 24 > this.bodyLength) return -1;
    return this.bodyOffset + head + i * 24;
  }

  #stop(): false {
    this.malformed = true;
    this.#next = this.#end;
    return false;
  }
}

/** What a compound must fulfil. */
export interface CompoundRules {
  /** Allows packets that do not begin with SR or RR (RFC 5506). Default true. */
  readonly reducedSize?: boolean;
}

const validator = new RtcpCursor();

/** Checks every packet's header and the lengths of the whole datagram (RFC 3550 A.2). */
export function isValidRtcpCompound(
  bytes: Uint8Array,
  offset: number,
  length: number,
  rules: CompoundRules = {},
): boolean {
  validator.start(bytes, offset, length);
  let packets = 0;
  while (validator.next()) {
    if (packets === 0 && rules.reducedSize === false) {
      const type = validator.packetType;
      if (type !== RtcpType.senderReport && type !== RtcpType.receiverReport) return false;
    }
    packets++;
  }
  return packets > 0 && !validator.malformed;
}

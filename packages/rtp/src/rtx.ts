import { readU16, writeU16, writeU32 } from './bytes.ts';
import { rtpHeaderLength } from './rtp-header.ts';

/**
 * Turns the plain packet at `offset` into its retransmission in place (RFC 4588 §4): the payload moves back
 * by two bytes, which must be free, and the original sequence number goes before it. Header extensions,
 * timestamp, marker and padding stay. Answers the new length, -1 when this is no RTP or there is no room.
 */
export function encodeRtx(
  bytes: Uint8Array,
  offset: number,
  length: number,
  payloadType: number,
  ssrc: number,
  sequenceNumber: number,
): number {
  const header = rtpHeaderLength(bytes, offset, length);
  if (header < 0 || offset + length + 2 > bytes.length) return -1;
  bytes.copyWithin(offset + header + 2, offset + header, offset + length);
  bytes[offset + header] = bytes[offset + 2]!;
  bytes[offset + header + 1] = bytes[offset + 3]!;
  patch(bytes, offset, payloadType, ssrc, sequenceNumber);
  return length + 2;
}

/**
 * Turns a retransmission back into the original packet, in place. Answers the new length; -1 when there is
 * no original in it (RTX streams also carry empty packets and pure padding, as bandwidth probes).
 */
export function decodeRtx(
  bytes: Uint8Array,
  offset: number,
  length: number,
  payloadType: number,
  ssrc: number,
): number {
  const header = rtpHeaderLength(bytes, offset, length);
  if (header < 0 || length - header < 2) return -1;
  const padding = (bytes[offset]! & 32) !== 0 ? bytes[offset + length - 1]! : 0;
  if (((bytes[offset]! & 32) !== 0 && padding === 0) || length - header - padding < 2) return -1;
  const original = readU16(bytes, offset + header);
  bytes.copyWithin(offset + header, offset + header + 2, offset + length);
  patch(bytes, offset, payloadType, ssrc, original);
  return length - 2;
}

function patch(bytes: Uint8Array, offset: number, payloadType: number, ssrc: number, seq: number): void {
  bytes[offset + 1] = (bytes[offset + 1]! & 128) | (payloadType & 127);
  writeU16(bytes, offset + 2, seq);
  writeU32(bytes, offset + 8, ssrc);
}

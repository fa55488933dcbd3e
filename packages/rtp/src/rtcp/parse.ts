import { copyBytes, readU16, readU24, readU32 } from '../bytes.ts';
import { RtcpCursor } from './cursor.ts';
import {
  PayloadFeedbackFormat,
  type ReportBlock,
  type RtcpPacket,
  RtcpType,
  type SdesChunk,
  type SdesItem,
  TransportFeedbackFormat,
} from './types.ts';

const text = new TextDecoder();
const rembIdentifier = 0x52454d42;

/**
 * All packets of a compound, as objects. Undefined when the compound is malformed; a single packet whose
 * contents are too short for its type is left out. Byte arrays in the result are copies.
 */
export function parseRtcp(bytes: Uint8Array, offset = 0, length = bytes.length): RtcpPacket[] | undefined {
  const cursor = new RtcpCursor();
  const packets: RtcpPacket[] = [];
  cursor.start(bytes, offset, length);
  let seen = 0;
  while (cursor.next()) {
    seen++;
    const packet = parseRtcpPacket(cursor);
    if (packet !== undefined) packets.push(packet);
  }
  return seen === 0 || cursor.malformed ? undefined : packets;
}

/** The packet under the cursor; undefined when it is too short for its type. */
export function parseRtcpPacket(cursor: RtcpCursor): RtcpPacket | undefined {
  switch (cursor.packetType) {
    case RtcpType.senderReport:
      return parseSenderReport(cursor);
    case RtcpType.receiverReport:
      if (cursor.bodyLength < 4) return undefined;
      return { type: 'rr', ssrc: cursor.senderSsrc, reports: parseReports(cursor) };
    case RtcpType.sdes:
      return { type: 'sdes', chunks: parseSdes(cursor) };
    case RtcpType.bye:
      return parseBye(cursor);
    case RtcpType.transportFeedback:
      return cursor.bodyLength < 8 ? undefined : parseTransportLayer(cursor);
    case RtcpType.payloadFeedback:
      return cursor.bodyLength < 8 ? undefined : parsePayloadSpecific(cursor);
    default:
      return opaque(cursor);
  }
}

/** Report block at `offset`; the caller has it from RtcpCursor.reportOffset(). */
export function readReportBlock(bytes: Uint8Array, offset: number): ReportBlock {
  return {
    ssrc: readU32(bytes, offset),
    fractionLost: bytes[offset + 4]!,
    totalLost: (readU24(bytes, offset + 5) << 8) >> 8,
    extendedHighestSequence: readU32(bytes, offset + 8),
    jitter: readU32(bytes, offset + 12),
    lastSenderReport: readU32(bytes, offset + 16),
    delaySinceLastSenderReport: readU32(bytes, offset + 20),
  };
}

function parseReports(cursor: RtcpCursor): ReportBlock[] {
  const reports: ReportBlock[] = [];
  for (let i = 0; i < cursor.count; i++) {
    const at = cursor.reportOffset(i);
    if (at < 0) break;
    reports.push(readReportBlock(cursor.bytes, at));
  }
  return reports;
}

function parseSenderReport(cursor: RtcpCursor): RtcpPacket | undefined {
  if (cursor.bodyLength < 24) return undefined;
  const { bytes, bodyOffset: at } = cursor;
  return {
    type: 'sr',
    ssrc: readU32(bytes, at),
    ntpSeconds: readU32(bytes, at + 4),
    ntpFraction: readU32(bytes, at + 8),
    rtpTimestamp: readU32(bytes, at + 12),
    packetCount: readU32(bytes, at + 16),
    octetCount: readU32(bytes, at + 20),
    reports: parseReports(cursor),
  };
}

/** Chunks are padded to four bytes with at least one zero (RFC 3550 §6.5). */
function parseSdes(cursor: RtcpCursor): SdesChunk[] {
  const { bytes } = cursor;
  const chunks: SdesChunk[] = [];
  let at = cursor.bodyOffset;
  const end = at + cursor.bodyLength;
  while (chunks.length < cursor.count && at + 4 <= end) {
    const start = at;
    const items: SdesItem[] = [];
    at += 4;
    while (at + 2 <= end && bytes[at] !== 0) {
      const length = bytes[at + 1]!;
      if (at + 2 + length > end) return chunks;
      items.push({ type: bytes[at]!, value: text.decode(bytes.subarray(at + 2, at + 2 + length)) });
      at += 2 + length;
    }
    chunks.push({ ssrc: readU32(bytes, start), items });
    at = start + ((at - start + 4) & ~3);
  }
  return chunks;
}

function parseBye(cursor: RtcpCursor): RtcpPacket | undefined {
  const { bytes, count, bodyOffset, bodyLength } = cursor;
  if (count * 4 > bodyLength) return undefined;
  const ssrcs: number[] = [];
  for (let i = 0; i < count; i++) ssrcs.push(readU32(bytes, bodyOffset + i * 4));
  const at = bodyOffset + count * 4;
  if (bodyLength > count * 4) {
    const length = bytes[at]!;
    if (at + 1 + length <= bodyOffset + bodyLength) {
      return { type: 'bye', ssrcs, reason: text.decode(bytes.subarray(at + 1, at + 1 + length)) };
    }
  }
  return { type: 'bye', ssrcs };
}

function opaque(cursor: RtcpCursor): RtcpPacket {
  return {
    type: 'opaque',
    packetType: cursor.packetType,
    count: cursor.count,
    data: copy(cursor, 0),
  };
}

function parseTransportLayer(cursor: RtcpCursor): RtcpPacket | undefined {
  const { bytes, senderSsrc, mediaSsrc } = cursor;
  switch (cursor.count) {
    case TransportFeedbackFormat.nack:
    case TransportFeedbackFormat.tllei:
      return {
        type: cursor.count === TransportFeedbackFormat.nack ? 'nack' : 'tllei',
        senderSsrc,
        mediaSsrc,
        items: items(cursor, 4, (at) => ({ packetId: readU16(bytes, at), bitmask: readU16(bytes, at + 2) })),
      };
    case TransportFeedbackFormat.tmmbr:
    case TransportFeedbackFormat.tmmbn:
      return {
        type: cursor.count === TransportFeedbackFormat.tmmbr ? 'tmmbr' : 'tmmbn',
        senderSsrc,
        mediaSsrc,
        items: items(cursor, 8, (at) => {
          const word = readU32(bytes, at + 4);
          return {
            ssrc: readU32(bytes, at),
            bitrateBps: ((word >>> 9) & 0x1ffff) * 2 ** (word >>> 26),
            overhead: word & 0x1ff,
          };
        }),
      };
    case TransportFeedbackFormat.ecn:
      return {
        type: 'ecn',
        senderSsrc,
        mediaSsrc,
        items: items(cursor, 20, (at) => ({
          sequenceNumber: readU32(bytes, at),
          ect0Counter: readU32(bytes, at + 4),
          ect1Counter: readU32(bytes, at + 8),
          ecnCeCounter: readU16(bytes, at + 12),
          notEctCounter: readU16(bytes, at + 14),
          lostPackets: readU16(bytes, at + 16),
          duplicatedPackets: readU16(bytes, at + 18),
        })),
      };
    case TransportFeedbackFormat.transportWide:
      return { type: 'transport-cc', senderSsrc, mediaSsrc, data: copy(cursor, 8) };
    default:
      return opaque(cursor);
  }
}

function parsePayloadSpecific(cursor: RtcpCursor): RtcpPacket | undefined {
  const { bytes, senderSsrc, mediaSsrc } = cursor;
  const at = cursor.bodyOffset + 8;
  const rest = cursor.bodyLength - 8;
  switch (cursor.count) {
    case PayloadFeedbackFormat.pli:
      return { type: 'pli', senderSsrc, mediaSsrc };
    case PayloadFeedbackFormat.sli:
      return {
        type: 'sli',
        senderSsrc,
        mediaSsrc,
        items: items(cursor, 4, (i) => {
          const word = readU32(bytes, i);
          return { first: word >>> 19, number: (word >>> 6) & 0x1fff, pictureId: word & 63 };
        }),
      };
    case PayloadFeedbackFormat.rpsi: {
      // One item: PB, payload type, bit string, PB bits of padding (RFC 4585 §6.3.3).
      if (rest < 4 || bytes[at]! % 8 !== 0) return undefined;
      const length = rest - 2 - bytes[at]! / 8;
      if (length < 0) return undefined;
      return {
        type: 'rpsi',
        senderSsrc,
        mediaSsrc,
        payloadType: bytes[at + 1]! & 127,
        bitString: copyBytes(bytes, at + 2, at + 2 + length),
      };
    }
    case PayloadFeedbackFormat.fir:
      return {
        type: 'fir',
        senderSsrc,
        mediaSsrc,
        items: items(cursor, 8, (i) => ({ ssrc: readU32(bytes, i), sequenceNumber: bytes[i + 4]! })),
      };
    case PayloadFeedbackFormat.tstr:
    case PayloadFeedbackFormat.tstn:
      return {
        type: cursor.count === PayloadFeedbackFormat.tstr ? 'tstr' : 'tstn',
        senderSsrc,
        mediaSsrc,
        items: items(cursor, 8, (i) => ({
          ssrc: readU32(bytes, i),
          sequenceNumber: bytes[i + 4]!,
          index: bytes[i + 7]! & 31,
        })),
      };
    case PayloadFeedbackFormat.vbcm:
      return parseVbcm(cursor);
    case PayloadFeedbackFormat.lei:
      return { type: 'lei', senderSsrc, mediaSsrc, ssrcs: items(cursor, 4, (i) => readU32(bytes, i)) };
    case PayloadFeedbackFormat.afb:
      return parseAfb(cursor);
    default:
      return opaque(cursor);
  }
}

/** Items are padded to four bytes (RFC 5104 §4.3.4.1). */
function parseVbcm(cursor: RtcpCursor): RtcpPacket {
  const { bytes, senderSsrc, mediaSsrc } = cursor;
  const found: { ssrc: number; sequenceNumber: number; payloadType: number; value: Uint8Array }[] = [];
  let at = cursor.bodyOffset + 8;
  const end = cursor.bodyOffset + cursor.bodyLength;
  while (at + 8 <= end) {
    const length = readU16(bytes, at + 6);
    if (at + 8 + length > end) break;
    found.push({
      ssrc: readU32(bytes, at),
      sequenceNumber: bytes[at + 4]!,
      payloadType: bytes[at + 5]! & 127,
      value: copyBytes(bytes, at + 8, at + 8 + length),
    });
    at += 8 + ((length + 3) & ~3);
  }
  return { type: 'vbcm', senderSsrc, mediaSsrc, items: found };
}

/** "REMB", count, 6 bits of exponent, 18 of mantissa, SSRCs (draft-alvestrand-rmcat-remb-03 §2.2). */
function parseAfb(cursor: RtcpCursor): RtcpPacket {
  const { bytes, senderSsrc, mediaSsrc } = cursor;
  const at = cursor.bodyOffset + 8;
  const rest = cursor.bodyLength - 8;
  if (rest >= 8 && readU32(bytes, at) === rembIdentifier && 8 + bytes[at + 4]! * 4 <= rest) {
    const ssrcs: number[] = [];
    for (let i = 0; i < bytes[at + 4]!; i++) ssrcs.push(readU32(bytes, at + 8 + i * 4));
    return { type: 'remb', senderSsrc, mediaSsrc, bitrateBps: readRembBitrate(bytes, at + 5), ssrcs };
  }
  return { type: 'afb', senderSsrc, mediaSsrc, data: copy(cursor, 8) };
}

/** Bits per second from the three bytes of exponent and mantissa. */
export function readRembBitrate(bytes: Uint8Array, offset: number): number {
  const word = readU24(bytes, offset);
  return (word & 0x3ffff) * 2 ** (word >>> 18);
}

/** As many whole items of `size` bytes as the packet has, after the two SSRCs. */
function items<T>(cursor: RtcpCursor, size: number, read: (at: number) => T): T[] {
  const found: T[] = [];
  const end = cursor.bodyOffset + cursor.bodyLength;
  for (let at = cursor.bodyOffset + 8; at + size <= end; at += size) found.push(read(at));
  return found;
}

function copy(cursor: RtcpCursor, from: number): Uint8Array {
  return copyBytes(cursor.bytes, cursor.bodyOffset + from, cursor.bodyOffset + cursor.bodyLength);
}

import { writeU16, writeU24, writeU32 } from '../bytes.ts';
import {
  PayloadFeedbackFormat,
  type ReportBlock,
  type RtcpPacket,
  RtcpType,
  type SdesChunk,
  TransportFeedbackFormat,
} from './types.ts';

const encoder = new TextEncoder();

/** One compound of these packets in new memory. Throws RangeError when a count field can't hold its items. */
export function buildRtcp(packets: readonly RtcpPacket[]): Uint8Array {
  const bytes = new Uint8Array(packets.reduce((sum, p) => sum + rtcpLength(p), 0));
  let at = 0;
  for (const packet of packets) at = writeRtcpPacket(bytes, at, packet);
  return bytes;
}

/** Bytes that writeRtcpPacket() will write: a multiple of four. */
export function rtcpLength(packet: RtcpPacket): number {
  switch (packet.type) {
    case 'sr':
      return 28 + packet.reports.length * 24;
    case 'rr':
      return 8 + packet.reports.length * 24;
    case 'sdes':
      return 4 + packet.chunks.reduce((sum, c) => sum + sdesChunkLength(c), 0);
    case 'bye':
      return (
        4 +
        packet.ssrcs.length * 4 +
        (packet.reason === undefined ? 0 : up4(1 + encoder.encode(packet.reason).length))
      );
    case 'nack':
    case 'tllei':
    case 'sli':
      return 12 + packet.items.length * 4;
    case 'tmmbr':
    case 'tmmbn':
    case 'fir':
    case 'tstr':
    case 'tstn':
      return 12 + packet.items.length * 8;
    case 'ecn':
      return 12 + packet.items.length * 20;
    case 'pli':
      return 12;
    case 'rpsi':
      return 12 + up4(2 + packet.bitString.length);
    case 'vbcm':
      return 12 + packet.items.reduce((sum, item) => sum + 8 + up4(item.value.length), 0);
    case 'lei':
      return 12 + packet.ssrcs.length * 4;
    case 'remb':
      return 20 + packet.ssrcs.length * 4;
    case 'afb':
    case 'transport-cc':
      return 12 + up4(packet.data.length);
    case 'opaque':
      return 4 + up4(packet.data.length);
  }
}

/**
 * Writes one packet at `offset` and answers the end. Throws RangeError when it does not fit, or when it has
 * more items than its count field can tell.
 */
export function writeRtcpPacket(out: Uint8Array, offset: number, packet: RtcpPacket): number {
  const length = rtcpLength(packet);
  if (offset + length > out.length) throw new RangeError(`out: ${length} bytes needed at ${offset}`);
  const body = offset + 4;
  out.fill(0, offset, offset + length);
  switch (packet.type) {
    case 'sr':
      head(out, offset, packet.reports.length, RtcpType.senderReport, length);
      writeU32(out, body, packet.ssrc);
      writeU32(out, body + 4, packet.ntpSeconds);
      writeU32(out, body + 8, packet.ntpFraction);
      writeU32(out, body + 12, packet.rtpTimestamp);
      writeU32(out, body + 16, packet.packetCount);
      writeU32(out, body + 20, packet.octetCount);
      packet.reports.forEach((report, i) => {
        writeReportBlock(out, body + 24 + i * 24, report);
      });
      break;
    case 'rr':
      head(out, offset, packet.reports.length, RtcpType.receiverReport, length);
      writeU32(out, body, packet.ssrc);
      packet.reports.forEach((report, i) => {
        writeReportBlock(out, body + 4 + i * 24, report);
      });
      break;
    case 'sdes':
      head(out, offset, packet.chunks.length, RtcpType.sdes, length);
      writeSdesChunks(out, body, packet.chunks);
      break;
    case 'bye':
      head(out, offset, packet.ssrcs.length, RtcpType.bye, length);
      writeWords(out, body, packet.ssrcs);
      if (packet.reason !== undefined) {
        const reason = encoder.encode(packet.reason);
        if (reason.length > 255) throw new RangeError('reason: at most 255 bytes');
        out[body + packet.ssrcs.length * 4] = reason.length;
        out.set(reason, body + packet.ssrcs.length * 4 + 1);
      }
      break;
    case 'opaque':
      head(out, offset, packet.count, packet.packetType, length);
      out.set(packet.data, body);
      break;
    default:
      writeFeedback(out, offset, packet, length);
  }
  return offset + length;
}

type FeedbackPacket = Exclude<RtcpPacket, { type: 'sr' | 'rr' | 'sdes' | 'bye' | 'opaque' }>;

function writeFeedback(out: Uint8Array, offset: number, packet: FeedbackPacket, length: number): void {
  writeU32(out, offset + 4, packet.senderSsrc);
  writeU32(out, offset + 8, packet.mediaSsrc);
  const at = offset + 12;
  const transport = RtcpType.transportFeedback;
  const payload = RtcpType.payloadFeedback;
  switch (packet.type) {
    case 'nack':
    case 'tllei':
      head(out, offset, TransportFeedbackFormat[packet.type], transport, length);
      packet.items.forEach((item, i) => {
        writeU16(out, at + i * 4, item.packetId);
        writeU16(out, at + i * 4 + 2, item.bitmask);
      });
      break;
    case 'tmmbr':
    case 'tmmbn':
      head(out, offset, TransportFeedbackFormat[packet.type], transport, length);
      packet.items.forEach((item, i) => {
        writeU32(out, at + i * 8, item.ssrc);
        const exponent = exponentFor(item.bitrateBps, 17);
        const mantissa = Math.floor(item.bitrateBps / 2 ** exponent);
        writeU32(out, at + i * 8 + 4, (exponent << 26) | (mantissa << 9) | (item.overhead & 0x1ff));
      });
      break;
    case 'ecn':
      head(out, offset, TransportFeedbackFormat.ecn, transport, length);
      packet.items.forEach((item, i) => {
        const start = at + i * 20;
        writeU32(out, start, item.sequenceNumber);
        writeU32(out, start + 4, item.ect0Counter);
        writeU32(out, start + 8, item.ect1Counter);
        writeU16(out, start + 12, item.ecnCeCounter);
        writeU16(out, start + 14, item.notEctCounter);
        writeU16(out, start + 16, item.lostPackets);
        writeU16(out, start + 18, item.duplicatedPackets);
      });
      break;
    case 'transport-cc':
      head(out, offset, TransportFeedbackFormat.transportWide, transport, length);
      out.set(packet.data, at);
      break;
    case 'pli':
      head(out, offset, PayloadFeedbackFormat.pli, payload, length);
      break;
    case 'sli':
      head(out, offset, PayloadFeedbackFormat.sli, payload, length);
      packet.items.forEach((item, i) => {
        writeU32(out, at + i * 4, (item.first << 19) | ((item.number & 0x1fff) << 6) | (item.pictureId & 63));
      });
      break;
    case 'rpsi':
      head(out, offset, PayloadFeedbackFormat.rpsi, payload, length);
      out[at] = (up4(2 + packet.bitString.length) - 2 - packet.bitString.length) * 8;
      out[at + 1] = packet.payloadType & 127;
      out.set(packet.bitString, at + 2);
      break;
    case 'fir':
      head(out, offset, PayloadFeedbackFormat.fir, payload, length);
      packet.items.forEach((item, i) => {
        writeU32(out, at + i * 8, item.ssrc);
        out[at + i * 8 + 4] = item.sequenceNumber;
      });
      break;
    case 'tstr':
    case 'tstn':
      head(out, offset, PayloadFeedbackFormat[packet.type], payload, length);
      packet.items.forEach((item, i) => {
        writeU32(out, at + i * 8, item.ssrc);
        out[at + i * 8 + 4] = item.sequenceNumber;
        out[at + i * 8 + 7] = item.index & 31;
      });
      break;
    case 'vbcm': {
      head(out, offset, PayloadFeedbackFormat.vbcm, payload, length);
      let next = at;
      for (const item of packet.items) {
        writeU32(out, next, item.ssrc);
        out[next + 4] = item.sequenceNumber;
        out[next + 5] = item.payloadType & 127;
        writeU16(out, next + 6, item.value.length);
        out.set(item.value, next + 8);
        next += 8 + up4(item.value.length);
      }
      break;
    }
    case 'lei':
      head(out, offset, PayloadFeedbackFormat.lei, payload, length);
      writeWords(out, at, packet.ssrcs);
      break;
    case 'remb':
      if (packet.ssrcs.length > 255) throw new RangeError('ssrcs: at most 255');
      head(out, offset, PayloadFeedbackFormat.afb, payload, length);
      writeU32(out, at, 0x52454d42);
      out[at + 4] = packet.ssrcs.length;
      writeRembBitrate(out, at + 5, packet.bitrateBps);
      writeWords(out, at + 8, packet.ssrcs);
      break;
    case 'afb':
      head(out, offset, PayloadFeedbackFormat.afb, payload, length);
      out.set(packet.data, at);
      break;
  }
}

export function writeReportBlock(out: Uint8Array, offset: number, report: ReportBlock): void {
  writeU32(out, offset, report.ssrc);
  out[offset + 4] = report.fractionLost;
  writeU24(out, offset + 5, Math.max(-0x800000, Math.min(0x7fffff, report.totalLost)));
  writeU32(out, offset + 8, report.extendedHighestSequence);
  writeU32(out, offset + 12, report.jitter);
  writeU32(out, offset + 16, report.lastSenderReport);
  writeU32(out, offset + 20, report.delaySinceLastSenderReport);
}

/** Three bytes of exponent and mantissa; the bit rate is rounded down. */
export function writeRembBitrate(out: Uint8Array, offset: number, bitrateBps: number): void {
  const exponent = exponentFor(bitrateBps, 18);
  writeU24(out, offset, (exponent << 18) | Math.floor(bitrateBps / 2 ** exponent));
}

/**
 * NACK items for lost sequence numbers in rising order (wrap included): a packet id and the 16 numbers
 * after it per item.
 */
export function nackItems(lost: Uint16Array, count: number): { packetId: number; bitmask: number }[] {
  const items: { packetId: number; bitmask: number }[] = [];
  for (let i = 0; i < count; i++) {
    const seq = lost[i]!;
    const last = items.at(-1);
    const distance = last === undefined ? 0 : (seq - last.packetId) & 0xffff;
    if (last !== undefined && distance >= 1 && distance <= 16) last.bitmask |= 1 << (distance - 1);
    else items.push({ packetId: seq, bitmask: 0 });
  }
  return items;
}

/** Common header: version 2, no padding. The length field counts 32-bit words minus one. */
function head(out: Uint8Array, offset: number, count: number, type: number, length: number): void {
  if (count > 31) throw new RangeError(`count: ${count} items, at most 31 fit one RTCP packet`);
  if (length > 4 * 65536) throw new RangeError(`length: ${length} bytes do not fit one RTCP packet`);
  out[offset] = 0x80 | count;
  out[offset + 1] = type;
  writeU16(out, offset + 2, length / 4 - 1);
}

function writeWords(out: Uint8Array, offset: number, words: readonly number[]): void {
  words.forEach((word, i) => {
    writeU32(out, offset + i * 4, word);
  });
}

function sdesChunkLength(chunk: SdesChunk): number {
  // At least one zero byte ends the list of items.
  return up4(4 + chunk.items.reduce((sum, i) => sum + 2 + encoder.encode(i.value).length, 0) + 1);
}

function writeSdesChunks(out: Uint8Array, offset: number, chunks: readonly SdesChunk[]): void {
  let at = offset;
  for (const chunk of chunks) {
    const end = at + sdesChunkLength(chunk);
    writeU32(out, at, chunk.ssrc);
    at += 4;
    for (const item of chunk.items) {
      const value = encoder.encode(item.value);
      if (value.length > 255) throw new RangeError('sdes item: at most 255 bytes');
      out[at] = item.type;
      out[at + 1] = value.length;
      out.set(value, at + 2);
      at += 2 + value.length;
    }
    at = end;
  }
}

function exponentFor(value: number, mantissaBits: number): number {
  if (!(value >= 0)) throw new RangeError(`bitrateBps: ${value} is no bit rate`);
  let exponent = 0;
  while (value / 2 ** exponent >= 2 ** mantissaBits && exponent < 63) exponent++;
  return exponent;
}

function up4(n: number): number {
  return (n + 3) & ~3;
}

import { writeU16, writeU32 } from './bytes.ts';
import { ExtensionWriter } from './header-extension.ts';
import { rtpFixedHeaderLength } from './rtp-header.ts';

export interface RtpPacketFields {
  readonly payloadType: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker?: boolean;
  readonly csrcs?: readonly number[];
  readonly extensions?: readonly { readonly id: number; readonly data: Uint8Array }[];
  /** Two-byte form even where the one-byte form would do. */
  readonly twoByteExtensions?: boolean;
  readonly payload?: Uint8Array;
  /** Bytes of padding, 0…255. */
  readonly padding?: number;
}

/** Builds one packet in new memory: for tests, probes and tools, not for the packet path. */
export function buildRtpPacket(fields: RtpPacketFields): Uint8Array {
  const csrcs = fields.csrcs ?? [];
  const extensions = fields.extensions ?? [];
  const payload = fields.payload ?? new Uint8Array(0);
  const padding = fields.padding ?? 0;
  if (csrcs.length > 15) throw new RangeError('csrcs: at most 15');
  if (padding < 0 || padding > 255) throw new RangeError('padding: 0…255 bytes');
  const twoByte =
    fields.twoByteExtensions === true ||
    extensions.some((e) => e.id > 14 || e.data.length > 16 || e.data.length === 0);
  const extensionRoom = extensions.reduce((sum, e) => sum + 2 + e.data.length, extensions.length > 0 ? 7 : 0);
  const bytes = new Uint8Array(
    rtpFixedHeaderLength + csrcs.length * 4 + extensionRoom + payload.length + padding,
  );
  writeRtpHeader(
    bytes,
    0,
    fields.marker ?? false,
    fields.payloadType,
    fields.sequenceNumber,
    fields.timestamp,
    fields.ssrc,
  );
  bytes[0] = bytes[0]! | csrcs.length | (padding > 0 ? 32 : 0);
  let at = rtpFixedHeaderLength;
  for (const csrc of csrcs) {
    writeU32(bytes, at, csrc);
    at += 4;
  }
  if (extensions.length > 0) {
    const writer = new ExtensionWriter();
    writer.begin(bytes, at, twoByte);
    for (const e of extensions) {
      if (writer.add(e.id, e.data, 0, e.data.length) < 0) {
        throw new RangeError(`extensions: id ${e.id} with ${e.data.length} bytes can't be written`);
      }
    }
    at = writer.end();
    bytes[0] = bytes[0]! | 16;
  }
  bytes.set(payload, at);
  at += payload.length + padding;
  if (padding > 0) bytes[at - 1] = padding;
  return bytes.slice(0, at);
}

/** Writes the 12 fixed bytes: version 2, no CSRC, no extension, no padding. */
export function writeRtpHeader(
  bytes: Uint8Array,
  offset: number,
  marker: boolean,
  payloadType: number,
  sequenceNumber: number,
  timestamp: number,
  ssrc: number,
): void {
  bytes[offset] = 0x80;
  bytes[offset + 1] = (marker ? 128 : 0) | (payloadType & 127);
  writeU16(bytes, offset + 2, sequenceNumber);
  writeU32(bytes, offset + 4, timestamp);
  writeU32(bytes, offset + 8, ssrc);
}

import { readU16, readU24, writeU16, writeU24 } from './bytes.ts';

/** Contents of single header extensions. Offsets and lengths are those of an ExtensionTable. */

/** URIs of the header extensions Weir understands. */
export const extensionUri = {
  audioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  absSendTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  transportSequence: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  videoOrientation: 'urn:3gpp:video-orientation',
  transmissionOffset: 'urn:ietf:params:rtp-hdrext:toffset',
  absCaptureTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time',
  playoutDelay: 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  dependencyDescriptor:
    'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension',
} as const;

/** Volume in -dBov, 0 (loudest) … 127 (silence) (RFC 6464); -1 when the extension is absent or empty. */
export function readAudioLevel(bytes: Uint8Array, offset: number, length: number): number {
  return offset >= 0 && length >= 1 ? bytes[offset]! & 127 : -1;
}

/** The V bit: the encoder believes there is speech. */
export function readVoiceActivity(bytes: Uint8Array, offset: number, length: number): boolean {
  return offset >= 0 && length >= 1 && bytes[offset]! >= 128;
}

/** Clockwise rotation to apply before rendering, in degrees (3GPP TS 26.114 §7.4.5), -1 when absent. */
export function readVideoRotation(bytes: Uint8Array, offset: number, length: number): number {
  if (offset < 0 || length < 1) return -1;
  // The value is counter-clockwise capture rotation in the low two bits.
  return [0, 90, 180, 270][bytes[offset]! & 3]!;
}

/** C bit: back camera; F bit: mirrored. */
export function readVideoOrientation(
  bytes: Uint8Array,
  offset: number,
  length: number,
): { readonly backCamera: boolean; readonly flip: boolean; readonly rotation: number } | undefined {
  if (offset < 0 || length < 1) return undefined;
  const value = bytes[offset]!;
  return {
    backCamera: (value & 8) !== 0,
    flip: (value & 4) !== 0,
    rotation: readVideoRotation(bytes, offset, length),
  };
}

/** The 24 bits of abs-send-time: seconds modulo 64 with 18 bits of fraction; -1 when absent. */
export function readAbsSendTime(bytes: Uint8Array, offset: number, length: number): number {
  return offset >= 0 && length >= 3 ? readU24(bytes, offset) : -1;
}

/** abs-send-time of a clock in milliseconds, which may be any large. */
export function absSendTimeFromMs(ms: number): number {
  return Math.round((ms % 64_000) * 262.144) & 0xffffff;
}

/** Milliseconds modulo 64 s. */
export function absSendTimeToMs(value: number): number {
  return value / 262.144;
}

/** Difference of two abs-send-times in milliseconds, -32000…32000. */
export function absSendTimeDiffMs(a: number, b: number): number {
  return (((a - b) << 8) >> 8) / 262.144;
}

export function writeAbsSendTime(bytes: Uint8Array, offset: number, value: number): void {
  writeU24(bytes, offset, value);
}

/** Transport-wide sequence number; -1 when absent. */
export function readTransportSequence(bytes: Uint8Array, offset: number, length: number): number {
  return offset >= 0 && length >= 2 ? readU16(bytes, offset) : -1;
}

export function writeTransportSequence(bytes: Uint8Array, offset: number, value: number): void {
  writeU16(bytes, offset, value);
}

/** Transmission offset in timestamp units, signed 24 bits (RFC 5450); undefined when absent. */
export function readTransmissionOffset(
  bytes: Uint8Array,
  offset: number,
  length: number,
): number | undefined {
  return offset >= 0 && length >= 3 ? (readU24(bytes, offset) << 8) >> 8 : undefined;
}

/** MID, RID or RRID as text; undefined when absent or not plain ASCII (RFC 8852 §3, RFC 9143). */
export function readSdesText(bytes: Uint8Array, offset: number, length: number): string | undefined {
  if (offset < 0 || length < 1) return undefined;
  let text = '';
  for (let i = 0; i < length; i++) {
    const c = bytes[offset + i]!;
    // Some senders pad with zeros.
    if (c === 0 && i > 0) break;
    if (c < 0x21 || c > 0x7e) return undefined;
    text += String.fromCharCode(c);
  }
  return text;
}

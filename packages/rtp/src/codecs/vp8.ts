import { readU16 } from '../bytes.ts';

/** The VP8 payload descriptor (RFC 7741 §4.2), read into one object again and again. */
export class Vp8Descriptor {
  /** Bytes of the descriptor itself. */
  length = 0;
  nonReference = false;
  /** S bit: first packet of a partition. */
  start = false;
  partition = 0;
  /** -1 when absent. */
  pictureId = -1;
  /** 7, 15, or 0 when absent. */
  pictureIdBits = 0;
  /** Offsets of the fields in the byte array given to parse(), to rewrite them in place; -1 when absent. */
  pictureIdOffset = -1;
  tl0PictureIndex = -1;
  tl0PictureIndexOffset = -1;
  /** Temporal layer; 0 when absent. */
  temporalId = 0;
  hasTemporalId = false;
  /** Y bit: a decoder that follows a lower layer may switch up here. */
  layerSync = false;
  keyIndex = -1;
  isKeyFrame = false;

  /** Reads the payload at `offset`; false when it is no VP8 (or too short). */
  parse(bytes: Uint8Array, offset: number, length: number): boolean {
    this.pictureId = -1;
    this.pictureIdBits = 0;
    this.pictureIdOffset = -1;
    this.tl0PictureIndex = -1;
    this.tl0PictureIndexOffset = -1;
    this.temporalId = 0;
    this.hasTemporalId = false;
    this.layerSync = false;
    this.keyIndex = -1;
    this.isKeyFrame = false;
    const end = offset + length;
    if (length < 1 || end > bytes.length) return false;
    const first = bytes[offset]!;
    this.nonReference = (first & 0x20) !== 0;
    this.start = (first & 0x10) !== 0;
    this.partition = first & 0x07;
    let at = offset + 1;
    if ((first & 0x80) !== 0) {
      if (at >= end) return false;
      const flags = bytes[at++]!;
      if ((flags & 0x80) !== 0) {
        if (at >= end) return false;
        this.pictureIdOffset = at;
        if ((bytes[at]! & 0x80) !== 0) {
          if (at + 2 > end) return false;
          this.pictureId = readU16(bytes, at) & 0x7fff;
          this.pictureIdBits = 15;
          at += 2;
        } else {
          this.pictureId = bytes[at]!;
          this.pictureIdBits = 7;
          at++;
        }
      }
      if ((flags & 0x40) !== 0) {
        if (at >= end) return false;
        this.tl0PictureIndexOffset = at;
        this.tl0PictureIndex = bytes[at++]!;
      }
      if ((flags & 0x30) !== 0) {
        if (at >= end) return false;
        const value = bytes[at++]!;
        if ((flags & 0x20) !== 0) {
          this.hasTemporalId = true;
          this.temporalId = value >> 6;
          this.layerSync = (value & 0x20) !== 0;
        }
        if ((flags & 0x10) !== 0) this.keyIndex = value & 0x1f;
      }
    }
    this.length = at - offset;
    // The P bit of the VP8 frame header (RFC 6386 §9.1) is 0 in key frames.
    this.isKeyFrame = this.start && this.partition === 0 && at < end && (bytes[at]! & 1) === 0;
    return true;
  }
}

import { readU16 } from '../bytes.ts';

/** The fixed part of the VP9 payload descriptor (RFC 9628 §4.2), read into one object again and again. */
export class Vp9Descriptor {
  pictureId = -1;
  pictureIdBits = 0;
  pictureIdOffset = -1;
  /** P bit: inter-picture predicted. */
  interPicturePredicted = false;
  flexible = false;
  /** B and E bits: first and last packet of a layer frame. */
  startOfFrame = false;
  endOfFrame = false;
  hasScalabilityStructure = false;
  /** Z bit: not a reference for higher spatial layers of the next picture. */
  notReferenceForUpper = false;
  hasLayerIndices = false;
  temporalId = 0;
  spatialId = 0;
  /** U bit: switching up to this temporal layer is possible. */
  switchingUpPoint = false;
  /** D bit: uses the lower spatial layer of the same picture. */
  interLayerDependency = false;
  tl0PictureIndex = -1;
  tl0PictureIndexOffset = -1;
  isKeyFrame = false;

  /** Reads the payload at `offset`; false when it is too short. */
  parse(bytes: Uint8Array, offset: number, length: number): boolean {
    this.pictureId = -1;
    this.pictureIdBits = 0;
    this.pictureIdOffset = -1;
    this.hasLayerIndices = false;
    this.temporalId = 0;
    this.spatialId = 0;
    this.switchingUpPoint = false;
    this.interLayerDependency = false;
    this.tl0PictureIndex = -1;
    this.tl0PictureIndexOffset = -1;
    this.isKeyFrame = false;
    const end = offset + length;
    if (length < 1 || end > bytes.length) return false;
    const first = bytes[offset]!;
    this.interPicturePredicted = (first & 0x40) !== 0;
    this.flexible = (first & 0x10) !== 0;
    this.startOfFrame = (first & 0x08) !== 0;
    this.endOfFrame = (first & 0x04) !== 0;
    this.hasScalabilityStructure = (first & 0x02) !== 0;
    this.notReferenceForUpper = (first & 0x01) !== 0;
    let at = offset + 1;
    if ((first & 0x80) !== 0) {
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
    if ((first & 0x20) !== 0) {
      if (at >= end) return false;
      const layers = bytes[at++]!;
      this.hasLayerIndices = true;
      this.temporalId = layers >> 5;
      this.switchingUpPoint = (layers & 0x10) !== 0;
      this.spatialId = (layers >> 1) & 7;
      this.interLayerDependency = (layers & 1) !== 0;
      if (!this.flexible) {
        if (at >= end) return false;
        this.tl0PictureIndexOffset = at;
        this.tl0PictureIndex = bytes[at++]!;
      }
    }
    this.isKeyFrame =
      !this.interPicturePredicted &&
      this.startOfFrame &&
      (!this.hasLayerIndices || (this.spatialId === 0 && !this.interLayerDependency));
    return true;
  }
}

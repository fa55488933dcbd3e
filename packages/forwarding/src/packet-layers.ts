import type { DependencyDescriptor, Vp8Descriptor, Vp9Descriptor } from '@weir/rtp';

/** Which layers the packet at hand belongs to, as far as choosing layers goes. Read once per packet. */
export class PacketLayers {
  spatialId = 0;
  temporalId = 0;
  /** The packet begins a layer frame. */
  start = false;
  /** The packet begins a picture: the lowest layer frame of a moment. */
  pictureStart = false;
  /** Last packet of a frame of a spatial layer. */
  end = false;
  key = false;
  /** Who followed fewer temporal or spatial layers may begin here with those of the packet. */
  temporalSwitch = false;
  spatialSwitch = false;
  /** -1 = unknown, or must not be renumbered when pictures are left out. */
  pictureId = -1;
  /** That says all this; undefined when the packet has none that can be read. */
  descriptor: DependencyDescriptor | undefined = undefined;
  /** Bit per chain of the descriptor's structure that has a gap. */
  brokenChains = 0;

  clear(isKey: boolean): void {
    this.spatialId = 0;
    this.temporalId = 0;
    this.start = false;
    this.pictureStart = false;
    this.end = false;
    this.key = isKey;
    this.temporalSwitch = isKey;
    this.spatialSwitch = isKey;
    this.pictureId = -1;
    this.descriptor = undefined;
    this.brokenChains = 0;
  }

  readVp8(vp8: Vp8Descriptor): void {
    this.temporalId = vp8.temporalId;
    this.start = vp8.start && vp8.partition === 0;
    this.pictureStart = this.start;
    this.temporalSwitch = this.key || vp8.layerSync;
    // Picture ids must follow each other, or the decoder waits for what was left out.
    this.pictureId = vp8.pictureId;
  }

  readVp9(vp9: Vp9Descriptor): void {
    this.temporalId = vp9.temporalId;
    this.spatialId = vp9.spatialId;
    this.start = vp9.startOfFrame;
    this.pictureStart = vp9.startOfFrame && vp9.spatialId === 0;
    this.end = vp9.endOfFrame;
    this.temporalSwitch = this.key || vp9.switchingUpPoint;
    // A layer frame that refers to nothing before its own picture.
    this.spatialSwitch = this.key || (vp9.startOfFrame && !vp9.interPicturePredicted);
  }

  /** False when the descriptor can't be read (its structure is not known yet). */
  readDescriptor(
    descriptor: DependencyDescriptor,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    if (!descriptor.read(bytes, offset, length)) return false;
    this.spatialId = descriptor.spatialId;
    this.temporalId = descriptor.temporalId;
    this.start = descriptor.startOfFrame;
    this.pictureStart = descriptor.startOfFrame && descriptor.spatialId === 0;
    this.end = descriptor.endsSpatialLayer;
    this.key = this.key || descriptor.hasStructure;
    this.descriptor = descriptor;
    return true;
  }
}

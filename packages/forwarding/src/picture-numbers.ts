/** How a publisher numbers its pictures; -1 = it does not. */
export interface PictureNumbers {
  /** Of VP8 and VP9, 15 bits. */
  readonly pictureId: number;
  /** Of VP8 and VP9, 8 bits: counts pictures of the lowest temporal layer. */
  readonly tl0PictureIndex: number;
  /** Of dependency descriptors, 16 bits. */
  readonly frameNumber: number;
}

/** The newest numbers of a stream. Only going forward: a late packet is not the newest. */
export class NewestPicture implements PictureNumbers {
  pictureId = -1;
  tl0PictureIndex = -1;
  frameNumber = -1;

  note({ pictureId, tl0PictureIndex, frameNumber }: PictureNumbers): void {
    if (follows(pictureId, this.pictureId, 0x7fff)) this.pictureId = pictureId;
    if (follows(tl0PictureIndex, this.tl0PictureIndex, 0xff)) this.tl0PictureIndex = tl0PictureIndex;
    if (follows(frameNumber, this.frameNumber, 0xffff)) this.frameNumber = frameNumber;
  }

  reset(): void {
    this.pictureId = -1;
    this.tl0PictureIndex = -1;
    this.frameNumber = -1;
  }

  /** Numbers were noted. */
  get known(): boolean {
    return this.pictureId >= 0 || this.tl0PictureIndex >= 0 || this.frameNumber >= 0;
  }
}

function follows(number: number, newest: number, mask: number): boolean {
  return number >= 0 && (newest < 0 || ((number - newest) & mask) <= mask >> 1);
}

/** What to add to numbers so that `first` follows `last`, to which `delta` was added. The old delta if one is absent. */
export function deltaAfter(last: number, delta: number, first: number, mask: number): number {
  return last < 0 || first < 0 ? delta : (last + delta + 1 - first) & mask;
}

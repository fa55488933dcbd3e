import type { PictureNumbers } from './picture-numbers.ts';

/** What a viewer that comes late may be given again from the cache, instead of asking the publisher for a key frame. */
export interface ReplayLimits {
  /** Packets since the key frame; never more than three quarters of a stream's cache. 0 = always ask. */
  readonly maxPackets: number;
  readonly maxBytes: number;
  /** Age of the key frame, milliseconds. */
  readonly maxAgeMs: number;
  /** The viewer must reach what is live within so many milliseconds, at the rate that its path carries. */
  readonly maxCatchUpMs: number;
}

export const defaultReplayLimits: ReplayLimits = {
  maxPackets: 768,
  maxBytes: 1_500_000,
  maxAgeMs: 5000,
  maxCatchUpMs: 1500,
};

/** Where the newest key frame of a stream begins. The packets themselves lie in the arena, as all others do. */
export class KeyFrameCache implements PictureNumbers {
  /** Extended number of its first packet; -1 = none to begin with. */
  start = -1;
  /** Of the publisher; -1 = the codec has none. */
  pictureId = -1;
  tl0PictureIndex = -1;
  frameNumber = -1;
  timestamp = 0;
  arrivedAt = 0;

  /** A packet that begins a key frame, or (H.264) one of several of it that do. */
  note(extended: number, timestamp: number, picture: PictureNumbers, now: number): void {
    if (this.start >= 0) {
      const later = (timestamp - this.timestamp) | 0;
      if (later < 0 || (later === 0 && extended >= this.start)) return;
    }
    this.start = extended;
    this.timestamp = timestamp;
    this.pictureId = picture.pictureId;
    this.tl0PictureIndex = picture.tl0PictureIndex;
    this.frameNumber = picture.frameNumber;
    this.arrivedAt = now;
  }

  /** What came so far is not to be shown to anybody new, or its numbers are void. */
  forget(): void {
    this.start = -1;
  }
}

import type { ReceiveStream } from './receive-stream.ts';

/** Runs of left-out packets that a segment remembers; older packets than those can't be mapped any more. */
const maxRuns = 64;

/**
 * A run of outgoing packets that all come from one incoming stream. Within it outgoing numbers are incoming
 * numbers plus an offset, which shrinks by one with each packet left out on purpose. The mapping can be read
 * backwards, so a retransmission finds its packet in the source's cache and no sender keeps a history.
 * All sequence numbers here are extended: they don't wrap.
 */
export class Segment {
  /** The source, also after the segment ended: retransmissions still come from it. */
  stream: ReceiveStream | undefined = undefined;
  /** Of the source, when the segment began; another one means that its packets are gone. */
  generation = -1;
  firstIn = 0;
  firstOut = 0;
  /** Highest incoming number forwarded or left out. */
  newestIn = 0;
  /** Highest incoming number left out; -1 = none. Above it the mapping is one addition. */
  lastDropped = -1;
  offset = 0;
  timestampOffset = 0;
  pictureIdDelta = 0;
  tl0PictureIndexDelta = 0;
  /** Of the frame numbers in dependency descriptors. */
  frameNumberDelta = 0;
  /** True when payload descriptors must be rewritten. */
  rewrites = false;
  /** When packets of the past were last sent by it: their age counts from then. */
  replayedAt = Number.NEGATIVE_INFINITY;
  /** It began in the past: timestamps before the seam are drawn together. */
  compresses = false;

  #starts: Float64Array | undefined = undefined;
  #ends: Float64Array | undefined = undefined;
  /** Pictures that went with each run. */
  #pictures: Uint8Array | undefined = undefined;
  #runs = 0;
  #forgotten = false;
  #seamTimestamp = 0;
  #scale = 1;

  /** Starts anew: incoming `firstIn` becomes outgoing `firstOut`. */
  begin(stream: ReceiveStream | undefined, generation: number, firstIn: number, firstOut: number): void {
    this.stream = stream;
    this.generation = generation;
    this.firstIn = firstIn;
    this.firstOut = firstOut;
    this.newestIn = firstIn - 1;
    this.lastDropped = -1;
    this.offset = firstOut - firstIn;
    this.timestampOffset = 0;
    this.pictureIdDelta = 0;
    this.tl0PictureIndexDelta = 0;
    this.frameNumberDelta = 0;
    this.rewrites = false;
    this.replayedAt = Number.NEGATIVE_INFINITY;
    this.compresses = false;
    this.#runs = 0;
    this.#forgotten = false;
  }

  /**
   * The segment replays what came since `first`, and is live `catchUp` after `live` (all in the source's timestamp
   * units). Pictures sent in a hurry get timestamps that say so: to the viewer they were filmed while they were
   * sent, so that neither its jitter buffer nor lip sync takes the age of the key frame for delay of the path.
   */
  compress(first: number, live: number, catchUp: number): void {
    const age = Math.max(0, (live - first) | 0);
    this.compresses = age > 0;
    this.#seamTimestamp = live + catchUp;
    this.#scale = catchUp / (age + catchUp);
  }

  /** The outgoing timestamp of an incoming one. */
  timestamp(incoming: number): number {
    if (!this.compresses) return incoming + this.timestampOffset;
    const before = (this.#seamTimestamp - incoming) | 0;
    if (before <= 0) return incoming + this.timestampOffset;
    return this.#seamTimestamp - Math.floor(before * this.#scale) + this.timestampOffset;
  }

  /** Packet `incoming` of the stream, or a later one, was forwarded or left out. */
  reached(stream: ReceiveStream, incoming: number): boolean {
    return this.stream === stream && this.generation === stream.generation && this.newestIn >= incoming;
  }

  /** The outgoing number of an incoming one; -1 when it was left out or lies outside. */
  map(incoming: number): number {
    if (incoming < this.firstIn) return -1;
    let offset = this.offset;
    for (let k = this.#runs - 1; k >= 0; k--) {
      const end = this.#ends![k]!;
      if (incoming > end) return incoming + offset;
      const start = this.#starts![k]!;
      if (incoming >= start) return -1;
      offset += end - start + 1;
    }
    return this.#forgotten ? -1 : incoming + offset;
  }

  /** The incoming number behind an outgoing one; -1 when it lies outside. */
  source(outgoing: number): number {
    if (outgoing < this.firstOut) return -1;
    let offset = this.offset;
    for (let k = this.#runs - 1; k >= 0; k--) {
      const end = this.#ends![k]!;
      if (outgoing - offset > end) return outgoing - offset;
      offset += end - this.#starts![k]! + 1;
    }
    return this.#forgotten ? -1 : outgoing - offset;
  }

  /** What to add to the picture id of an incoming packet: pictures left out before it close up. */
  pictureDelta(incoming: number): number {
    let delta = this.pictureIdDelta;
    for (let k = this.#runs - 1; k >= 0 && incoming <= this.#ends![k]!; k--) delta += this.#pictures![k]!;
    return delta;
  }

  /**
   * Leaves a packet out so that no gap is seen, and with it `pictures` pictures. One that comes late left its gap
   * already.
   */
  drop(incoming: number, pictures = 0): void {
    if (incoming <= this.newestIn || incoming < this.firstIn) return;
    if (pictures > 0) {
      this.pictureIdDelta -= pictures;
      this.rewrites = true;
    }
    this.newestIn = incoming;
    this.lastDropped = incoming;
    this.offset--;
    if (this.#starts === undefined || this.#ends === undefined || this.#pictures === undefined) {
      this.#starts = new Float64Array(maxRuns);
      this.#ends = new Float64Array(maxRuns);
      this.#pictures = new Uint8Array(maxRuns);
    }
    if (this.#runs > 0 && this.#ends[this.#runs - 1] === incoming - 1) {
      this.#ends[this.#runs - 1] = incoming;
      this.#pictures[this.#runs - 1]! += pictures;
      return;
    }
    if (this.#runs === maxRuns) {
      this.#starts.copyWithin(0, 1);
      this.#ends.copyWithin(0, 1);
      this.#pictures.copyWithin(0, 1);
      this.#runs--;
      this.#forgotten = true;
    }
    this.#starts[this.#runs] = incoming;
    this.#ends[this.#runs] = incoming;
    this.#pictures[this.#runs] = pictures;
    this.#runs++;
  }
}

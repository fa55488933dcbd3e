import { seqDiff } from './sequence.ts';

/** Packets a source may owe at once; with more missing a key frame is cheaper. */
const maxMissing = 500;
/** Nothing older than this many packets is asked for. */
const maxAgePackets = 10_000;
const maxRetries = 8;
/** Packets that are due at nearly the same time are asked for together. */
const minTimerMs = 5;
const defaultRttMs = 100;
const maxRecovered = 512;
/** A repair is asked for again when it is late by so much. */
const repairMargin = 1.25;
const leastRepairMs = 10;
const onceWeight = 0.2;
const repeatedWeight = 0.05;
const maxKeyFrames = 256;

/**
 * Finds lost packets of one stream and says which to ask for, and when to ask again (RFC 4585 §6.2.1;
 * constants of object-model.md §11.8). Numbers inside are unwrapped; lists are sorted typed arrays.
 */
export class NackGenerator {
  /** Set when more is missing than NACK can repair; the owner asks for a key frame and clears it. */
  keyFrameNeeded = false;
  /** Believed until repairs themselves have shown how long one takes. */
  rttMs = defaultRttMs;
  /** From a request to its repair, milliseconds; NaN = none came yet. */
  repairMs = Number.NaN;

  #started = false;
  #last = 0;
  #count = 0;
  readonly #missing = new Float64Array(maxMissing);
  readonly #sentAt = new Float64Array(maxMissing);
  readonly #firstSentAt = new Float64Array(maxMissing);
  readonly #retries = new Uint8Array(maxMissing);
  /** Ask not before this time. */
  readonly #notBefore = new Float64Array(maxMissing);
  readonly #reorderDelayMs: number;
  #recovered: number[] = [];
  #keyFrames: number[] = [];

  /**
   * @param reorderDelayMs how long a gap may be mere reordering before it is asked for; 0 asks at once.
   */
  constructor(reorderDelayMs = 0) {
    this.#reorderDelayMs = reorderDelayMs;
  }

  /** After so long a packet is asked for again. */
  get #distanceMs(): number {
    return Number.isNaN(this.repairMs) ? this.rttMs : this.repairMs * repairMargin;
  }

  /** How many packets are missed now. */
  get missingCount(): number {
    return this.#count;
  }

  /**
   * Takes one received packet. `recovered` says it came as a retransmission. True when it fills a gap that
   * was asked for. Then call collect().
   */
  receive(seq: number, isKeyFrame: boolean, recovered: boolean, nowMs: number): boolean {
    if (!this.#started) {
      this.#started = true;
      this.#last = seq;
      if (isKeyFrame) this.#keyFrames.push(seq);
      return false;
    }
    const extended = this.#last + seqDiff(seq, this.#last & 0xffff);
    if (extended === this.#last) return false;
    if (extended < this.#last) {
      const i = this.#find(extended);
      if (i >= this.#count || this.#missing[i] !== extended) return false;
      const asked = this.#retries[i]! > 0;
      if (asked && recovered) this.#noteRepair(i, nowMs);
      this.#removeAt(i);
      return asked;
    }
    if (isKeyFrame) {
      this.#keyFrames.push(extended);
      if (this.#keyFrames.length > maxKeyFrames) this.#keyFrames.shift();
    }
    while (this.#keyFrames.length > 0 && this.#keyFrames[0]! < extended - maxAgePackets) {
      this.#keyFrames.shift();
    }
    if (recovered) {
      // A retransmission of what we have not missed yet: remembered, so that the gap is not asked for.
      this.#recovered = this.#recovered.filter((r) => r > this.#last);
      if (this.#recovered.length < maxRecovered) this.#recovered.push(extended);
      return false;
    }
    this.#addMissing(this.#last + 1, extended, nowMs);
    this.#last = extended;
    return false;
  }

  /**
   * Writes the numbers to ask for now to `out`, oldest first, and answers how many. What does not fit comes
   * with the next call. Call after receive() and at nextTimeout().
   */
  collect(nowMs: number, out: Uint16Array): number {
    let written = 0;
    let i = 0;
    const distance = this.#distanceMs;
    while (i < this.#count && written < out.length) {
      const asked = this.#retries[i]! > 0;
      const due = asked ? nowMs - this.#sentAt[i]! >= distance : nowMs >= this.#notBefore[i]!;
      if (!due) {
        i++;
        continue;
      }
      if (this.#retries[i]! >= maxRetries) {
        this.#removeAt(i);
        continue;
      }
      out[written++] = this.#missing[i]! & 0xffff;
      this.#sentAt[i] = nowMs;
      if (!asked) this.#firstSentAt[i] = nowMs;
      this.#retries[i]!++;
      i++;
    }
    return written;
  }

  /** When collect() should be called again; undefined while nothing is missing. */
  nextTimeout(nowMs: number): number | undefined {
    if (this.#count === 0) return undefined;
    const distance = this.#distanceMs;
    let due = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#count; i++) {
      const at = this.#retries[i]! > 0 ? this.#sentAt[i]! + distance : this.#notBefore[i]!;
      if (at < due) due = at;
    }
    return Math.max(nowMs + minTimerMs, due);
  }

  /** Forgets everything: the stream restarted or was paused. */
  reset(): void {
    this.#started = false;
    this.#count = 0;
    this.#recovered = [];
    this.#keyFrames = [];
    this.keyFrameNeeded = false;
  }

  /**
   * A repair came. Asked for once, its time is that of a round; asked for more often it may answer any request, and
   * only tells that rounds are longer than was thought where it does so again and again.
   */
  #noteRepair(i: number, nowMs: number): void {
    const once = this.#retries[i] === 1;
    const took = Math.max(leastRepairMs, nowMs - this.#firstSentAt[i]!);
    if (Number.isNaN(this.repairMs)) {
      if (once) this.repairMs = took;
      else if (took > this.rttMs) this.repairMs = this.rttMs;
      return;
    }
    this.repairMs += (took - this.repairMs) * (once ? onceWeight : repeatedWeight);
  }

  #addMissing(from: number, to: number, nowMs: number): void {
    const oldest = this.#find(to - maxAgePackets);
    if (oldest > 0) this.#removeBefore(oldest);
    const added = to - from;
    if (added === 0) return;
    // Packets before a key frame are not needed any more.
    while (this.#count + added > maxMissing && this.#dropUntilKeyFrame()) {}
    if (this.#count + added > maxMissing) {
      this.#count = 0;
      this.keyFrameNeeded = true;
      return;
    }
    for (let n = from; n < to; n++) {
      if (this.#recovered.length > 0 && this.#recovered.includes(n)) continue;
      this.#missing[this.#count] = n;
      this.#sentAt[this.#count] = 0;
      this.#retries[this.#count] = 0;
      this.#notBefore[this.#count] = nowMs + this.#reorderDelayMs;
      this.#count++;
    }
  }

  /** Forgets what is older than the oldest known key frame after the first gap. False when that was nothing. */
  #dropUntilKeyFrame(): boolean {
    while (this.#keyFrames.length > 0) {
      const keyFrame = this.#keyFrames[0]!;
      const i = this.#find(keyFrame);
      if (i > 0) {
        this.#removeBefore(i);
        return true;
      }
      this.#keyFrames.shift();
    }
    return false;
  }

  /** Index of the first missing number that is not below `n`. */
  #find(n: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#missing[middle]! < n) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #removeAt(i: number): void {
    this.#shift(i + 1, i);
    this.#count--;
  }

  #removeBefore(i: number): void {
    this.#shift(i, 0);
    this.#count -= i;
  }

  #shift(from: number, to: number): void {
    this.#missing.copyWithin(to, from, this.#count);
    this.#sentAt.copyWithin(to, from, this.#count);
    this.#firstSentAt.copyWithin(to, from, this.#count);
    this.#retries.copyWithin(to, from, this.#count);
    this.#notBefore.copyWithin(to, from, this.#count);
  }
}

const buckets = 64;
const bucketMs = 25;
const windowBuckets = 20;
/** The fastest of late: while a queue drains, packets arrive as fast as the path can. */
const burstBuckets = 6;
/** What arrives while a queue stands: long enough for some packets, short enough to leave out what came before. */
const drainBuckets = 4;
/** A rate over less time than this says nothing. */
const minSpanMs = 150;

/** Bits per second that reached the far end over the last half second, by its own clock. */
export class AcknowledgedRate {
  readonly #sums = new Float64Array(buckets);
  #newest = Number.NaN;
  #first = Number.NaN;
  #bps = 0;
  #burstBps = 0;
  #drainBps = 0;

  /** A packet arrived. Times are of the receiver's clock and may run back a little. */
  add(bytes: number, arrivalMs: number): void {
    const bucket = Math.floor(arrivalMs / bucketMs);
    if (Number.isNaN(this.#newest) || bucket < this.#newest - buckets / 2 || bucket > this.#newest + 4000) {
      this.#sums.fill(0);
      this.#newest = bucket;
      this.#first = bucket;
    }
    if (bucket > this.#newest) {
      const gap = Math.min(buckets, bucket - this.#newest);
      for (let k = 1; k <= gap; k++) this.#sums[(this.#newest + k) & (buckets - 1)] = 0;
      // After a silence the window begins anew: what was not sent can't have arrived.
      if (bucket - this.#newest > windowBuckets) this.#first = bucket;
      this.#newest = bucket;
    }
    this.#sums[bucket & (buckets - 1)]! += bytes;
    this.#measure();
  }

  /** 0 while too little is known. */
  get bps(): number {
    return this.#bps;
  }

  /** As `bps`, but over the last 150 ms where that is more: what a burst of a key frame got through. */
  get burstBps(): number {
    return Math.max(this.#bps, this.#burstBps);
  }

  /** Over the last 100 ms: what the path carries, if a queue stood all that time. */
  get drainBps(): number {
    return this.#drainBps;
  }

  reset(): void {
    this.#newest = Number.NaN;
    this.#drainBps = 0;
    this.#bps = 0;
    this.#burstBps = 0;
  }

  #measure(): void {
    // The newest bucket is not full yet, so it is left out.
    const end = this.#newest - 1;
    const span = Math.min(windowBuckets, end - this.#first + 1);
    if (span * bucketMs < minSpanMs) return;
    let sum = 0;
    let burst = 0;
    let drain = 0;
    for (let k = 0; k < span; k++) {
      const bytes = this.#sums[(end - k) & (buckets - 1)]!;
      sum += bytes;
      if (k < burstBuckets) burst += bytes;
      if (k < drainBuckets) drain += bytes;
    }
    this.#burstBps = (burst * 8000) / (Math.min(span, burstBuckets) * bucketMs);
    this.#drainBps = (drain * 8000) / (drainBuckets * bucketMs);
    this.#bps = (sum * 8000) / (span * bucketMs);
  }
}

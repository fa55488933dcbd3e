/** Groups of packets in a row that must all have stood in a queue. */
const groups = 2;
/** Above the least of the time before: more than the jitter of a bad radio link, less than a usual queue holds. */
const surgeMs = 75;
/** What counts as "before". */
const memoryMs = 500;
const places = 64;
/** A queue that gets shorter by more than this from group to group drains by itself: a stall that is over. */
const drainMs = 5;

/**
 * Did a queue fill within a few frames? The trendline needs more time than such a queue takes to overflow: a path that
 * falls to a third of what is sent is full after 120 ms. A stall of a radio link looks alike at first, but its queue
 * shrinks with each group that comes after it.
 */
export class QueueSurge {
  /** The last groups say so. */
  surging = false;
  readonly #queue = new Float64Array(places);
  readonly #at = new Float64Array(places);
  #count = 0;

  /** The group of packets that arrived at `arrivalMs` (the receiver's clock) had waited for `queueMs`. */
  update(queueMs: number, arrivalMs: number): void {
    const n = this.#count++;
    this.#queue[n % places] = queueMs;
    this.#at[n % places] = arrivalMs;
    this.surging = false;
    if (n < groups) return;
    let standing = queueMs;
    let later = queueMs;
    for (let k = 1; k < groups; k++) {
      const queue = this.#queue[(n - k) % places]!;
      if (later < queue - drainMs) return;
      later = queue;
      standing = Math.min(standing, queue);
    }
    let before = Number.POSITIVE_INFINITY;
    for (let k = groups; k <= Math.min(n, places - 1); k++) {
      if (arrivalMs - this.#at[(n - k) % places]! > memoryMs) break;
      before = Math.min(before, this.#queue[(n - k) % places]!);
    }
    this.surging = standing - before > surgeMs;
  }

  reset(): void {
    this.surging = false;
    this.#count = 0;
  }
}

/** After a probe that the path carried, and after one that it did not. */
const firstDelayMs = 300;
const afterSuccessMs = 200;
const firstRetryMs = 1000;
const maxRetryMs = 2500;
/** A probe goes so far beyond the need, because layers vary. */
const headroom = 1.2;
/** Nothing faster than this multiple of what is believed is tried at once. */
const maxStep = 3;
/** Nor faster than this, after a probe that was too fast. */
const careStep = 1.5;

/** Decides when a transport that wants more than its estimate sends a probe, and how fast. */
export class ProbePlanner {
  #nextAt = Number.NaN;
  #retryMs = firstRetryMs;
  /** The last probe was too much for the path. */
  #failed = false;

  /** When plan() may answer otherwise than 0; NaN = not planned. */
  get nextAt(): number {
    return this.#nextAt;
  }

  /**
   * Bits per second to probe with now, or 0. `nextBps` is what the next better layer needs, `wantedBps` what
   * everything wanted needs; both include all other traffic.
   */
  plan(estimateBps: number, nextBps: number, wantedBps: number, now: number): number {
    if (nextBps <= estimateBps) {
      this.#nextAt = Number.NaN;
      return 0;
    }
    if (Number.isNaN(this.#nextAt)) this.#nextAt = now + firstDelayMs;
    if (now < this.#nextAt) return 0;
    this.#nextAt = now + this.#retryMs;
    // What a probe is too fast by fills the queue, and where that is short it costs pictures: after one that failed
    // the way up begins with a small step, and goes on with large ones as soon as that is carried.
    if (this.#failed) return Math.min(nextBps * headroom, estimateBps * careStep);
    return Math.min(wantedBps * headroom, Math.max(nextBps * headroom, estimateBps * maxStep));
  }

  /** The last probe was judged. */
  result(carried: boolean, now: number): void {
    this.#failed = !carried;
    if (carried) {
      this.#retryMs = firstRetryMs;
      this.#nextAt = now + afterSuccessMs;
      return;
    }
    this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 1.5);
    this.#nextAt = now + this.#retryMs;
  }

  /** The path is back from a silence: what was known of it may be wrong, and is soon tried anew. */
  restart(now: number): void {
    this.#failed = false;
    this.#retryMs = firstRetryMs;
    this.#nextAt = now + firstDelayMs;
  }

  /** The path is in trouble: no probe for a while. */
  postpone(now: number, milliseconds = firstRetryMs): void {
    this.#nextAt = Math.max(Number.isNaN(this.#nextAt) ? 0 : this.#nextAt, now + milliseconds);
  }
}

/** Encoders ignore requests that come faster than this, so asking faster is noise. */
const defaultMinIntervalMs = 300;
const maxRetryMs = 2000;

/**
 * Decides when to ask one source for a key frame: many wishes become one request, requests keep a distance,
 * and a request is repeated, ever slower, until a key frame came.
 */
export class KeyFrameRequester {
  minIntervalMs = defaultMinIntervalMs;
  /** Since when a key frame is wanted, on the caller's clock; NaN = none is, or that is not known. */
  wantedSince = Number.NaN;
  #wanted = false;
  #sentAt = Number.NEGATIVE_INFINITY;
  #attempts = 0;

  /** @param delayMs least distance of two requests; 0 = default. */
  setDelay(delayMs: number): void {
    this.minIntervalMs = delayMs > 0 ? delayMs : defaultMinIntervalMs;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  /** Somebody needs a key frame; `now` is kept for those who ask how long they wait. */
  want(now = Number.NaN): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.wantedSince = now;
    this.#attempts = 0;
  }

  /** A key frame came: nobody waits any more. */
  received(): void {
    this.#wanted = false;
  }

  /** Nobody is left who waits, or the source is gone. */
  cancel(): void {
    this.#wanted = false;
  }

  /** True when a request is to be sent now; it counts as sent. */
  take(now: number): boolean {
    if (!this.#wanted || now < this.#dueAt()) return false;
    this.#sentAt = now;
    this.#attempts++;
    return true;
  }

  /** When take() may answer true; Infinity while nothing is wanted. */
  nextTimeout(): number {
    return this.#wanted ? this.#dueAt() : Number.POSITIVE_INFINITY;
  }

  #dueAt(): number {
    const distance =
      this.#attempts === 0
        ? this.minIntervalMs
        : Math.max(this.minIntervalMs, Math.min(maxRetryMs, 300 * 2 ** (this.#attempts - 1)));
    return this.#sentAt + distance;
  }
}

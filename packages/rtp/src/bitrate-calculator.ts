/**
 * Bits per second over the last `windowMs`. Sums of one millisecond share an entry of a ring that grows
 * with use, up to one entry per millisecond of the window.
 */
export class BitrateCalculator {
  readonly windowMs: number;
  #times: Float64Array;
  #bytes: Float64Array;
  #first = 0;
  #used = 0;
  #sum = 0;

  constructor(windowMs = 1000) {
    this.windowMs = windowMs;
    this.#times = new Float64Array(16);
    this.#bytes = new Float64Array(16);
  }

  /** Counts `bytes` at time `nowMs`. Time that runs back counts as the newest time seen. */
  update(bytes: number, nowMs: number): void {
    let now = Math.floor(nowMs);
    if (this.#used > 0) {
      const last = (this.#first + this.#used - 1) % this.#times.length;
      if (now <= this.#times[last]!) {
        now = this.#times[last]!;
        this.#bytes[last]! += bytes;
        this.#sum += bytes;
        return;
      }
    }
    this.#forget(now);
    if (this.#used === this.#times.length) this.#grow();
    const at = (this.#first + this.#used) % this.#times.length;
    this.#times[at] = now;
    this.#bytes[at] = bytes;
    this.#used++;
    this.#sum += bytes;
  }

  /** Bits per second of what came in the window that ends at `nowMs`. */
  bitrateBps(nowMs: number): number {
    this.#forget(Math.floor(nowMs));
    return Math.round((this.#sum * 8 * 1000) / this.windowMs);
  }

  #forget(now: number): void {
    while (this.#used > 0 && now - this.#times[this.#first]! >= this.windowMs) {
      this.#sum -= this.#bytes[this.#first]!;
      this.#first = (this.#first + 1) % this.#times.length;
      this.#used--;
    }
    if (this.#used === 0) this.#sum = 0;
  }

  #grow(): void {
    const size = this.#times.length;
    const times = new Float64Array(size * 2);
    const bytes = new Float64Array(size * 2);
    for (let i = 0; i < this.#used; i++) {
      times[i] = this.#times[(this.#first + i) % size]!;
      bytes[i] = this.#bytes[(this.#first + i) % size]!;
    }
    this.#times = times;
    this.#bytes = bytes;
    this.#first = 0;
  }
}

/** Token buckets, one per key. Per instance: it protects the instance, and losing it costs nothing. */
export class RateLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Takes one; answers 0, or the seconds to wait when there is none left. */
  take(key: string, now: number): number {
    const bucket = this.#buckets.get(key) ?? { left: this.#burst, at: now };
    const left = Math.min(this.#burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * this.#perSecond);
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: left >= 1 ? left - 1 : left, at: now });
    if (this.#buckets.size > maxBuckets) this.#dropOldest();
    return left >= 1 ? 0 : Math.max(1, Math.ceil((1 - left) / this.#perSecond));
  }

  #dropOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

const maxBuckets = 100_000;

import type { Usage } from './trendline.ts';

/** Kept of what arrived when the queue grows. */
const backoff = 0.85;
/** Growth per second far from any known capacity. */
const growthPerSecond = 0.08;
const packetBits = 1200 * 8;
/** A probe that the path carried is believed for so long, against one sign of a growing queue. */
const protectedMs = 3000;
/** Smoothing of the capacity seen at decreases. */
const capacityWeight = 0.1;

/**
 * The rate that delay allows: additive increase near the capacity seen last, multiplicative otherwise, and a fall
 * to 85 % of what arrived when the queue grows (draft-ietf-rmcat-gcc-02 §5.5).
 */
export class RateControl {
  bps: number;
  /** Nothing was known before: a first measurement may set the rate. */
  #state: 'increase' | 'hold' = 'increase';
  #updatedAt = Number.NaN;
  #decreasedAt = Number.NEGATIVE_INFINITY;
  #capacityBps = Number.NaN;
  #capacityDeviation = 0.4;
  #protectedBps = 0;
  #protectedUntil = Number.NEGATIVE_INFINITY;

  constructor(initialBps: number) {
    this.bps = initialBps;
  }

  /** @param acknowledgedBps 0 = unknown. True when it decreased. */
  update(usage: Usage, acknowledgedBps: number, rttMs: number, now: number): boolean {
    const elapsedMs = Number.isNaN(this.#updatedAt) ? 0 : Math.min(1000, now - this.#updatedAt);
    this.#updatedAt = now;
    if (usage === 'over') {
      this.#state = 'hold';
      // Whether a decrease helped is known a round trip later.
      const wait = Math.max(100, Math.min(400, rttMs + 50));
      if (now - this.#decreasedAt < wait && acknowledgedBps > this.bps / 2) return false;
      return this.#decrease(acknowledgedBps, now);
    }
    if (usage === 'under') {
      this.#state = 'hold';
      return false;
    }
    if (this.#state === 'hold') {
      this.#state = 'increase';
      return false;
    }
    this.#increase(acknowledgedBps, rttMs, elapsedMs);
    return false;
  }

  /** A probe or a limit says so. */
  set(bps: number): void {
    this.bps = bps;
    if (bps > this.#upper) this.#capacityBps = Number.NaN;
  }

  /**
   * A probe just showed that the path carries so much. The next thing sent is the key frame of a better layer, a
   * burst that looks like a queue: the first fall after a probe does not go far below it.
   */
  protect(bps: number, now: number): void {
    this.#protectedBps = bps;
    this.#protectedUntil = now + protectedMs;
  }

  get #upper(): number {
    return this.#capacityBps + 3 * Math.sqrt((this.#capacityDeviation * this.#capacityBps) / 1000) * 1000;
  }

  get #lower(): number {
    return this.#capacityBps - 3 * Math.sqrt((this.#capacityDeviation * this.#capacityBps) / 1000) * 1000;
  }

  #increase(acknowledgedBps: number, rttMs: number, elapsedMs: number): void {
    if (acknowledgedBps > this.#upper) this.#capacityBps = Number.NaN;
    const nearCapacity = !Number.isNaN(this.#capacityBps) && this.bps > this.#lower;
    const perSecond = nearCapacity
      ? Math.max(4000, (packetBits * 1000) / (rttMs + 100))
      : Math.max(8000, this.bps * growthPerSecond);
    const next = this.bps + (perSecond * elapsedMs) / 1000;
    // A rate that is not used proves nothing: it does not grow far beyond what arrives.
    const limit = acknowledgedBps > 0 ? acknowledgedBps * 1.5 + 10_000 : this.bps;
    this.bps = Math.max(this.bps, Math.min(next, limit));
  }

  #decrease(acknowledgedBps: number, now: number): boolean {
    if (acknowledgedBps <= 0) {
      this.#decreasedAt = now;
      this.bps /= 2;
      return true;
    }
    if (acknowledgedBps < this.#lower) this.#capacityBps = Number.NaN;
    this.#noteCapacity(acknowledgedBps);
    this.#decreasedAt = now;
    let next = acknowledgedBps * backoff;
    if (now < this.#protectedUntil) {
      next = Math.max(next, this.#protectedBps * 0.9);
      this.#protectedUntil = Number.NEGATIVE_INFINITY;
    }
    if (next >= this.bps) return false;
    this.bps = next;
    return true;
  }

  #noteCapacity(bps: number): void {
    if (Number.isNaN(this.#capacityBps)) this.#capacityBps = bps;
    else this.#capacityBps += capacityWeight * (bps - this.#capacityBps);
    const error = (this.#capacityBps - bps) / 1000;
    const normal = Math.max(this.#capacityBps / 1000, 1);
    const deviation =
      (1 - capacityWeight) * this.#capacityDeviation + (capacityWeight * error * error) / normal;
    this.#capacityDeviation = Math.max(0.4, Math.min(2.5, deviation));
  }
}

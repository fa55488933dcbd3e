/** Interarrival jitter (RFC 3550 §6.4.1 and A.8), in timestamp units, without the 4 bits of fixed point. */
export class JitterEstimator {
  readonly clockRate: number;
  #jitter = 0;
  #lastTimestamp = 0;
  #lastArrivalMs = 0;
  #started = false;

  /** `clockRate` in Hz. */
  constructor(clockRate: number) {
    this.clockRate = clockRate;
  }

  /** Takes one packet. Packets of the frame before (same timestamp) don't count: their spacing is pacing. */
  update(timestamp: number, arrivalMs: number): void {
    if (!this.#started) {
      this.#started = true;
    } else {
      if (timestamp === this.#lastTimestamp) return;
      const sent = (timestamp - this.#lastTimestamp) | 0;
      const arrived = ((arrivalMs - this.#lastArrivalMs) * this.clockRate) / 1000;
      this.#jitter += (Math.abs(arrived - sent) - this.#jitter) / 16;
    }
    this.#lastTimestamp = timestamp;
    this.#lastArrivalMs = arrivalMs;
  }

  /** For a report block: a whole number of timestamp units, 32 bits. */
  get value(): number {
    return Math.min(0xffffffff, Math.floor(this.#jitter));
  }

  get milliseconds(): number {
    return (this.#jitter * 1000) / this.clockRate;
  }

  /** After a source restarted, so that the jump is not counted. */
  reset(): void {
    this.#started = false;
    this.#jitter = 0;
  }
}

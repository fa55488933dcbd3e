/** Packets sent within so many milliseconds are one train. */
const trainMs = 5;
const minPackets = 5;
/** Spread over less, jitter may be all there is to it; and the path is not so narrow that it matters. */
const minSpreadMs = 100;

/**
 * The rate of a narrow path from the first burst that is sent over it: packets that left together arrive one by one, as
 * fast as the path carries them. Before anything else is known this tells within a fraction of a second that the rate
 * believed at the start is far too high. It tells nothing of wide paths.
 */
export class FirstTrain {
  /** Bits per second; 0 = it told nothing (yet). */
  bps = 0;
  #sentAt = Number.NaN;
  #firstArrival = 0;
  #bytes = 0;
  #packets = 0;

  /** A packet arrived. Sending and arriving are on clocks of their own. */
  add(bytes: number, sentAt: number, arrivalMs: number): void {
    if (Number.isNaN(this.#sentAt) || sentAt - this.#sentAt > trainMs) {
      // Too few to tell: the next burst may be longer.
      if (this.#packets >= minPackets) return;
      this.#sentAt = sentAt;
      this.#firstArrival = arrivalMs;
      this.#bytes = 0;
      this.#packets = 1;
      return;
    }
    this.#packets++;
    // What the first one took lies before its arrival.
    this.#bytes += bytes;
    const spread = arrivalMs - this.#firstArrival;
    if (this.#packets >= minPackets && spread >= minSpreadMs) this.bps = (this.#bytes * 8000) / spread;
  }
}

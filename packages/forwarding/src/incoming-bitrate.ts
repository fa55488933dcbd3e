const startBps = 2_000_000;
const floorBps = 100_000;
const ceilingBps = 50_000_000;
/** Below this loss there is room for more; above the other one there is too much (RFC 8698 has like bounds). */
const lowLoss = 0.02;
const highLoss = 0.1;

/**
 * How much an endpoint may send us, told in REMB to endpoints that have no transport-wide feedback. Loss
 * driven: grows while the path carries what is offered, shrinks below what came when it does not. Endpoints
 * with transport-wide feedback estimate themselves and only hear the configured limit.
 */
export class IncomingBitrate {
  /** Ceiling set by the application, bits per second; 0 = none. */
  maxBps = 0;
  #estimateBps = startBps;

  /** @param lossFraction 0…1 over the last interval; @param incomingBps measured in it. */
  update(lossFraction: number, incomingBps: number): void {
    if (lossFraction > highLoss) {
      this.#estimateBps = Math.max(floorBps, incomingBps * (1 - lossFraction / 2));
    } else if (lossFraction < lowLoss && incomingBps > this.#estimateBps / 2) {
      // Only a path that is used shows that it can carry more.
      this.#estimateBps = Math.min(ceilingBps, this.#estimateBps * 1.08 + 10_000);
    }
  }

  /** What to tell: the estimate under the ceiling. */
  get bps(): number {
    const bps = this.maxBps > 0 ? Math.min(this.#estimateBps, this.maxBps) : this.#estimateBps;
    return Math.round(bps);
  }
}

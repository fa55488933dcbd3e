/** A receiver's estimator allows itself at most half as much again as it gets. */
const unusedRatio = 1.35;
const growthPerSecond = 0.25;
/** So far beyond the last REMB the bound may go. */
const maxRatio = 4;
const staleMs = 10_000;

/**
 * What REMB (draft-alvestrand-rmcat-remb-03) allows where there is no transport-wide feedback. A receiver can't
 * estimate beyond what it is sent: while the REMB is far above the rate that flows, it says "at least so much",
 * and the bound grows slowly, so that a higher layer can be tried.
 */
export class RembBound {
  /** Infinity = no REMB was heard lately. */
  bps = Number.POSITIVE_INFINITY;
  #at = Number.NaN;
  #toldBps = 0;

  told(bps: number, sentBps: number, now: number): void {
    const elapsed = Number.isNaN(this.#at) ? 0 : Math.min(2000, now - this.#at);
    const unused = bps >= sentBps * unusedRatio;
    if (Number.isNaN(this.#at) || !unused) this.bps = bps;
    else {
      const grown = Math.max(this.bps, bps) * (1 + (growthPerSecond * elapsed) / 1000);
      this.bps = Math.max(bps, Math.min(grown, bps * maxRatio));
    }
    this.#toldBps = bps;
    this.#at = now;
  }

  /** A receiver that is silent for long bounds nothing. */
  check(now: number): void {
    if (now - this.#at > staleMs) {
      this.bps = Number.POSITIVE_INFINITY;
      this.#at = Number.NaN;
    }
  }

  get toldBps(): number {
    return this.#toldBps;
  }
}

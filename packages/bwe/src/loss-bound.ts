const windowMs = 1000;
const minPackets = 40;
/** Loss that by itself asks for less, with and without a queue that was seen to grow. */
const highLossWithQueue = 0.1;
const highLoss = 0.15;
/** Loss that is clear in a single window. */
const severeLoss = 0.35;
/** ... and at the very beginning not even a whole one. Later lost feedback might be all there is to it. */
const severeWindowMs = 250;
const lowLoss = 0.02;
/** Without a test no more than this passes for the path's own loss. */
const maxPresumedLoss = 0.12;
const queueMemoryMs = 2000;
const growthPerSecond = 0.1;
const minTestMs = 600;

/**
 * The rate that loss allows (draft-ietf-rmcat-gcc-02 §6), with one more question: does sending less help? On a
 * path that loses at any rate (radio) the classic rule starves the viewer for nothing. So a fall is a test: if
 * loss is the same after it, the loss is the path's own, and the bound is lifted.
 */
export class LossBound {
  /** Infinity = loss sets no bound. */
  bps = Number.POSITIVE_INFINITY;
  /** Of the last window, 0…1. */
  fraction = 0;
  /** Loss that the path has at any rate, 0…1. */
  ownLoss = 0;
  /** At least one window has been judged. */
  known = false;
  #lost = 0;
  #total = 0;
  #windowAt = Number.NaN;
  #queueAt = Number.NEGATIVE_INFINITY;
  #highWindows = 0;
  #windows = 0;
  /** A fall is being tested: loss before it, when to judge, and the rate that arrived before. */
  #testing = false;
  #testLoss = 0;
  #testFrom = 0;
  #testBps = 0;

  /**
   * Counts what feedback told. `acknowledgedBps` is what arrives, `estimateBps` the rate that is believed now;
   * `queueGrows` is true while the delay detector sees overuse.
   */
  update(
    lost: number,
    total: number,
    acknowledgedBps: number,
    estimateBps: number,
    rttMs: number,
    queueGrows: boolean,
    now: number,
  ): void {
    if (queueGrows) this.#queueAt = now;
    if (Number.isNaN(this.#windowAt)) this.#windowAt = now;
    if (this.#testing && now < this.#testFrom) {
      // What was sent before the fall still comes in.
      this.#windowAt = now;
      this.#lost = 0;
      this.#total = 0;
      return;
    }
    this.#lost += lost;
    this.#total += total;
    const elapsed = now - this.#windowAt;
    const fraction = Math.max(0, Math.min(1, this.#lost / Math.max(1, this.#total)));
    if (elapsed < (this.#testing ? minTestMs : windowMs) || this.#total < minPackets) {
      const severe = !this.known && fraction > severeLoss && this.#total >= minPackets;
      if (elapsed < 4 * windowMs && !(severe && elapsed >= severeWindowMs)) return;
    }
    const enough = this.#total >= minPackets;
    this.#windowAt = now;
    this.#lost = 0;
    this.#total = 0;
    this.fraction = fraction;
    this.known = true;
    this.#judge(fraction, enough, acknowledgedBps, estimateBps, rttMs, elapsed, now);
  }

  /** Nothing of what was learnt holds any more. */
  reset(): void {
    this.bps = Number.POSITIVE_INFINITY;
    this.#windowAt = Number.NaN;
    this.#lost = 0;
    this.#total = 0;
    this.#testing = false;
    this.#highWindows = 0;
  }

  #judge(
    fraction: number,
    enough: boolean,
    acknowledgedBps: number,
    estimateBps: number,
    rttMs: number,
    elapsedMs: number,
    now: number,
  ): void {
    if (this.#testing) {
      this.#testing = false;
      const fell = acknowledgedBps < 0.8 * this.#testBps;
      if (enough && fell && fraction > 0.6 * this.#testLoss) {
        this.ownLoss = Math.min(0.5, fraction);
        this.bps = Number.POSITIVE_INFINITY;
        this.#highWindows = 0;
        return;
      }
    }
    const queue = now - this.#queueAt < queueMemoryMs;
    if (!queue && enough) {
      // Loss without a queue is taken for the path's own up to a point; less than was thought always is.
      const presumed = Math.min(fraction, Math.max(maxPresumedLoss, this.ownLoss));
      this.#windows++;
      this.ownLoss += (presumed - this.ownLoss) * Math.max(0.2, 1 / (this.#windows + 1));
    }
    // Its own loss varies: half as much again is no news.
    const excess = fraction - this.ownLoss * 1.5;
    const high = queue ? highLossWithQueue : highLoss;
    if (excess > high) {
      this.#highWindows++;
      if (this.#highWindows < 2 && excess < severeLoss) return;
      this.#highWindows = 0;
      const before = Math.min(this.bps, estimateBps);
      const next = Math.max(acknowledgedBps * 0.9, before * (1 - fraction / 2));
      this.#testing = true;
      this.#testLoss = fraction;
      this.#testBps = acknowledgedBps;
      this.#testFrom = now + rttMs + 300;
      this.bps = Math.min(before, next, Math.max(acknowledgedBps * 0.9, before * 0.5));
      return;
    }
    this.#highWindows = 0;
    if (this.bps === Number.POSITIVE_INFINITY || excess > lowLoss) return;
    this.bps *= 1 + (growthPerSecond * Math.min(4 * windowMs, elapsedMs)) / 1000;
    if (this.bps > 2 * estimateBps || (acknowledgedBps > 0 && this.bps > 3 * acknowledgedBps)) {
      this.bps = Number.POSITIVE_INFINITY;
    }
  }
}

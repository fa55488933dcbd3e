const points = 20;
const smoothing = 0.9;
const gain = 4;
const maxDeltas = 60;
const firstThresholdMs = 12.5;
const minThresholdMs = 6;
const maxThresholdMs = 600;
/** The threshold follows slowly upwards and faster downwards. */
const thresholdUp = 0.0087;
const thresholdDown = 0.039;
/** A trend that is so far above the threshold is a jump of the route, which the threshold does not follow. */
const maxThresholdStepMs = 15;
const overuseMs = 10;

export type Usage = 'normal' | 'over' | 'under';

/**
 * Is the queue growing? The slope of the one-way delay over the last groups of packets, compared to a threshold
 * that adapts to the path's own noise (draft-ietf-rmcat-gcc-02 §5.3 to §5.5, with a line fitted instead of the
 * Kalman filter, as libwebrtc does).
 */
export class Trendline {
  usage: Usage = 'normal';
  thresholdMs = firstThresholdMs;
  /** The scaled slope that was compared last. */
  trend = 0;
  /** Delay on top of the least seen lately, milliseconds: how much stands in queues. */
  queueMs = 0;
  readonly #x = new Float64Array(points);
  readonly #y = new Float64Array(points);
  #count = 0;
  #at = 0;
  #deltas = 0;
  #accumulated = 0;
  #smoothed = 0;
  #firstArrival = Number.NaN;
  #thresholdAt = Number.NaN;
  #overFor = -1;
  #overCount = 0;
  #previousTrend = 0;
  #floor = 0;

  update(arrivalDeltaMs: number, sendDeltaMs: number, arrivalMs: number): void {
    if (Number.isNaN(this.#firstArrival)) this.#firstArrival = arrivalMs;
    this.#deltas = Math.min(this.#deltas + 1, maxDeltas);
    this.#accumulated += arrivalDeltaMs - sendDeltaMs;
    this.#smoothed = smoothing * this.#smoothed + (1 - smoothing) * this.#accumulated;
    // Clocks drift apart: the floor rises by 1 ms per second, more than any crystal is wrong.
    this.#floor = Math.min(this.#accumulated, this.#floor + arrivalDeltaMs / 1000);
    this.queueMs = this.#accumulated - this.#floor;
    this.#x[this.#at] = arrivalMs - this.#firstArrival;
    this.#y[this.#at] = this.#smoothed;
    this.#at = (this.#at + 1) % points;
    if (this.#count < points) this.#count++;
    const slope = this.#count === points ? this.#slope() : 0;
    this.#detect(slope, sendDeltaMs, arrivalMs);
  }

  reset(): void {
    this.usage = 'normal';
    this.#count = 0;
    this.#at = 0;
    this.#deltas = 0;
    this.#accumulated = 0;
    this.#smoothed = 0;
    this.#floor = 0;
    this.queueMs = 0;
    this.#firstArrival = Number.NaN;
    this.#thresholdAt = Number.NaN;
    this.#overFor = -1;
    this.#overCount = 0;
    this.#previousTrend = 0;
  }

  #slope(): number {
    let sumX = 0;
    let sumY = 0;
    for (let i = 0; i < points; i++) {
      sumX += this.#x[i]!;
      sumY += this.#y[i]!;
    }
    const meanX = sumX / points;
    const meanY = sumY / points;
    let numerator = 0;
    let denominator = 0;
    for (let i = 0; i < points; i++) {
      const x = this.#x[i]! - meanX;
      numerator += x * (this.#y[i]! - meanY);
      denominator += x * x;
    }
    return denominator === 0 ? 0 : numerator / denominator;
  }

  #detect(slope: number, sendDeltaMs: number, arrivalMs: number): void {
    if (this.#deltas < 2) return;
    const trend = this.#deltas * slope * gain;
    this.trend = trend;
    if (trend > this.thresholdMs) {
      this.#overFor = this.#overFor < 0 ? sendDeltaMs / 2 : this.#overFor + sendDeltaMs;
      this.#overCount++;
      if (this.#overFor > overuseMs && this.#overCount > 1 && slope >= this.#previousTrend) {
        this.#overFor = 0;
        this.#overCount = 0;
        this.usage = 'over';
      }
    } else {
      this.#overFor = -1;
      this.#overCount = 0;
      this.usage = trend < -this.thresholdMs ? 'under' : 'normal';
    }
    this.#previousTrend = slope;
    this.#adapt(trend, arrivalMs);
  }

  #adapt(trend: number, arrivalMs: number): void {
    if (Number.isNaN(this.#thresholdAt)) this.#thresholdAt = arrivalMs;
    const magnitude = Math.abs(trend);
    if (magnitude <= this.thresholdMs + maxThresholdStepMs) {
      const k = magnitude < this.thresholdMs ? thresholdDown : thresholdUp;
      const elapsed = Math.min(100, Math.max(0, arrivalMs - this.#thresholdAt));
      const next = this.thresholdMs + k * (magnitude - this.thresholdMs) * elapsed;
      this.thresholdMs = Math.min(maxThresholdMs, Math.max(minThresholdMs, next));
    }
    this.#thresholdAt = arrivalMs;
  }
}

import type { DependencyDescriptor } from '@weir/rtp';

const temporals = 8;
const spatials = 4;
const weight = 0.25;
const minWindowMs = 200;

/**
 * Bit and frame rates of the layers in one stream, smoothed over about two seconds: what the stream costs up to a spatial
 * and a temporal layer.
 */
export class LayerRates {
  /** Highest layers seen. */
  maxSpatial = 0;
  maxTemporal = 0;
  readonly #bytes = new Float64Array(spatials * temporals);
  readonly #bps = new Float64Array(spatials * temporals);
  readonly #pictures = new Float64Array(temporals);
  readonly #framesPerSecond = new Float64Array(temporals);
  #since = Number.NaN;
  #known = false;

  /** A packet of these layers came; `starts`: it begins a picture. */
  add(spatial: number, temporal: number, bytes: number, starts: boolean, now: number): void {
    if (Number.isNaN(this.#since)) this.#since = now;
    if (spatial >= spatials || temporal >= temporals) return;
    if (spatial > this.maxSpatial) this.maxSpatial = spatial;
    if (temporal > this.maxTemporal) this.maxTemporal = temporal;
    this.#bytes[spatial * temporals + temporal]! += bytes;
    if (starts) this.#pictures[temporal]!++;
  }

  /**
   * The source tells what it produces: layers above that are none to choose from any more. (Whether those it
   * promises come, packets show.)
   */
  offer({ structure, activeDecodeTargets }: DependencyDescriptor): void {
    let spatial = 0;
    let temporal = 0;
    for (let d = 0; d < structure.decodeTargetCount; d++) {
      if (((activeDecodeTargets >>> d) & 1) === 0) continue;
      spatial = Math.max(spatial, structure.targetSpatialId[d]!);
      temporal = Math.max(temporal, structure.targetTemporalId[d]!);
    }
    if (spatial < this.maxSpatial) this.maxSpatial = spatial;
    if (temporal < this.maxTemporal) this.maxTemporal = temporal;
  }

  tick(now: number): void {
    const elapsed = now - this.#since;
    if (!(elapsed >= minWindowMs)) return;
    // Silence is no rate: what the layers cost when they flow is what counts.
    if (this.#bytes.every((bytes) => bytes === 0)) return;
    for (let i = 0; i < this.#bytes.length; i++) {
      // What a layer cost is kept for when it comes back.
      if (i % temporals > this.maxTemporal || i >= (this.maxSpatial + 1) * temporals) continue;
      const bps = (this.#bytes[i]! * 8000) / elapsed;
      this.#bps[i] = this.#known ? this.#bps[i]! + (bps - this.#bps[i]!) * weight : bps;
      this.#bytes[i] = 0;
    }
    for (let t = 0; t < temporals; t++) {
      const rate = (this.#pictures[t]! * 1000) / elapsed;
      const before = this.#framesPerSecond[t]!;
      this.#framesPerSecond[t] = this.#known ? before + (rate - before) * weight : rate;
      this.#pictures[t] = 0;
    }
    this.#known = true;
    this.#since = now;
  }

  /** Whether bps() tells anything yet. */
  get known(): boolean {
    return this.#known;
  }

  /** Bits per second of everything up to these layers. */
  bps(spatial: number, temporal: number): number {
    let sum = 0;
    for (let s = 0; s <= spatial; s++) {
      for (let t = 0; t <= temporal; t++) sum += this.#bps[s * temporals + t]!;
    }
    return sum;
  }

  /** Frames a second of everything up to this temporal layer; 0 = the packets do not tell where frames begin. */
  framesPerSecond(temporal: number): number {
    let sum = 0;
    for (let t = 0; t <= temporal; t++) sum += this.#framesPerSecond[t]!;
    return sum;
  }

  /** The stream was turned off and may be turned on again: what it cost is still the best guess. */
  rest(): void {
    this.#bytes.fill(0);
    this.#pictures.fill(0);
    this.#since = Number.NaN;
  }

  reset(): void {
    this.maxSpatial = 0;
    this.maxTemporal = 0;
    this.#bytes.fill(0);
    this.#bps.fill(0);
    this.#pictures.fill(0);
    this.#framesPerSecond.fill(0);
    this.#since = Number.NaN;
    this.#known = false;
  }
}

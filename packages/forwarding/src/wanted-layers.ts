/** Layers that nobody has a use for any more are told so late, so that coming and going viewers don't make them flap. */
const lowerAfterMs = 5000;

/** The highest spatial layer of a receiver that anybody has a use for, as the publisher is told: up at once, down late. */
export class WantedLayers {
  /** Told last: -1 = nobody takes anything; Infinity = nothing was told, so all are wanted. */
  highest = Number.POSITIVE_INFINITY;
  #lowerSince = Number.NaN;
  /** The most that was needed since. */
  #most = -1;

  /** Somebody needs everything up to `layer`. True when that is more than was told. */
  raise(layer: number): boolean {
    if (layer > this.#most) this.#most = layer;
    if (layer <= this.highest) return false;
    this.highest = layer;
    this.#lowerSince = Number.NaN;
    return true;
  }

  /** Looks again: `layer` is the most that anybody needs now, `top` the highest there is. True when it changed. */
  update(layer: number, top: number, now: number): boolean {
    if (this.raise(layer)) return true;
    if (layer >= Math.min(this.highest, top)) {
      this.#lowerSince = Number.NaN;
      return false;
    }
    if (Number.isNaN(this.#lowerSince)) {
      this.#lowerSince = now;
      this.#most = layer;
    }
    if (now - this.#lowerSince < lowerAfterMs) return false;
    this.#lowerSince = Number.NaN;
    if (this.#most >= Math.min(this.highest, top)) return false;
    this.highest = this.#most;
    return true;
  }

  /** Other layers are published now: nothing was told about them. */
  reset(): void {
    this.highest = Number.POSITIVE_INFINITY;
    this.#lowerSince = Number.NaN;
  }
}

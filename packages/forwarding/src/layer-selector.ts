/**
 * Which encoding of a simulcast receiver one sender takes: the preferred one or, while that is silent, the
 * nearest live one below, else the nearest above. The choice becomes real at the next key frame of the target;
 * until then the sender goes on with what it has.
 */
export class LayerSelector {
  /** Index of the wanted encoding, low to high; Infinity = the highest there is. */
  preferredSpatialLayer = Number.POSITIVE_INFINITY;
  /** Highest encoding that the bitrate allows; Infinity = no limit. */
  maxSpatialLayer = Number.POSITIVE_INFINITY;
  /** No encoding fits: nothing is forwarded. */
  paused = false;
  /** Index of the encoding to switch to; -1 = none is live, or paused. */
  target = -1;

  /** Chooses again from what is live. True when the target changed. */
  update(encodings: readonly { readonly live: boolean }[]): boolean {
    const wanted = Math.min(this.preferredSpatialLayer, this.maxSpatialLayer, encodings.length - 1);
    let target = -1;
    for (let i = wanted; !this.paused && i >= 0 && target < 0; i--) if (encodings[i]!.live) target = i;
    for (let i = wanted + 1; !this.paused && i < encodings.length && target < 0; i++)
      if (encodings[i]!.live) target = i;
    if (target === this.target) return false;
    this.target = target;
    return true;
  }
}

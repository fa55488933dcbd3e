/** One way to forward a video source: everything up to these layers. */
export interface LayerOption {
  readonly spatialLayer: number;
  readonly temporalLayer: number;
  /** Bits per second of all that is forwarded then. */
  readonly bps: number;
}

/** Fewer frames a second than this are no moving picture: then rather a smaller one with all frames. */
const minFramesPerSecond = 12;

/**
 * Options from low to high for layers whose rates are `rates[spatial][temporal]` (cumulative over temporal
 * layers; over spatial ones too where they build on each other). What costs more but shows less is left out: a
 * picture of a higher spatial layer beats more frames of a lower one, but only down to half the frames, and not below
 * 12 a second. `frames` are those rates in frames a second (cumulative over temporal layers); 0 or absent = unknown.
 */
export function layerOptions(
  rates: readonly (readonly number[])[],
  frames: readonly (readonly number[])[] = [],
): LayerOption[] {
  const options: LayerOption[] = [];
  rates.forEach((temporal, spatialLayer) => {
    temporal.forEach((bps, temporalLayer) => {
      if (bps <= 0) return;
      // Fewer frames than half are only worth it where there is nothing smaller.
      if (spatialLayer > 0 && temporalLayer < temporal.length - 2) return;
      const framesPerSecond = frames[spatialLayer]?.[temporalLayer] || Number.POSITIVE_INFINITY;
      if (spatialLayer > 0 && temporalLayer < temporal.length - 1 && framesPerSecond < minFramesPerSecond)
        return;
      while (options.length > 0 && options.at(-1)!.bps >= bps) options.pop();
      options.push({ spatialLayer, temporalLayer, bps });
    });
  });
  return options;
}

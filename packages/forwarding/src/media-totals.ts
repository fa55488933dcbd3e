import type { LayerSelector } from './layer-selector.ts';

/** Upper bounds of the buckets, milliseconds. */
export const latencyBoundsMs = [10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000] as const;

/** How often something took how long. Plain data, so that it can go from thread to thread. */
export interface LatencyHistogram {
  /** Per bucket, not cumulative; one more than there are bounds, for what took longer. */
  readonly counts: number[];
  sumMs: number;
}

export function latencyHistogram(): LatencyHistogram {
  return { counts: new Array<number>(latencyBoundsMs.length + 1).fill(0), sumMs: 0 };
}

/** @param ms NaN (no beginning is known) counts nothing */
export function observeLatency(histogram: LatencyHistogram, ms: number): void {
  if (Number.isNaN(ms)) return;
  const took = Math.max(0, ms);
  let bucket = 0;
  while (bucket < latencyBoundsMs.length && took > latencyBoundsMs[bucket]!) bucket++;
  histogram.counts[bucket]!++;
  histogram.sumMs += took;
}

/** What one worker did to media since it began. Nothing here is touched once per packet. */
export class MediaTotals {
  /** Feedback of viewers: NACK messages, packets they name, and what came of those. */
  nacksReceived = 0;
  packetsAskedFor = 0;
  packetsSentAgain = 0;
  packetsNotSentAgain = 0;
  plisReceived = 0;
  firsReceived = 0;
  /** Feedback to publishers. */
  nacksSent = 0;
  packetsAskedOfPublishers = 0;
  plisSent = 0;
  firsSent = 0;
  /** A viewer's encoding changed: which way, and what bounds the one it has now. */
  layerUpBandwidth = 0;
  layerUpPreference = 0;
  layerUpSource = 0;
  layerDownBandwidth = 0;
  layerDownPreference = 0;
  layerDownSource = 0;
  /** Bandwidth stopped a viewer's video as a whole, or let it go on. */
  layerPaused = 0;
  layerResumed = 0;
  /** A source of sound that was held back became one of the loudest of its room. */
  loudestSwitches = 0;

  noteSwitch(selector: LayerSelector, encodings: number, from: number, to: number): void {
    if (from < 0 || from === to) return;
    const { preferredSpatialLayer: preferred, maxSpatialLayer: allowed } = selector;
    const highest = encodings - 1;
    const bound = Math.min(preferred, allowed, highest);
    // Another one than was wanted is taken when that one is silent.
    const by =
      to !== bound || bound === highest ? 'Source' : allowed < preferred ? 'Bandwidth' : 'Preference';
    this[`layer${to > from ? 'Up' : 'Down'}${by}`]++;
  }
}

/** How long the steps of joining took. */
export class JoinLatencies {
  /** From the order to make the transport to the first nominated path. */
  readonly ice = latencyHistogram();
  /** From there to the keys. */
  readonly dtls = latencyHistogram();
  /** From there to the first packet that a receiver takes. */
  readonly firstRtp = latencyHistogram();
  /** From when a viewer's video could go out to the key frame that it begins with. */
  readonly firstKeyFrame = latencyHistogram();
}

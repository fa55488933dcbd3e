import type { LinkPolicy } from './memory-network.ts';

export interface LinkOptions {
  /** Same seed, same course of events. Default 1. */
  readonly seed?: number;
  /** One-way delay in milliseconds. Default 0. */
  readonly delayMs?: number;
  /** Up to so much is added to the delay at random; more than the spacing of packets reorders them. */
  readonly jitterMs?: number;
  /** Probability, 0…1, that a datagram is lost. */
  readonly loss?: number;
  /** Probability that it comes twice. */
  readonly duplicate?: number;
  /** Probability that it is held back by `reorderDelayMs`, so that later ones overtake it. */
  readonly reorder?: number;
  readonly reorderDelayMs?: number;
  /** Bits per second of a bottleneck; none by default. */
  readonly rateBps?: number;
  /** What may wait in front of the bottleneck; what does not fit is lost. Default 100 ms worth. */
  readonly queueBytes?: number;
}

/**
 * A lossy link with a seeded random generator. One policy is one direction with one bottleneck: choose by
 * address in a policy of your own to have several.
 */
export function createLink(options: LinkOptions): LinkPolicy {
  const random = seededRandom(options.seed ?? 1);
  const { delayMs = 0, jitterMs = 0, loss = 0, duplicate = 0, reorder = 0, reorderDelayMs = 20 } = options;
  const bytesPerMs = options.rateBps === undefined ? Number.POSITIVE_INFINITY : options.rateBps / 8000;
  const queueBytes = options.queueBytes ?? bytesPerMs * 100;
  let busyUntil = 0;
  return (datagram, now) => {
    // Always the same number of draws, so that one option does not shift the luck of the others.
    const [lost, twice, held, wobble] = [random(), random(), random(), random()];
    let delay = delayMs;
    if (bytesPerMs !== Number.POSITIVE_INFINITY) {
      const start = Math.max(now, busyUntil);
      if ((start - now) * bytesPerMs + datagram.data.length > queueBytes) return [];
      busyUntil = start + datagram.data.length / bytesPerMs;
      delay += busyUntil - now;
    }
    if (lost < loss) return [];
    delay += wobble * jitterMs;
    if (held < reorder) delay += reorderDelayMs;
    return twice < duplicate ? [delay, delay] : [delay];
  };
}

/** Numbers in 0…1 from a 32-bit seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Ports of one worker, both ends included. */
export interface PortRange {
  /** Even. */
  readonly min: number;
  /** Odd. */
  readonly max: number;
}

/**
 * The share of worker `number` (from 1) of `workers` in [min, max] (object-model.md §3.1): equal parts, the lower
 * bound rounded up to even, the upper down to odd. Throws RangeError if that leaves a span below 99.
 */
export function portRangeOf(number: number, workers: number, min: number, max: number): PortRange {
  const part = Math.floor((max - min) / workers);
  const lower = min + part * (number - 1);
  const upper = min + part * number;
  const range = { min: lower + (lower & 1), max: upper % 2 === 0 ? upper - 1 : upper };
  if (range.max - range.min < 99) {
    throw new RangeError(
      `the ports ${min} to ${max} are too few for ${workers} workers: each needs 100 (rtcMinPort, rtcMaxPort)`,
    );
  }
  return range;
}

/** Every port of the range once, from a random one on and then round, so that restarts don't collide. */
export function* portsFrom(range: PortRange, random: number): Generator<number> {
  const count = range.max - range.min + 1;
  for (let i = 0; i < count; i++) yield range.min + ((random + i) % count);
}

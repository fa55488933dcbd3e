/**
 * How long to wait after a failed attempt, in milliseconds: 1 s, doubled with each failure up to 10 minutes, a fifth more
 * or less so that rooms that failed together do not come again together.
 *
 * @param failures failed attempts so far, from 1 on
 * @param random in [0, 2^32)
 * @param askedMs what the receiver asked for with Retry-After; up to 10 minutes of it are kept
 */
export function retryDelayMs(failures: number, random: number, askedMs = 0): number {
  const planned = Math.min(longestMs, 1000 * 2 ** Math.min(failures - 1, 20));
  return Math.round(Math.max(planned, Math.min(askedMs, longestMs)) * (0.8 + (0.4 * random) / 2 ** 32));
}

/** `Retry-After` in milliseconds: seconds, or a date. 0 = none that could be read. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}

const longestMs = 600_000;

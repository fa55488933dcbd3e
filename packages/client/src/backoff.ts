/** How long to wait before attempt `attempt + 1`. */
export interface Backoff {
  /** Of the first wait. */
  readonly baseMs: number;
  readonly capMs: number;
}

export const requestBackoff: Backoff = { baseMs: 300, capMs: 8_000 };
/** A peer that neither reads nor sends is closed after some 20 s, so readers come again more often. */
export const streamBackoff: Backoff = { baseMs: 500, capMs: 8_000 };

/** A server may ask for so much patience; beyond that somebody would rather see an error. */
const longestRetryAfterMs = 30_000;

/**
 * Exponential back-off of which the upper half is drawn at random, so that a thousand clients that lost
 * one server do not return as one. A Retry-After of up to 30 s is a lower bound, with up to a fifth on top.
 *
 * @param attempt failures so far, from 0
 * @param random uniform in [0, 1)
 */
export function backoffMs(backoff: Backoff, attempt: number, random: number, retryAfterMs = 0): number {
  const ceiling = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(attempt, 20));
  const drawn = ceiling / 2 + (ceiling / 2) * random;
  const asked = Math.min(retryAfterMs, longestRetryAfterMs);
  return Math.round(Math.max(drawn, asked > 0 ? asked * (1 + random / 5) : 0));
}

/** Resolves after `ms`, or at once when one of the signals fires. Never rejects. */
export function wait(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals) signal?.addEventListener('abort', done);
    if (signals.some((signal) => signal?.aborted)) done();
  });
}

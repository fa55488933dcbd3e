import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, wait } from './backoff.ts';

const backoff = { baseMs: 300, capMs: 8_000 };

describe('backoffMs', () => {
  it.each([
    // attempt, random, expected
    [0, 0, 150],
    [0, 0.999999, 300],
    [1, 0, 300],
    [3, 0.5, 1800],
    [10, 0, 4000],
    [1000, 0.999999, 8000],
  ])('after %d failures with %d waits %d ms', (attempt, random, expected) => {
    expect(backoffMs(backoff, attempt, random)).toBe(expected);
  });

  it('never waits less than asked for, nor more than a fifth longer, but not for hours', () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        fc.integer({ min: 8_000, max: 86_400_000 }),
        (attempt, random, retryAfterMs) => {
          const ms = backoffMs(backoff, attempt, random, retryAfterMs);
          const asked = Math.min(retryAfterMs, 30_000);
          expect(ms).toBeGreaterThanOrEqual(asked);
          expect(ms).toBeLessThanOrEqual(Math.ceil(asked * 1.2));
        },
      ),
      { seed: 1 },
    );
  });
});

it('wait ends at once when its signal has fired', async () => {
  await wait(1_000_000, AbortSignal.abort());
  const abort = new AbortController();
  const waiting = wait(1_000_000, abort.signal);
  abort.abort();
  await waiting;
});

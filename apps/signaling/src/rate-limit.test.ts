import { expect, it } from 'vitest';
import { RateLimiter } from './rate-limit.ts';

it('lets a burst through, then so many per second, per key', () => {
  const limiter = new RateLimiter(2, 3);
  expect([0, 0, 0].map(() => limiter.take('a', 1000))).toEqual([0, 0, 0]);
  expect(limiter.take('a', 1000)).toBe(1);
  expect(limiter.take('b', 1000)).toBe(0);
  expect(limiter.take('a', 1499)).toBe(1);
  expect(limiter.take('a', 1500)).toBe(0);
  expect(limiter.take('a', 1500)).toBe(1);
  // A clock that goes back gives nothing away, and a long silence no more than the burst.
  expect(limiter.take('a', 0)).toBe(1);
  expect([0, 0, 0, 0].map(() => limiter.take('a', 3_600_000))).toEqual([0, 0, 0, 1]);
});

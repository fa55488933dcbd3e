import { expect, it } from 'vitest';
import { median, summarize, table } from './statistics.ts';

it('summarize takes the nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(summarize(values)).toEqual({ count: 100, p50: 50, p95: 95, p99: 99, max: 100 });
  expect(summarize([7])).toEqual({ count: 1, p50: 7, p95: 7, p99: 7, max: 7 });
  expect(summarize([])).toEqual({ count: 0, p50: 0, p95: 0, p99: 0, max: 0 });
});

it('table aligns columns', () => {
  expect(
    table([
      ['what', 'n'],
      ['a', '10'],
      ['long name', '5'],
    ]),
  ).toBe(['what        n', '─────────────', 'a          10', 'long name   5'].join('\n'));
});

it('median is the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([9, 1, 5, 7])).toBe(6);
  expect(median([])).toBeNaN();
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { portRangeOf, portsFrom } from './port-range.ts';

describe('portRangeOf()', () => {
  it('splits as object-model.md §3.1 says', () => {
    expect(portRangeOf(1, 1, 10_000, 59_999)).toEqual({ min: 10_000, max: 59_999 });
    expect(portRangeOf(1, 4, 10_000, 59_999)).toEqual({ min: 10_000, max: 22_499 });
    expect(portRangeOf(2, 4, 10_000, 59_999)).toEqual({ min: 22_500, max: 34_997 });
    expect(portRangeOf(4, 4, 10_000, 59_999)).toEqual({ min: 47_498, max: 59_995 });
  });

  it('takes a span of 99 and refuses less', () => {
    expect(portRangeOf(1, 1, 2000, 2099)).toEqual({ min: 2000, max: 2099 });
    expect(() => portRangeOf(1, 1, 2000, 2098)).toThrow(RangeError);
    expect(() => portRangeOf(1, 1, 2000, 2050)).toThrow(RangeError);
    expect(() => portRangeOf(1, 1, 3000, 2000)).toThrow(RangeError);
  });

  it('never gives a port to two workers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32 }),
        fc.integer({ min: 1024, max: 30_000 }),
        fc.integer({ min: 0, max: 30_000 }),
        (workers, min, extra) => {
          const max = Math.min(65_535, min + workers * 102 + extra);
          const ranges = Array.from({ length: workers }, (_, i) => portRangeOf(i + 1, workers, min, max));
          for (const [i, range] of ranges.entries()) {
            expect(range.min % 2).toBe(0);
            expect(range.max % 2).toBe(1);
            expect(range.min).toBeGreaterThanOrEqual(min);
            expect(range.max).toBeLessThanOrEqual(max);
            if (i > 0) expect(range.min).toBeGreaterThan(ranges[i - 1]!.max);
          }
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe('portsFrom()', () => {
  it('gives every port once, beginning anywhere', () => {
    const ports = [...portsFrom({ min: 2000, max: 2099 }, 4_000_000_057)];
    expect(ports[0]).toBe(2057);
    expect(ports).toHaveLength(100);
    expect(new Set(ports).size).toBe(100);
    expect(Math.min(...ports)).toBe(2000);
    expect(Math.max(...ports)).toBe(2099);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Segment } from './segment.ts';

describe('Segment', () => {
  it('shifts numbers by a constant', () => {
    const segment = new Segment();
    segment.begin(undefined, 0, 65_636, 20);
    expect(segment.map(65_636)).toBe(20);
    expect(segment.map(65_700)).toBe(84);
    expect(segment.source(84)).toBe(65_700);
    expect(segment.map(65_635)).toBe(-1);
    expect(segment.source(19)).toBe(-1);
  });

  it('closes the gap of what is left out', () => {
    const segment = new Segment();
    segment.begin(undefined, 0, 100, 0);
    for (const dropped of [103, 104, 107]) {
      segment.newestIn = dropped - 1;
      segment.drop(dropped);
    }
    const mapped = [100, 101, 102, 103, 104, 105, 106, 107, 108].map((n) => segment.map(n));
    expect(mapped).toEqual([0, 1, 2, -1, -1, 3, 4, -1, 5]);
    expect([0, 1, 2, 3, 4, 5].map((n) => segment.source(n))).toEqual([100, 101, 102, 105, 106, 108]);
  });

  it('leaves the gap of a packet that is left out too late', () => {
    const segment = new Segment();
    segment.begin(undefined, 0, 100, 0);
    segment.newestIn = 110;
    segment.drop(105);
    expect(segment.map(106)).toBe(6);
  });

  it('maps both ways like a plain list, whatever is left out, late packets included', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 65_536, max: 2 ** 40 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        (drops, firstIn, firstOut) => {
          const segment = new Segment();
          segment.begin(undefined, 0, firstIn, firstOut);
          const expected: number[] = [];
          let next = firstOut;
          drops.forEach((dropped, i) => {
            if (dropped) segment.drop(firstIn + i);
            else segment.newestIn = firstIn + i;
            expected.push(dropped ? -1 : next++);
          });
          // Older runs than the last 64 are forgotten; they may only be refused, never mapped wrongly.
          drops.forEach((_, i) => {
            const mapped = segment.map(firstIn + i);
            if (mapped !== -1) expect(mapped).toBe(expected[i]);
            const { length } = drops.slice(i).filter((dropped, k) => dropped && !drops[i + k - 1]);
            if (length < 60) expect(mapped).toBe(expected[i]);
            if (mapped >= 0) expect(segment.source(mapped)).toBe(firstIn + i);
          });
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });
});

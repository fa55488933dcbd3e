import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketIndex, replayWindowSize } from './packet-index.ts';

/** An index whose highest accepted packet is `highest`. */
function at(highest: number): PacketIndex {
  const index = new PacketIndex();
  index.accept(highest);
  return index;
}

test('the rollover counter is guessed within 2^15 (RFC 3711 appendix A)', () => {
  expect(new PacketIndex().estimate(60_000)).toBe(60_000);
  expect(at(65_535).estimate(0)).toBe(65_536);
  expect(at(65_536).estimate(65_535)).toBe(65_535);
  expect(at(3 * 65_536 + 10).estimate(32_778)).toBe(3 * 65_536 + 32_778);
  expect(at(3 * 65_536 + 10).estimate(32_779)).toBe(2 * 65_536 + 32_779);
  expect(at(3 * 65_536 + 50_000).estimate(17_232)).toBe(3 * 65_536 + 17_232);
  expect(at(3 * 65_536 + 50_000).estimate(17_231)).toBe(4 * 65_536 + 17_231);
});

test('nothing before the first rollover counter is acceptable', () => {
  expect(at(10).estimate(65_530)).toBeLessThan(0);
});

test('the estimate is the true index wherever it may be', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.integer({ min: -32_767, max: 32_767 }), (highest, distance) => {
      const index = highest + distance;
      if (index < 0) return;
      expect(at(highest).estimate(index % 65_536)).toBe(index);
    }),
    { seed: 20, numRuns: 1000 },
  );
});

test('the window remembers exactly what was accepted', () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 34),
      fc.array(fc.integer({ min: -1200, max: 1200 }), { maxLength: 200 }),
      (start, steps) => {
        const index = new PacketIndex();
        const accepted = new Set<number>();
        let highest = start;
        for (const step of [0, ...steps]) {
          const n = highest + step;
          if (n < 0) continue;
          const known = accepted.size > 0;
          const replay = known && (accepted.has(n) || highest - n >= replayWindowSize);
          expect(index.isReplay(n)).toBe(replay);
          if (replay) continue;
          index.accept(n);
          accepted.add(n);
          highest = Math.max(highest, n);
        }
      },
    ),
    { seed: 21, numRuns: 300 },
  );
});

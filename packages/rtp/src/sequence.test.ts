import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  SequenceUnwrapper,
  SequenceValidator,
  SequenceVerdict,
  seqDiff,
  seqNewer,
  TimestampUnwrapper,
  timestampDiff,
  timestampNewer,
} from './sequence.ts';

test('distances wrap', () => {
  expect(seqDiff(0, 65535)).toBe(1);
  expect(seqDiff(65535, 0)).toBe(-1);
  expect(seqDiff(32768, 0)).toBe(-32768);
  expect(seqNewer(1, 65000)).toBe(true);
  expect(seqNewer(7, 7)).toBe(false);
  expect(timestampDiff(5, 0xfffffffb)).toBe(10);
  expect(timestampNewer(0xfffffffb, 5)).toBe(false);
});

test('unwrapping follows any walk of steps below half a turn', () => {
  fc.assert(
    fc.property(
      fc.nat(65535),
      fc.array(fc.integer({ min: -2000, max: 30_000 }), { maxLength: 200 }),
      (start, steps) => {
        const unwrapper = new SequenceUnwrapper();
        unwrapper.unwrap(start);
        let highest = start;
        for (const step of steps) {
          const n = highest + step;
          expect(unwrapper.unwrap(((n % 65536) + 65536) % 65536)).toBe(n);
          highest = Math.max(highest, n);
          expect(unwrapper.highest).toBe(highest);
          expect(unwrapper.rollover).toBe(Math.floor(highest / 65536));
        }
      },
    ),
    { seed: 1 },
  );
});

test('timestamps unwrap past 2^32', () => {
  const unwrapper = new TimestampUnwrapper();
  let n = 0xfffffff0;
  expect(unwrapper.unwrap(n)).toBe(n);
  for (let i = 0; i < 10; i++) {
    n += 0x70000000;
    expect(unwrapper.unwrap(n % 2 ** 32)).toBe(n);
  }
  expect(unwrapper.unwrap((n - 5) % 2 ** 32)).toBe(n - 5);
  expect(unwrapper.unwrap((n + 5) % 2 ** 32)).toBe(n + 5);
});

test('a validator takes small steps across the wrap and counts loss', () => {
  const validator = new SequenceValidator();
  for (const seq of [65530, 65531, 65533, 65532, 65535, 1, 2]) {
    expect(validator.update(seq)).toBe(SequenceVerdict.ok);
  }
  expect(validator.extendedHighest).toBe(65536 + 2);
  expect(validator.expected).toBe(9);
  expect(validator.received).toBe(7);
  expect(validator.lost).toBe(2);
  expect(validator.takeFractionLost()).toBe(Math.floor((2 * 256) / 9));
  expect(validator.takeFractionLost()).toBe(0);
});

test('limits of dropout (3000) and misorder (100)', () => {
  const at = (seq: number) => {
    const validator = new SequenceValidator();
    validator.update(10_000);
    return validator.update(seq);
  };
  expect(at(12_999)).toBe(SequenceVerdict.ok);
  expect(at(13_000)).toBe(SequenceVerdict.jump);
  expect(at(9_901)).toBe(SequenceVerdict.ok);
  expect(at(9_900)).toBe(SequenceVerdict.jump);
});

test('two packets in a row after a jump restart the count', () => {
  const validator = new SequenceValidator();
  validator.update(10);
  expect(validator.update(20_000)).toBe(SequenceVerdict.jump);
  expect(validator.update(11)).toBe(SequenceVerdict.ok);
  expect(validator.update(20_001)).toBe(SequenceVerdict.jump);
  expect(validator.update(20_002)).toBe(SequenceVerdict.restart);
  expect(validator.received).toBe(1);
  expect(validator.extendedHighest).toBe(20_002);
});

test('duplicates make loss negative, never the fraction', () => {
  const validator = new SequenceValidator();
  for (const seq of [1, 2, 2, 2, 3]) validator.update(seq);
  expect(validator.lost).toBe(-2);
  expect(validator.takeFractionLost()).toBe(0);
});

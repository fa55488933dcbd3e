import { describe, expect, it } from 'vitest';
import { formatBitrate, formatLoss, hueOf, initials } from './format.ts';
import { linePath, scaleOf } from './plot.ts';
import { meterLevel, SpeakingDetector } from './speaking.ts';

it.each([
  [0, '0 kbit/s'],
  [48_400, '48 kbit/s'],
  [994_000, '994 kbit/s'],
  [999_000, '1.0 Mbit/s'],
  [1_724_000, '1.7 Mbit/s'],
  [9_960_000, '10 Mbit/s'],
])('writes %d bit/s as %s', (bps, text) => {
  expect(formatBitrate(bps)).toBe(text);
});

it.each([
  [0, '0 %'],
  [0.0001, '0.1 %'],
  [0.034, '3.4 %'],
  [0.123, '12 %'],
  [1, '100 %'],
])('writes a loss of %d as %s', (share, text) => {
  expect(formatLoss(share)).toBe(text);
});

it.each([
  ['Ada', 'A'],
  ['ada lovelace', 'AL'],
  ['Jean-Luc van der Berg', 'JB'],
  ['  ', '?'],
  ['🦦 otter', '🦦O'],
])('shortens %s to %s', (name, letters) => {
  expect(initials(name)).toBe(letters);
});

it('gives a name one colour', () => {
  expect(hueOf('Ada')).toBe(hueOf('Ada'));
  const hues = new Set(['Ada', 'Bob', 'Carol', 'Dave', 'Eve'].map(hueOf));
  expect(hues.size).toBeGreaterThan(3);
});

describe('the plot', () => {
  it.each([
    [[], 100_000],
    [[120_000], 200_000],
    [[1, 400_000], 500_000],
    [[2_000_000], 2_000_000],
    [[5_000_001], 10_000_000],
  ])('scales %j up to %d', (values, top) => {
    expect(scaleOf(values)).toBe(top);
  });

  it('stands at the right, is cut off at the top, and closes at the bottom', () => {
    expect(linePath([0, 50, 500], 100, 118, 22, false)).toBe('M114 21L116 11L118 1');
    expect(linePath([0, 50, 500], 100, 118, 22, true)).toBe('M114 21L116 11L118 1L118 22L114 22Z');
    expect(linePath([1], 100, 118, 22, false)).toBe('');
  });
});

describe('speaking', () => {
  it('bridges the pauses between words', () => {
    const detector = new SpeakingDetector();
    expect(detector.update(0.001, 0)).toBe(false);
    expect(detector.update(0.2, 100)).toBe(true);
    expect(detector.update(0, 600)).toBe(true);
    expect(detector.update(0, 701)).toBe(false);
  });

  it('measures in decibels', () => {
    expect(meterLevel(0)).toBe(0);
    expect(meterLevel(0.001)).toBeCloseTo(0, 5);
    expect(meterLevel(0.0316)).toBeCloseTo(0.5, 2);
    expect(meterLevel(2)).toBe(1);
  });
});

import { expect, test } from 'vitest';
import { BitrateCalculator } from './bitrate-calculator.ts';

function run(items: readonly (readonly [atMs: number, bytes: number, expectedBps: number])[]) {
  const calculator = new BitrateCalculator();
  const start = 1_700_000_000_000;
  for (const [at, bytes, expected] of items) {
    if (bytes > 0) calculator.update(bytes, start + at);
    expect(calculator.bitrateBps(start + at), `at ${at} ms`).toBe(expected);
  }
}

test('W1 receive single item per 1000 ms', () => {
  run([[0, 5, 40]]);
});

test('W2 receive multiple items per 1000 ms', () => {
  run([
    [0, 5, 40],
    [100, 2, 56],
    [300, 2, 72],
    [999, 4, 104],
  ]);
});

test('W3 slide', () => {
  run([
    [0, 5, 40],
    [999, 2, 56],
    [1001, 1, 24],
    [1001, 1, 32],
    [2000, 1, 24],
    [3000, 0, 0],
  ]);
});

test('an entry for every millisecond, for many windows, gives the true sum', () => {
  const calculator = new BitrateCalculator(100);
  for (let ms = 0; ms < 1000; ms++) {
    calculator.update(ms, ms);
    let sum = 0;
    for (let k = Math.max(0, ms - 99); k <= ms; k++) sum += k;
    expect(calculator.bitrateBps(ms)).toBe(sum * 80);
  }
  expect(calculator.bitrateBps(2000)).toBe(0);
});

test('time that runs back is counted at the newest time', () => {
  const calculator = new BitrateCalculator();
  calculator.update(5, 500);
  calculator.update(5, 100);
  expect(calculator.bitrateBps(1499)).toBe(80);
  expect(calculator.bitrateBps(1500)).toBe(0);
});

import { expect, test } from 'vitest';
import { createRandom } from './random.ts';

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number): number[] => Array.from({ length: 5 }, createRandom(seed).uint32);
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  expect(createRandom(7).bytes(32)).toEqual(createRandom(7).bytes(32));
});

test('numbers never change between versions: recorded histories depend on them', () => {
  const random = createRandom(42);
  expect([random.uint32(), random.uint32(), random.uint32()]).toMatchInlineSnapshot(`
    [
      2837322924,
      544945897,
      479756282,
    ]
  `);
});

test('uniform enough: mean, spread, and every value of a small range', () => {
  const random = createRandom(3);
  const draws = Array.from({ length: 20_000 }, () => random.next());
  expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...draws)).toBeLessThan(1);
  expect(draws.reduce((sum, value) => sum + value) / draws.length).toBeCloseTo(0.5, 1);
  const counts = new Array(10).fill(0);
  for (let i = 0; i < 10_000; i++) counts[random.int(10)]++;
  for (const count of counts) expect(count).toBeGreaterThan(850);
});

test('chance(0) never, chance(1) always, a fork goes its own way', () => {
  const random = createRandom(5);
  for (let i = 0; i < 100; i++) expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
  const fork = random.fork();
  expect(fork.uint32()).not.toBe(random.uint32());
});

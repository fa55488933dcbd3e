import { describe, expect, it } from 'vitest';
import { StreamScore } from './stream-score.ts';

describe('StreamScore', () => {
  it('is 10 without loss, falls with loss, and less with repaired loss', () => {
    const score = (lost: number, repaired: number) => {
      const one = new StreamScore(10);
      for (let i = 0; i < 8; i++) one.update(100, lost, repaired);
      return one.value;
    };
    expect(score(0, 0)).toBe(10);
    expect(score(0, 5)).toBe(10);
    expect(score(10, 0)).toBe(7);
    expect(score(0, 20)).toBe(8);
    expect(score(50, 0)).toBe(1);
    expect(score(100, 0)).toBe(0);
  });

  it('remembers a while, and says when it changed', () => {
    const score = new StreamScore(10);
    expect(score.update(100, 0, 0)).toBe(false);
    expect(score.update(100, 40, 0)).toBe(true);
    const low = score.value;
    expect(low).toBeLessThan(8);
    for (let i = 0; i < 8; i++) score.update(100, 0, 0);
    expect(score.value).toBe(10);
    expect(score.reset(0)).toBe(true);
    expect(score.value).toBe(0);
  });

  it('is not fooled by impossible counts', () => {
    const score = new StreamScore(10);
    score.update(10, 500, 500);
    expect(score.value).toBe(0);
    score.update(0, 5, 5);
    score.reset(10);
    score.update(10, -50, -50);
    expect(score.value).toBe(10);
  });
});

import { describe, expect, it } from 'vitest';
import { WantedLayers } from './wanted-layers.ts';

describe('wanted layers', () => {
  it('fall late and rise at once', () => {
    const wanted = new WantedLayers();
    expect(wanted.update(2, 2, 0)).toBe(false);
    expect(wanted.update(0, 2, 500)).toBe(false);
    expect(wanted.update(0, 2, 5000)).toBe(false);
    expect(wanted.update(0, 2, 5500)).toBe(true);
    expect(wanted.highest).toBe(0);
    expect(wanted.raise(1)).toBe(true);
    expect(wanted.raise(1)).toBe(false);
    expect(wanted.highest).toBe(1);
  });

  it('fall to the most that was needed meanwhile, and not at all while it comes and goes', () => {
    const wanted = new WantedLayers();
    wanted.update(0, 2, 0);
    wanted.update(1, 2, 2000);
    expect(wanted.update(0, 2, 5000)).toBe(true);
    expect(wanted.highest).toBe(1);
    for (let now = 10_000; now < 60_000; now += 500) {
      expect(wanted.update(now % 4000 === 0 ? 1 : 0, 2, now)).toBe(false);
    }
    expect(wanted.highest).toBe(1);
  });

  it('end with nobody, and a brief need between two looks counts', () => {
    const wanted = new WantedLayers();
    wanted.update(-1, 0, 0);
    wanted.raise(0);
    expect(wanted.update(-1, 0, 5000)).toBe(false);
    wanted.update(-1, 0, 5500);
    expect(wanted.update(-1, 0, 10_500)).toBe(true);
    expect(wanted.highest).toBe(-1);
  });
});

import { describe, expect, it } from 'vitest';
import { SourceClock } from './source-clock.ts';

describe('SourceClock', () => {
  it('relates the clocks by the first report and lets jitter pass by', () => {
    const clock = new SourceClock();
    clock.note(1_000_000, 5_000_040);
    expect(clock.toSource(5_000_040)).toBe(1_000_000);
    for (let i = 1; i < 20; i++) clock.note(1_000_000 + i * 1000, 5_000_040 + i * 1000 + (i % 2) * 60);
    expect(Math.abs(clock.toSource(5_020_040) - 1_020_000)).toBeLessThan(10);
    expect(clock.epoch).toBe(0);
  });

  it('follows drift', () => {
    const clock = new SourceClock();
    // 100 ppm for ten minutes: 60 ms.
    for (let i = 0; i < 600; i++) clock.note(i * 1000, i * 1000.1);
    expect(Math.abs(clock.toSource(600_060) - 600_000)).toBeLessThan(2);
    expect(clock.epoch).toBe(0);
  });

  it('takes a jump for a new clock', () => {
    const clock = new SourceClock();
    expect(clock.note(1000, 1000)).toBe(0);
    expect(clock.note(90_000, 2000)).toBe(1);
    expect(clock.toSource(2000)).toBe(90_000);
  });
});

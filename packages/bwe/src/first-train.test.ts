import { describe, expect, it } from 'vitest';
import { FirstTrain } from './first-train.ts';

/** A burst of packets of 1200 bytes over a path of so many bits per second. */
function burst(train: FirstTrain, packets: number, bps: number, sentAt: number): void {
  for (let i = 1; i <= packets; i++) train.add(1200, sentAt, sentAt + 30 + (i * 1200 * 8000) / bps);
}

describe('the first burst over a path', () => {
  it('tells the rate of a narrow one', () => {
    const train = new FirstTrain();
    burst(train, 10, 300_000, 0);
    expect(train.bps).toBeCloseTo(300_000);
  });

  it('tells it before all of it has arrived', () => {
    const train = new FirstTrain();
    burst(train, 5, 100_000, 0);
    expect(train.bps).toBeCloseTo(100_000);
  });

  it('tells nothing of a wide one, and nothing with a few packets', () => {
    const wide = new FirstTrain();
    burst(wide, 10, 3_000_000, 0);
    expect(wide.bps).toBe(0);
    const few = new FirstTrain();
    burst(few, 4, 100_000, 0);
    expect(few.bps).toBe(0);
    // The next burst may be long enough.
    burst(few, 6, 100_000, 1000);
    expect(few.bps).toBeCloseTo(100_000);
  });

  it('is not mixed with what was sent later', () => {
    const train = new FirstTrain();
    burst(train, 10, 300_000, 0);
    burst(train, 10, 50_000, 500);
    expect(train.bps).toBeCloseTo(300_000);
  });
});

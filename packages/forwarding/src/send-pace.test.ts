import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SendPace } from './send-pace.ts';

describe('SendPace', () => {
  it('limits nothing as long as nothing is known of the path, or when it is off', () => {
    const pace = new SendPace();
    expect(pace.limited).toBe(false);
    pace.set(Number.POSITIVE_INFINITY, 2.5);
    expect(pace.limited).toBe(false);
    pace.set(1_000_000, 0);
    expect(pace.limited).toBe(false);
  });

  it('lets what the path carries in 40 ms go at once, then a multiple of what it carries', () => {
    const pace = new SendPace();
    pace.set(1_600_000, 2.5);
    expect(pace.limited).toBe(true);
    let sent = 0;
    for (; pace.take(1000, 1000); ) sent += 1000;
    expect(sent).toBe(8000);
    // 4 Mbit/s are 500 bytes in a millisecond.
    expect(pace.take(1000, 1001)).toBe(true);
    expect(pace.take(1000, 1002)).toBe(false);
    expect(pace.take(1000, 1003)).toBe(true);
  });

  it('lets nothing pass what waits', () => {
    const pace = new SendPace();
    pace.set(1_600_000, 2.5);
    pace.waiting = true;
    expect(pace.take(100, 1000)).toBe(false);
    expect(pace.open(1000)).toBe(true);
  });

  it('makes pictures wait for the sound and the repairs that went before them', () => {
    const pace = new SendPace();
    pace.set(800_000, 2.5);
    pace.spend(5000, 1000);
    expect(pace.open(1000)).toBe(false);
    expect(pace.open(1003)).toBe(false);
    expect(pace.open(1005)).toBe(true);
  });

  it('pays its debt within the time of a burst, however much went out', () => {
    const pace = new SendPace();
    pace.set(800_000, 2.5);
    for (let n = 0; n < 100; n++) pace.spend(1200, 1000);
    expect(pace.open(1015)).toBe(false);
    expect(pace.open(1017)).toBe(true);
  });

  it('makes up for a timer that comes late, while packets wait', () => {
    const pace = new SendPace();
    pace.set(20_000_000, 2.5);
    for (; pace.open(1000); ) pace.spend(1000, 1000);
    pace.waiting = true;
    let bytes = 0;
    for (; pace.open(1010); bytes += 1000) pace.spend(1000, 1010);
    // 50 Mbit/s for 10 ms.
    expect(bytes).toBeGreaterThan(60_000);
    expect(bytes).toBeLessThan(64_000);
  });

  it('never sends more than its burst, its rate and one packet', () => {
    const rates = fc.integer({ min: 30_000, max: 20_000_000 });
    const packets = fc.array(
      fc.record({ gapMs: fc.integer({ min: 0, max: 30 }), bytes: fc.integer({ min: 20, max: 1300 }) }),
      { minLength: 1, maxLength: 300 },
    );
    fc.assert(
      fc.property(rates, packets, (bps, sends) => {
        const pace = new SendPace();
        pace.set(bps, 2.5);
        let now = 1000;
        let sent = 0;
        for (const { gapMs, bytes } of sends) {
          now += gapMs;
          if (pace.take(bytes, now)) sent += bytes;
        }
        expect(sent).toBeLessThanOrEqual(12_000 + ((now - 1000) * bps * 2.5) / 8000 + 1300);
      }),
    );
  });
});

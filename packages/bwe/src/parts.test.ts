import { describe, expect, it } from 'vitest';
import { AcknowledgedRate } from './acknowledged-rate.ts';
import { ProbePlanner } from './probe-planner.ts';
import { RembBound } from './remb-bound.ts';
import { PacketFate, SentHistory } from './sent-history.ts';
import { Trendline } from './trendline.ts';

describe('sent history', () => {
  it('unwraps numbers, and grows rather than forget young packets', () => {
    const history = new SentHistory();
    for (let i = 0; i < 3000; i++) history.add((65_000 + i) & 0xffff, 100, i / 4, 0);
    expect(history.capacity).toBe(4096);
    const first = history.unwrap(65_000);
    expect(history.last - first).toBe(2999);
    expect(history.fate(first)).toBe(PacketFate.sent);
    expect(history.sentAt(history.unwrap(2999 + 65_000 - 65_536))).toBe(2999 / 4);
  });

  it('lets go of old ones instead of growing', () => {
    const history = new SentHistory();
    for (let i = 0; i < 5000; i++) history.add(i & 0xffff, 100, i * 20, 0);
    expect(history.capacity).toBe(256);
    expect(history.fate(history.unwrap(10))).toBe(PacketFate.unknown);
  });
});

describe('the acknowledged rate', () => {
  it('is that of the last half second, and begins anew after a silence', () => {
    const rate = new AcknowledgedRate();
    for (let t = 0; t < 2000; t += 10) rate.add(1000, t);
    expect(rate.bps).toBeGreaterThan(780_000);
    expect(rate.bps).toBeLessThan(820_000);
    for (let t = 10_000; t < 11_000; t += 10) rate.add(500, t);
    expect(rate.bps).toBeGreaterThan(380_000);
    expect(rate.bps).toBeLessThan(420_000);
  });
});

/** Groups of packets with these deltas, one after the other. */
function feeder(trend: Trendline): (arrivalDeltaMs: number, sendDeltaMs: number) => void {
  let at = 0;
  return (arrivalDeltaMs, sendDeltaMs) => {
    at += arrivalDeltaMs;
    trend.update(arrivalDeltaMs, sendDeltaMs, at);
  };
}

describe('the trend', () => {
  it('sees a queue grow within a few groups, and drain', () => {
    const trend = new Trendline();
    const feed = feeder(trend);
    for (let i = 0; i < 40; i++) feed(33, 33);
    expect(trend.usage).toBe('normal');
    let over = -1;
    for (let i = 0; i < 30 && over < 0; i++) {
      feed(43, 33);
      if (trend.usage === 'over') over = i;
    }
    expect(over).toBeGreaterThanOrEqual(0);
    expect(over).toBeLessThan(15);
    expect(trend.queueMs).toBeGreaterThan(10);
    let under = false;
    for (let i = 0; i < 30; i++) {
      feed(20, 33);
      under ||= trend.usage === 'under';
    }
    expect(under).toBe(true);
  });

  it('does not take a drift of clocks for a queue', () => {
    const trend = new Trendline();
    const feed = feeder(trend);
    for (let i = 0; i < 3000; i++) {
      feed(33.01, 33);
      expect(trend.usage).toBe('normal');
    }
    expect(trend.queueMs).toBeLessThan(1);
  });
});

describe('REMB', () => {
  it('binds at once when the rate that flows reaches it', () => {
    const remb = new RembBound();
    remb.told(700_000, 600_000, 0);
    expect(remb.bps).toBe(700_000);
    remb.told(400_000, 600_000, 1000);
    expect(remb.bps).toBe(400_000);
  });

  it('lets the next layer be tried when the receiver can not know', () => {
    const remb = new RembBound();
    let now = 0;
    for (; now <= 10_000; now += 1000) remb.told(235_000, 150_000, now);
    expect(remb.bps).toBeGreaterThan(600_000);
    expect(remb.bps).toBeLessThanOrEqual(940_000);
    remb.told(300_000, 500_000, now);
    expect(remb.bps).toBe(300_000);
    remb.check(now + 20_000);
    expect(remb.bps).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the plan of probes', () => {
  it('probes soon, at once again after success, and seldom after failure', () => {
    const planner = new ProbePlanner();
    expect(planner.plan(600_000, 1_700_000, 1_700_000, 0)).toBe(0);
    expect(planner.plan(600_000, 1_700_000, 1_700_000, 300)).toBeCloseTo(2_040_000, -3);
    planner.result(false, 500);
    expect(planner.plan(600_000, 1_700_000, 1_700_000, 1500)).toBe(0);
    expect(planner.plan(600_000, 1_700_000, 1_700_000, 2000)).toBe(900_000);
    for (let i = 0; i < 10; i++) planner.result(false, 3000);
    expect(planner.nextAt).toBe(5500);
    planner.result(true, 6000);
    expect(planner.nextAt).toBe(6200);
    expect(planner.plan(2_000_000, 0, 1_700_000, 7000)).toBe(0);
  });

  it('takes a small step after one that was too much, and large ones again when that is carried', () => {
    const planner = new ProbePlanner();
    planner.plan(3_000_000, 3_100_000, 9_000_000, 0);
    expect(planner.plan(3_000_000, 3_100_000, 9_000_000, 1000)).toBe(9_000_000);
    planner.result(false, 1100);
    // No more than the next layer needs, with some headroom …
    expect(planner.plan(3_000_000, 3_100_000, 9_000_000, 5000)).toBeCloseTo(3_720_000, -3);
    planner.result(false, 5100);
    // … and half as much again at most.
    expect(planner.plan(600_000, 1_700_000, 1_700_000, 9000)).toBe(900_000);
    planner.result(true, 9100);
    expect(planner.plan(900_000, 1_700_000, 1_700_000, 9400)).toBeCloseTo(2_040_000, -3);
  });

  it('begins anew after a silence', () => {
    const planner = new ProbePlanner();
    planner.plan(600_000, 1_700_000, 1_700_000, 0);
    for (let i = 0; i < 5; i++) planner.result(false, 1000 * i);
    planner.postpone(10_000);
    planner.restart(10_200);
    expect(planner.nextAt).toBe(10_500);
    expect(planner.plan(600_000, 1_700_000, 1_700_000, 10_499)).toBe(0);
    expect(planner.plan(600_000, 1_700_000, 1_700_000, 10_500)).toBeCloseTo(2_040_000, -3);
  });

  it('does not leap from next to nothing to everything', () => {
    const planner = new ProbePlanner();
    planner.plan(100_000, 560_000, 9_000_000, 0);
    expect(planner.plan(100_000, 560_000, 9_000_000, 1000)).toBeLessThan(720_000);
  });
});

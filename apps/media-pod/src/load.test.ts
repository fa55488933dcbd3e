import { describe, expect, it } from 'vitest';
import { LoopLag, usedRatios } from './load.ts';

const nothing = { transports: 0, egressPps: 0, egressBps: 0, loopLagMs: 0, busiestCpu: 0 };

describe('how full a pod is', () => {
  it('is told for each resource against its limit', () => {
    const used = { transports: 50, egressPps: 30_000, egressBps: 4e8, loopLagMs: 20, busiestCpu: 0.7 };
    expect(usedRatios(used, { transports: 200, egressPps: 60_000, egressBps: 1e9 })).toEqual({
      transports: 0.25,
      cpu: 0.7,
      packets: 0.5,
      bandwidth: 0.4,
      lag: 0.2,
    });
  });

  it('leaves out what nobody measured', () => {
    const used = { ...nothing, egressPps: 1e6, egressBps: 1e12 };
    const ratios = usedRatios(used, { transports: 500, egressPps: undefined, egressBps: undefined });
    expect(Math.max(...Object.values(ratios))).toBe(0);
  });
});

describe('LoopLag', () => {
  it('is the 99th percentile of how late timers were', () => {
    const lag = new LoopLag();
    expect(lag.p99Ms(1000)).toBe(0);
    for (let n = 0; n < 1000; n++) lag.note(1000 + n, 1000.5 + n);
    expect(lag.p99Ms(2000)).toBeCloseTo(0.5, 2);
    for (let n = 0; n < 20; n++) lag.note(2000 + n, 2040 + n);
    expect(lag.p99Ms(2100)).toBeCloseTo(40, 0);
  });

  it('is that of the last full 5 s, and nothing after a silence', () => {
    const lag = new LoopLag();
    for (let at = 0; at < 5000; at += 10) lag.note(at, at + 30);
    for (let at = 5000; at < 9000; at += 10) lag.note(at, at + 1);
    expect(lag.p99Ms(9000)).toBeCloseTo(30, 0);
    expect(lag.p99Ms(10_500)).toBeCloseTo(1, 1);
    expect(lag.p99Ms(21_000)).toBe(0);
    lag.note(21_000, 20_999);
    expect(lag.p99Ms(21_100)).toBe(0);
  });
});

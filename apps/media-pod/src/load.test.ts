import { describe, expect, it } from 'vitest';
import { usedRatios } from './load.ts';

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

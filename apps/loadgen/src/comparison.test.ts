import { expect, it } from 'vitest';
import { type ComparisonRow, medianOf } from './comparison.ts';
import { broadcast, egressPps, type ForwardingResult, meeting } from './forwarding-bench.ts';
import { cpuRatio } from './goals.ts';

function row(target: ComparisonRow['target'], micros: readonly (number | undefined)[]): ComparisonRow {
  const result = (cpuMicrosPerPacket: number) => ({ cpuMicrosPerPacket }) as ForwardingResult;
  return {
    scenario: '1 → 50',
    target,
    title: target,
    runs: micros.map((each) => (each === undefined ? undefined : result(each))),
  };
}

it('ratios are taken within each round, so that a slow round counts for both', () => {
  const rows = [row('weir-native', [2, 20, 3]), row('janus', [10, 100, undefined])];
  expect(cpuRatio(rows, '1 → 50', 'weir-native', 'janus')).toBeCloseTo(0.2);
  expect(cpuRatio(rows, '1 → 50', 'weir-native', 'floor')).toBeUndefined();
  expect(medianOf(rows[1]!, ({ cpuMicrosPerPacket }) => cpuMicrosPerPacket)).toBe(55);
});

it('a scenario says how much is to be sent', () => {
  expect(egressPps(broadcast(50))).toBe(17_500);
  expect(egressPps(meeting(20))).toBe(20 * 19 * 80);
});

import { expect, it } from 'vitest';
import type { ComparisonRow } from './comparison.ts';
import type { ForwardingResult } from './forwarding-bench.ts';
import { judge, judgeKnees } from './goals.ts';
import type { KneeResult } from './knee-bench.ts';
import { goalReport } from './report.ts';
import type { TargetName } from './targets/target.ts';

function row(scenario: string, target: TargetName, micros: number, lossPercent = 0): ComparisonRow {
  const run = { cpuMicrosPerPacket: micros, lossPercent } as ForwardingResult;
  return { scenario, target, title: target, runs: [run] };
}

it('says of each goal whether it holds, and judges no run of ours that lost packets', () => {
  const { judged, notes } = judge([
    row('1 → 50', 'weir-native', 5),
    row('1 → 50', 'weir-node', 24),
    row('1 → 50', 'janus-loops', 20, 3),
    row('1 → 10', 'weir-native', 5, 2),
    row('1 → 10', 'janus-loops', 20),
  ]);
  const report = goalReport(judged, notes)!;
  expect(report).toMatch(/weir-native \/ janus-loops +0\.25 +≤ 0\.3 +holds/);
  expect(report).toMatch(/weir-node \/ janus-loops +1\.20 +≤ 1\.1 +MISSED/);
  expect(judged).toHaveLength(2);
  expect(report).toContain('1 → 50: janus-loops lost 3 %');
  expect(report).toContain('1 → 10: weir-native lost 2 % of its packets and is not judged');
});

it('growth is judged from three numbers of receivers on', () => {
  const rows = [row('1 → 10', 'weir-native', 6), row('1 → 50', 'weir-native', 5)];
  expect(judge(rows).judged).toEqual([]);
  const [growth] = judge([...rows, row('1 → 400', 'weir-native', 9)]).judged;
  expect(growth).toMatchObject({ measured: 1.8, most: 1.1 });
});

it("latency is what comes on top of the floor's", () => {
  const at = (p99: number) => ({ latencyMs: { p99 } }) as ForwardingResult;
  const knee = (floor: ForwardingResult | undefined) =>
    ({ target: 'weir-native', receivers: 50, at60Percent: at(5), floorAt60Percent: floor }) as KneeResult;
  expect(judgeKnees([knee(at(3.5)), knee(undefined)]).map(({ measured }) => measured)).toEqual([1.5, 5]);
});

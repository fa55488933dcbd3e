import { type ComparisonRow, medianOf } from './comparison.ts';
import type { KneeResult } from './knee-bench.ts';
import { median } from './statistics.ts';
import type { TargetName } from './targets/target.ts';

/** A figure and what it should be at most. */
export interface Judgement {
  readonly what: string;
  readonly measured: number;
  readonly most: number;
  readonly unit: string;
}

/** What Weir wants to be, by CPU per packet. */
const cpuGoals: readonly {
  readonly scenario: string;
  readonly target: TargetName;
  readonly base: TargetName;
  readonly most: number;
}[] = [
  { scenario: '1 → 50', target: 'weir-native', base: 'janus-loops', most: 0.3 },
  { scenario: '1 → 200', target: 'weir-native', base: 'janus-loops', most: 0.3 },
  { scenario: '20 × 20', target: 'weir-native', base: 'janus-loops', most: 0.3 },
  { scenario: '1 → 10', target: 'weir-native', base: 'janus-loops', most: 0.4 },
  { scenario: '1 → 50', target: 'weir-native', base: 'floor', most: 1.2 },
  { scenario: '1 → 200', target: 'weir-native', base: 'floor', most: 1.2 },
  { scenario: '1 → 50', target: 'weir-node', base: 'naive', most: 0.25 },
  { scenario: '1 → 50', target: 'weir-node', base: 'janus-loops', most: 1.1 },
  { scenario: '1 → 200', target: 'weir-node', base: 'janus-loops', most: 1.1 },
  { scenario: '20 × 20', target: 'weir-node', base: 'janus-loops', most: 1.1 },
  { scenario: '1 → 50, even', target: 'weir-native', base: 'janus-loops', most: 0.3 },
  { scenario: '1 → 10, even', target: 'weir-native', base: 'janus-loops', most: 0.4 },
  { scenario: '1 → 50, even', target: 'weir-native', base: 'floor', most: 1.2 },
];

/** Latency that the SFU adds at 60 % of the load that loses packets, p99. */
const mostAddedMs = 2;
/** Growth is linear when a packet costs no more with more receivers; a tenth is left to the measurement. */
const mostGrowth = 1.1;
/** Whoever loses more does less work, so that its cost can't be compared. */
export const mostLossPercent = 1;

/** What these rows tell of the goals; `notes` are about rows that lost packets. */
export function judge(rows: readonly ComparisonRow[]): { judged: Judgement[]; notes: string[] } {
  const notes = rows.filter(isLossy).map((row) => {
    const lost = medianOf(row, ({ lossPercent }) => lossPercent).toFixed(0);
    const isOurs = row.target.startsWith('weir');
    return `${row.scenario}: ${row.target} lost ${lost} % of its packets${isOurs ? ' and is not judged' : ', so ratios to it are vague'}`;
  });
  const judged = cpuGoals.flatMap(({ scenario, target, base, most }) => {
    const ratio = cpuRatio(rows, scenario, target, base);
    return ratio === undefined
      ? []
      : [{ what: `${scenario}: CPU per packet, ${target} / ${base}`, measured: ratio, most, unit: '' }];
  });
  return { judged: [...judged, ...judgeGrowth(rows)], notes };
}

function judgeGrowth(rows: readonly ComparisonRow[]): Judgement[] {
  const costOf = (row: ComparisonRow) => medianOf(row, ({ cpuMicrosPerPacket }) => cpuMicrosPerPacket);
  const weirs: readonly TargetName[] = ['weir-native', 'weir-node'];
  return weirs.flatMap((target) => {
    const points = rows.filter(
      (row) => row.target === target && /^1 → \d+$/.test(row.scenario) && !isLossy(row),
    );
    const last = points.at(-1);
    if (last === undefined || points.length < 3) return [];
    // With few receivers a packet is dear for other reasons, so it is compared with the cheapest.
    const least = points.reduce((best, one) => (costOf(one) < costOf(best) ? one : best));
    const what = `growth: CPU per packet of ${target}, ${last.scenario} / ${least.scenario}`;
    return [{ what, measured: costOf(last) / costOf(least), most: mostGrowth, unit: '' }];
  });
}

function isLossy(row: ComparisonRow): boolean {
  return medianOf(row, ({ lossPercent }) => lossPercent) > mostLossPercent;
}

/** The latency that Weir adds at 60 % of its knee. */
export function judgeKnees(knees: readonly KneeResult[]): Judgement[] {
  return knees
    .filter(({ target }) => target !== 'floor')
    .map(({ target, receivers, at60Percent, floorAt60Percent }) => ({
      what: `1 → ${receivers}: p99 at 60 % of the load that loses packets, ${target}, beyond the floor's`,
      measured: Math.max(0, at60Percent.latencyMs.p99 - (floorAt60Percent?.latencyMs.p99 ?? 0)),
      most: mostAddedMs,
      unit: ' ms',
    }));
}

/**
 * What one target uses of CPU per packet relative to another: the median of the ratios within each round. Undefined
 * when the first one lost packets, since then it had less to do.
 */
export function cpuRatio(
  rows: readonly ComparisonRow[],
  scenario: string,
  target: TargetName,
  base: TargetName,
): number | undefined {
  const find = (name: TargetName) => rows.find((row) => row.scenario === scenario && row.target === name);
  const own = find(target);
  const others = find(base)?.runs;
  if (own === undefined || others === undefined || isLossy(own)) return undefined;
  const ratios = own.runs.flatMap((run, index) => {
    const other = others[index];
    return run === undefined || other === undefined
      ? []
      : [run.cpuMicrosPerPacket / other.cpuMicrosPerPacket];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

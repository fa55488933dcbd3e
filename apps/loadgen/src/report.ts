import type { BrowserJoinResult } from './browser-join-bench.ts';
import { type ComparisonRow, medianOf } from './comparison.ts';
import type { Judgement } from './goals.ts';
import type { JoinResult } from './join-bench.ts';
import { type Summary, table } from './statistics.ts';

/** Medians of the runs, a line for each target in each scenario. */
export function forwardingReport(rows: readonly ComparisonRow[]): string {
  const titles = new Map(rows.map(({ target, title }) => [target, title]));
  return [
    'Forwarding, medians of the runs',
    table([
      [
        'scenario',
        'target',
        'SRTP',
        'pps',
        'cores',
        'CPU µs/packet',
        'from',
        'to',
        'loss %',
        'ms p50',
        'p99',
        'RSS MiB',
        'KiB/receiver',
      ],
      ...rows.map((row) => {
        const micros = row.runs.flatMap((run) => (run === undefined ? [] : [run.cpuMicrosPerPacket]));
        const of = (digits: number, figure: Parameters<typeof medianOf>[1]) =>
          medianOf(row, figure).toFixed(digits);
        return [
          row.scenario,
          row.target,
          (row.runs.find((run) => run !== undefined)?.srtpProfile ?? '').replace(/_(128|HMAC).*/, ''),
          of(0, ({ egressPps }) => egressPps),
          of(3, ({ cpuCores }) => cpuCores),
          of(2, ({ cpuMicrosPerPacket }) => cpuMicrosPerPacket),
          Math.min(...micros).toFixed(2),
          Math.max(...micros).toFixed(2),
          of(2, ({ lossPercent }) => lossPercent),
          of(2, ({ latencyMs }) => latencyMs.p50),
          of(2, ({ latencyMs }) => latencyMs.p99),
          of(0, ({ residentMiB }) => residentMiB),
          of(0, ({ residentKiBPerReceiver }) => residentKiBPerReceiver),
        ];
      }),
    ]),
    ...[...titles].map(([target, title]) => `${target}: ${title}`),
  ].join('\n');
}

/** Each goal, what was measured, and whether it holds; undefined if there is none to judge. */
export function goalReport(judged: readonly Judgement[], notes: readonly string[]): string | undefined {
  if (judged.length === 0 && notes.length === 0) return undefined;
  const lines = judged.map(({ what, measured, most, unit }) => [
    what,
    `${measured.toFixed(2)}${unit}`,
    `≤ ${most}${unit}`,
    measured <= most ? 'holds' : 'MISSED',
  ]);
  return [
    'Goals (ratios: median of those within each round)',
    ...(lines.length > 0 ? [table([['goal', 'measured', 'wanted', ''], ...lines])] : []),
    ...notes,
  ].join('\n');
}

export function joinReport(join: JoinResult): string {
  const { http, ice, dtls, firstPacket, total } = join;
  return phaseTable(
    `Join of an endpoint through the pod's control API, ${total.count} one after the other, ms`,
    {
      HTTP: http,
      ICE: ice,
      DTLS: dtls,
      'first packet': firstPacket,
      total,
    },
  );
}

export function browserJoinReport(join: BrowserJoinResult | undefined): string {
  if (join === undefined) return 'First decoded frame: NOT MEASURED, there is no Chromium here.';
  const { browser, http, ice, dtls, firstPacket, firstFrame, total } = join;
  return phaseTable(`Join of ${browser} through signaling and pod, ${total.count} one after the other, ms`, {
    HTTP: http,
    ICE: ice,
    DTLS: dtls,
    'first packet': firstPacket,
    'first decoded frame': firstFrame,
    total,
  });
}

function phaseTable(title: string, phases: Readonly<Record<string, Summary>>): string {
  const rows = Object.entries(phases).map(([name, { p50, p95, max }]) => [
    name,
    p50.toFixed(1),
    p95.toFixed(1),
    max.toFixed(1),
  ]);
  return `${title}\n${table([['phase', 'p50', 'p95', 'max'], ...rows])}`;
}

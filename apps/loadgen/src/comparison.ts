import { benchForwarding, egressPps, type ForwardingResult, type Scenario } from './forwarding-bench.ts';
import { median } from './statistics.ts';
import { onePublisherOnly, startTarget } from './targets/index.ts';
import { TargetMissing, type TargetName } from './targets/target.ts';

/** One target in one scenario; the runs are in the order of time, and of the same number for every target. */
export interface ComparisonRow {
  readonly scenario: string;
  readonly target: TargetName;
  readonly title: string;
  /** undefined: the run failed, and why was printed. */
  readonly runs: readonly (ForwardingResult | undefined)[];
}

export interface ComparisonOptions {
  readonly targets: readonly TargetName[];
  readonly scenarios: readonly Scenario[];
  readonly runs: number;
  readonly seconds: number;
  /** Before each measurement, so that nobody is measured while its code is still being compiled. */
  readonly warmUpSeconds: number;
  readonly profileFolder?: string | undefined;
  /** A line at a time, for somebody who waits. */
  readonly say: (line: string) => void;
  /** Called after each run with all rows so far, so that nothing is lost when it is ended early. */
  readonly onRun?: (rows: readonly ComparisonRow[]) => void;
}

/**
 * Runs every target in every scenario, `runs` times. What is compared stands next to each other in time: one round
 * goes through all targets, each in a fresh process, and the order turns with each round.
 */
export async function compare(options: ComparisonOptions): Promise<ComparisonRow[]> {
  const { scenarios, runs, say } = options;
  const missing = new Set<TargetName>();
  const rows = new Map<string, { scenario: string; target: TargetName; title: string; runs: unknown[] }>();
  const results: ComparisonRow[] = [];
  const order = (name: TargetName) => options.targets.indexOf(name);
  const place = (name: string) => scenarios.findIndex((scenario) => scenario.name === name);
  const sorted = () =>
    results.toSorted((a, b) => place(a.scenario) - place(b.scenario) || order(a.target) - order(b.target));
  for (const scenario of scenarios) {
    const able = options.targets.filter((target) => !missing.has(target) && canRun(target, scenario, say));
    for (let run = 0; run < runs; run += 1) {
      const turned = able.map((_, index) => able[(index + run) % able.length]!);
      for (const target of turned) {
        if (missing.has(target)) continue;
        const key = `${scenario.name} ${target}`;
        let row = rows.get(key);
        try {
          const measured = await measure(target, scenario, options);
          if (row === undefined) {
            row = {
              scenario: scenario.name,
              target,
              title: measured.title,
              runs: new Array(runs).fill(undefined),
            };
            rows.set(key, row);
            results.push(row as ComparisonRow);
          }
          row.runs[run] = measured.result;
          const { cpuMicrosPerPacket, lossPercent, latencyMs } = measured.result;
          say(
            `${scenario.name}, run ${run + 1} of ${runs}: ${target} ${cpuMicrosPerPacket.toFixed(2)} µs/packet, loss ${lossPercent.toFixed(2)} %, p99 ${latencyMs.p99.toFixed(1)} ms`,
          );
          options.onRun?.(sorted());
        } catch (error) {
          if (error instanceof TargetMissing) missing.add(target);
          const why = error instanceof Error ? error.message : String(error);
          say(`!!! ${target} ${error instanceof TargetMissing ? 'SKIPPED' : 'failed in this run'}: ${why}`);
        }
      }
    }
  }
  return sorted();
}

/** One run of a target in a fresh process. */
export async function measure(
  name: TargetName,
  scenario: Scenario,
  {
    seconds,
    warmUpSeconds,
    profileFolder,
  }: Pick<ComparisonOptions, 'seconds' | 'warmUpSeconds' | 'profileFolder'>,
): Promise<{ title: string; result: ForwardingResult }> {
  const target = await startTarget(name, profileFolder);
  try {
    return {
      title: target.title,
      result: await benchForwarding(target, scenario, { seconds, warmUpSeconds }),
    };
  } finally {
    await target.stop();
  }
}

function canRun(target: TargetName, scenario: Scenario, say: (line: string) => void): boolean {
  if (scenario.publishers > 1 && onePublisherOnly.includes(target)) return false;
  if (target !== 'naive' || egressPps(scenario) <= mostNaivePps) return true;
  say(`${scenario.name}: naive left out, it would need several cores`);
  return false;
}

const mostNaivePps = 25_000;

/** The figure of each run that succeeded, reduced to its median. */
export function medianOf(row: ComparisonRow, figure: (result: ForwardingResult) => number): number {
  return median(row.runs.flatMap((run) => (run === undefined ? [] : [figure(run)])));
}

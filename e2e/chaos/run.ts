import type { Outcome, Scenario, Stage } from './scenarios.ts';

export interface Row {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  readonly seconds: number;
}

/**
 * Runs one scenario. Never throws: what went wrong is among the faults.
 *
 * @param slack how much longer than its target gaps may be before that is a fault, for machines that do other things
 */
export async function runScenario(scenario: Scenario, stage: Stage, slack = 1): Promise<Row> {
  const began = performance.now();
  let outcome: Outcome;
  try {
    outcome = await scenario.run(stage);
    const p95Ms = outcome.gaps?.p95Ms ?? 0;
    const { targetMs } = scenario;
    if (targetMs !== undefined && p95Ms > targetMs * slack) {
      const fault = `the 95th percentile of gaps is ${p95Ms} ms; the target is ${targetMs} ms`;
      outcome = { ...outcome, faults: [...outcome.faults, fault] };
    }
  } catch (error) {
    outcome = { found: 'it could not be run to its end', faults: [(error as Error).message] };
  }
  return { scenario, outcome, seconds: (performance.now() - began) / 1000 };
}

/** One line per scenario. Gaps are in milliseconds: the longest between two pictures, for each viewer of each peer. */
export function table(rows: readonly Row[]): string {
  const head = ['scenario', '', 'views', 'gap p50', 'p95', 'worst', 'target', 'not shown', 's', 'found'];
  const lines = rows.map(({ scenario, outcome: { gaps, found, faults }, seconds }) => [
    scenario.name,
    faults.length === 0 ? 'passed' : 'FAILED',
    ...[gaps?.count, gaps?.p50Ms, gaps?.p95Ms, gaps?.worstMs].map((one) => String(one ?? '')),
    scenario.targetMs === undefined ? '' : `< ${scenario.targetMs}`,
    String(gaps?.lost ?? ''),
    seconds.toFixed(0),
    found,
  ]);
  const all = [head, ...lines];
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  const printed = all.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join('  '));
  return printed.map((line) => line.trimEnd()).join('\n');
}

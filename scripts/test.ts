import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from './outcome-reporter.ts';
import { root, runStage, type Stage, staticStages } from './stages.ts';
import { ensureTools } from './tools.ts';

/**
 * `npm test`: everything. Static checks, fast tests, the built pages, then the tests that start processes
 * and browsers. Ends with one line that sums all runners: `N passed, N failed, N skipped`.
 */
const total = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
const secondAttempts: string[] = [];
const reports = mkdtempSync(join(tmpdir(), 'weir-test-'));

ensureTools();
for (const stage of staticStages) await mustPass(stage);
await runTests('fast tests', ['vitest', 'run']);
if (await mustPass({ name: 'web pages', command: ['npm', 'run', 'build', '-w', 'apps/web'] }))
  await runTests('end-to-end tests', ['vitest', 'run', '--config', 'e2e/vitest.config.ts']);
rmSync(reports, { recursive: true });

// Once more at the end, where whoever has thousands of lines before them looks first.
for (const line of secondAttempts) console.log(`\nPASSED AT THE SECOND ATTEMPT ONLY: ${line}`);
for (const line of failures) console.log(`\nFAILED: ${line}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
if (total.failed > 0) process.exitCode = 1;

/** A stage without counts is one failure when it fails. */
async function mustPass(stage: Stage): Promise<boolean> {
  const ok = await runStage(stage);
  if (!ok) fail(stage.name);
  return ok;
}

/** Runs vitest and adds its counts; a run that broke before it could count is one failure. */
async function runTests(name: string, command: readonly [string, ...string[]]): Promise<void> {
  const file = join(reports, `${name.replaceAll(' ', '-')}.json`);
  const ok = await runStage({
    name,
    command: [...command, '--reporter=default', `--reporter=${join(root, 'scripts/outcome-reporter.ts')}`],
    env: { WEIR_TEST_OUTCOME: file },
  });
  try {
    const outcome = JSON.parse(readFileSync(file, 'utf8')) as Outcome;
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
    failures.push(...outcome.failures);
    secondAttempts.push(...outcome.secondAttempts);
    if (!ok && outcome.failed === 0) fail(`${name} ended badly, with no failed test`);
  } catch (error) {
    fail(`${name} left no report: ${String(error)}`);
  }
}

function fail(line: string): void {
  total.failed += 1;
  failures.push(line);
}

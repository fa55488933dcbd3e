import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runStage, staticStages } from './stages.ts';
import { ensureTools } from './tools.ts';

/**
 * `npm test`: everything. Static checks, fast tests, the built pages, then the tests that start processes
 * and browsers. Ends with one line that sums all runners: `N passed, N failed, N skipped`.
 */
const total = { passed: 0, failed: 0, skipped: 0 };
const reports = mkdtempSync(join(tmpdir(), 'weir-test-'));

ensureTools();
for (const stage of staticStages) if (!(await runStage(stage))) total.failed += 1;
await runTests('fast tests', ['vitest', 'run']);
if (await runStage({ name: 'web pages', command: ['npm', 'run', 'build', '-w', 'apps/web'] })) {
  await runTests('end-to-end tests', ['vitest', 'run', '--config', 'e2e/vitest.config.ts']);
} else {
  total.failed += 1;
}
rmSync(reports, { recursive: true });

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
if (total.failed > 0) process.exitCode = 1;

/** Runs vitest and adds its counts; a run that broke before it could count is one failure. */
async function runTests(name: string, command: readonly [string, ...string[]]): Promise<void> {
  const report = join(reports, `${name.replaceAll(' ', '-')}.json`);
  const ok = await runStage({
    name,
    command: [...command, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
  });
  let failed = 0;
  try {
    const counts = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
    total.passed += counts.numPassedTests ?? 0;
    total.skipped += (counts.numPendingTests ?? 0) + (counts.numTodoTests ?? 0);
    failed = counts.numFailedTests ?? 0;
  } catch (error) {
    console.error(`${name} left no report: ${String(error)}`);
  }
  total.failed += ok ? failed : Math.max(1, failed);
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptanceNumbers, type Report, type Result, resultsOf } from './acceptance-results.ts';
import { runStage } from './stages.ts';

/**
 * `node scripts/acceptance.ts`: runs the tests of the packages that carry object-model.md §14 and prints which of
 * its numbers pass. Exit code 1 if any number failed or has no test that passed.
 */
const folder = mkdtempSync(join(tmpdir(), 'weir-acceptance-'));
const outputFile = join(folder, 'report.json');
try {
  await runStage({
    name: 'acceptance tests',
    command: [
      'vitest',
      'run',
      'packages/rtp',
      'packages/forwarding',
      'packages/media-worker',
      'packages/sfu',
      '-t',
      String.raw`(^|\s)[MSRPTVXCW]\d+ `,
      '--reporter=json',
      `--outputFile=${outputFile}`,
    ],
  });
  const results = resultsOf(JSON.parse(readFileSync(outputFile, 'utf8')) as Report);
  const counts: Record<Result, number> = { passed: 0, failed: 0, missing: 0 };
  for (const number of acceptanceNumbers) {
    const { result, titles } = results.get(number)!;
    counts[result]++;
    console.log(`${number.padEnd(4)} ${result.padEnd(7)} ${titles[0] ?? ''}`);
  }
  console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.missing} missing`);
  if (counts.failed + counts.missing > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

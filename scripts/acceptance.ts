import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptanceNumbers, type Report, type Result, resultsOf } from './acceptance-results.ts';
import { httpAnswer } from './acceptance-routes.ts';
import { runStage } from './stages.ts';

/**
 * `node scripts/acceptance.ts`: runs the tests that carry object-model.md §14 and prints which of its numbers pass,
 * in the library and, where a request can ask for it, over HTTP. Exit code 1 if any number failed or has no test
 * that passed in the library, or has a route but no test that passed over HTTP.
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
      'apps/signaling/test/acceptance-http',
      '-t',
      String.raw`(^|\s)[MSRPTVXCW]\d+ `,
      '--reporter=json',
      `--outputFile=${outputFile}`,
    ],
  });
  const report = JSON.parse(readFileSync(outputFile, 'utf8')) as Report;
  const library = resultsOf(report);
  const http = resultsOf(report, 'HTTP ');
  const counts: Record<Result, number> = { passed: 0, failed: 0, missing: 0 };
  const httpCounts: Record<Result | 'no route', number> = { passed: 0, failed: 0, missing: 0, 'no route': 0 };
  console.log('     library  HTTP');
  for (const number of acceptanceNumbers) {
    const { result, titles } = library.get(number)!;
    const answer = httpAnswer(number);
    const overHttp = 'none' in answer ? 'no route' : http.get(number)!.result;
    counts[result]++;
    httpCounts[overHttp]++;
    const remark = 'none' in answer ? ` (no route: ${answer.none})` : ` (${answer.route})`;
    console.log(`${number.padEnd(4)} ${result.padEnd(8)} ${overHttp.padEnd(8)} ${titles[0] ?? ''}${remark}`);
  }
  const told = (all: Record<string, number>) =>
    Object.entries(all)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  console.log(`\nlibrary: ${told(counts)}\nHTTP: ${told(httpCounts)}`);
  const bad = counts.failed + counts.missing + httpCounts.failed + httpCounts.missing;
  if (bad > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

/** The numbers of object-model.md §14, in its order. */
export const acceptanceNumbers: readonly string[] = Object.entries({
  M: 6,
  S: 7,
  R: 7,
  P: 5,
  T: 7,
  V: 10,
  X: 4,
  C: 3,
  W: 41,
}).flatMap(([letter, count]) => Array.from({ length: count }, (_, i) => `${letter}${i + 1}`));

export type Result = 'passed' | 'failed' | 'missing';

/** What vitest's JSON reporter writes, as far as it is read here. */
export interface Report {
  testResults: { assertionResults: { title: string; status: string }[] }[];
}

/**
 * One result per number: a test belongs to it if its title starts with it, after `prefix`. Failed if one of them
 * failed, missing if none passed; a skipped test proves nothing.
 */
export function resultsOf(report: Report, prefix = ''): Map<string, { result: Result; titles: string[] }> {
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  return new Map(
    acceptanceNumbers.map((number) => {
      const own = tests.filter(({ title }) => title.startsWith(`${prefix}${number} `));
      const ran = own.filter(({ status }) => status === 'passed' || status === 'failed');
      const result = ran.some(({ status }) => status === 'failed')
        ? 'failed'
        : ran.length > 0
          ? 'passed'
          : 'missing';
      return [number, { result, titles: own.map(({ title }) => title) }];
    }),
  );
}

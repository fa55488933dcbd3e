import { expect, test } from 'vitest';
import { acceptanceNumbers, resultsOf } from './acceptance-results.ts';

const report = (...assertionResults: { title: string; status: string }[]) => ({
  testResults: [{ assertionResults }],
});

test('there are the 90 numbers of object-model.md §14', () => {
  expect(acceptanceNumbers).toHaveLength(90);
  expect(new Set(acceptanceNumbers).size).toBe(90);
});

test('a number passes only if all of its tests that ran passed', () => {
  const results = resultsOf(
    report(
      { title: 'M1 with no options', status: 'passed' },
      { title: 'M2 one', status: 'passed' },
      { title: 'M2 two', status: 'failed' },
      { title: 'M3 skipped', status: 'skipped' },
      { title: 'M40 is another number', status: 'passed' },
      { title: 'about M5', status: 'passed' },
    ),
  );
  const words = ['M1', 'M2', 'M3', 'M4', 'M5'].map((number) => results.get(number)?.result);
  expect(words).toEqual(['passed', 'failed', 'missing', 'missing', 'missing']);
  expect(results.size).toBe(90);
});

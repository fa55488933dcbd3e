import { expect, test } from 'vitest';
import { acceptanceNumbers, resultsOf } from './acceptance-results.ts';
import { httpAnswer } from './acceptance-routes.ts';

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

test('tests over HTTP are counted apart from those of the library', () => {
  const both = report(
    { title: 'R3 the same name', status: 'passed' },
    { title: 'HTTP R3 the same name', status: 'failed' },
    { title: 'HTTP R4 again', status: 'passed' },
  );
  const [library, http] = [resultsOf(both), resultsOf(both, 'HTTP ')];
  expect([library.get('R3')?.result, http.get('R3')?.result]).toEqual(['passed', 'failed']);
  expect([library.get('R4')?.result, http.get('R4')?.result]).toEqual(['missing', 'passed']);
});

test('each number has a route or a reason why not', () => {
  const routes = acceptanceNumbers.filter((number) => 'route' in httpAnswer(number));
  expect(routes).toHaveLength(34);
  for (const number of acceptanceNumbers) {
    const answer = httpAnswer(number);
    expect('route' in answer ? answer.route : answer.none).toMatch(/\S{3}/);
  }
  expect(() => httpAnswer('W42')).toThrow(/W42/);
});

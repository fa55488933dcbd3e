import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** What a run of vitest came to, as `npm test` sums it up. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** One line each: file, test and the beginning of the first error. */
  readonly failures: readonly string[];
  /** Tests that passed at a second attempt only, with the error of the first. */
  readonly secondAttempts: readonly string[];
}

/** Writes the outcome to the file that WEIR_TEST_OUTCOME names; vitest takes reporters without arguments. */
export default class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    const file = process.env.WEIR_TEST_OUTCOME;
    if (file !== undefined) writeFileSync(file, JSON.stringify(outcomeOf(modules, unhandled)));
  }
}

function outcomeOf(modules: readonly TestModule[], unhandled: readonly { message: string }[]): Outcome {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  const failures = tests.filter((test) => test.result().state === 'failed').map(lineOf);
  // A file that could not be loaded, or whose hooks failed, has errors of its own.
  const broken = modules.flatMap((module) =>
    [module, ...module.children.allSuites()].flatMap((part) =>
      part.errors().map((error) => `${module.relativeModuleId}: ${beginning(error.message)}`),
    ),
  );
  const loose = unhandled.map((error) => `outside of tests: ${beginning(error.message)}`);
  return {
    passed: count('passed'),
    failed: failures.length + broken.length + loose.length,
    skipped: count('skipped'),
    failures: [...failures, ...broken, ...loose],
    secondAttempts: tests.filter((test) => test.diagnostic()?.flaky === true).map(lineOf),
  };
}

function lineOf(test: TestCase): string {
  const [error] = test.result().errors ?? [];
  return `${test.module.relativeModuleId} > ${test.fullName}: ${beginning(error?.message ?? 'no error told')}`;
}

/** Enough to know what it was, in one line. */
function beginning(message: string): string {
  return message.replaceAll(/\s+/g, ' ').slice(0, 400);
}

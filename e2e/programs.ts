import { spawnSync } from 'node:child_process';

/**
 * Which of these programs are not installed, as a reason to skip; undefined = all are here. `version` is the option by
 * which they tell their version.
 *
 * @throws Error with that reason in CI: nothing may be skipped there
 */
export function missingPrograms(
  programs: readonly [string, ...string[]],
  version: string,
  debianPackage: string,
): string | undefined {
  const lacking = programs.filter((program) => spawnSync(program, [version]).status !== 0);
  if (lacking.length === 0) return undefined;
  const reason = `${lacking.join(' and ')} missing: on Debian, apt-get install ${debianPackage}`;
  if (process.env.CI) throw new Error(reason);
  console.warn(`\n!!! SKIPPED: ${reason}\n`);
  return reason;
}

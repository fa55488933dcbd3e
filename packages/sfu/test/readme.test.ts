import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const folder = resolve(import.meta.dirname, '..');

it('the sample of the README runs and prints what the README says', async () => {
  const readme = readFileSync(resolve(folder, 'README.md'), 'utf8');
  const sample = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
  const promised = /It prints `(.*?)`/.exec(readme)![1]!;
  expect(sample.trim().split('\n').filter(Boolean).length).toBeLessThanOrEqual(20);
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', sample],
    { cwd: folder, timeout: 15_000 },
  );
  expect(stderr).toBe('');
  expect(stdout).toBe(`${promised}\n`);
});

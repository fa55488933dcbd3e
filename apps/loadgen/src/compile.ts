import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './child.ts';

/**
 * Compiles a C program of native/ with the machine's `cc`, once for each version of its source.
 *
 * @returns the path of the program, or why there is none
 */
export function compile(name: string, libraries: readonly string[] = []): { path: string } | { why: string } {
  const source = join(import.meta.dirname, `../native/${name}.c`);
  const version = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12);
  const folder = join(root, 'node_modules/.cache/weir-loadgen');
  const path = join(folder, `${name}-${version}`);
  if (existsSync(path)) return { path };
  mkdirSync(folder, { recursive: true });
  const fresh = `${path}.${process.pid}`;
  const { error, status, stderr } = spawnSync(
    'cc',
    ['-O2', '-o', fresh, source, ...libraries.map((library) => `-l${library}`)],
    { encoding: 'utf8' },
  );
  if (error !== undefined) return { why: `no C compiler: ${error.message}` };
  if (status !== 0) return { why: stderr.split('\n').find((line) => /error/.test(line)) ?? stderr };
  renameSync(fresh, path);
  return { path };
}

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-build-'));
afterAll(() => rmSync(folder, { recursive: true }));
const output = join(folder, 'weir-engine.node');

/** Runs what npm runs at install, on a machine that has nothing but Node. */
function build(env: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--output', output, ...args], {
    encoding: 'utf8',
    env: { PATH: folder, ...env },
  });
  return { status, lines: (stdout + stderr).trimEnd().split('\n') };
}

it('without a compiler it installs all the same, and says so in one line', () => {
  const line =
    /^weir: the native packet engine is not built \(no C compiler "cc"\); the node engine will be used$/;
  const { status, lines } = build({});
  expect(status).toBe(0);
  expect(lines).toEqual([expect.stringMatching(line)]);
  expect(existsSync(output)).toBe(false);
});

it('can be left out, and insisted on', () => {
  expect(build({ WEIR_NATIVE: '0' })).toMatchObject({
    status: 0,
    lines: [expect.stringMatching('WEIR_NATIVE=0')],
  });
  expect(build({}, '--strict').status).toBe(1);
});

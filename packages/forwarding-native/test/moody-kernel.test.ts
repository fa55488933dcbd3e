import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { nativeEngineProblem } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-moody-kernel-'));
afterAll(() => rmSync(folder, { recursive: true }));
const library = join(folder, 'moody-kernel.so');
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const compiled = spawnSync(process.env.CC ?? 'cc', [
  ...['-shared', '-fPIC', '-O1', '-o', library, beside('./moody-kernel.c'), '-ldl'],
]);
const missing = nativeEngineProblem() !== undefined || compiled.status !== 0;
if (missing) console.warn('SKIPPED: a kernel that refuses in turn needs the add-on and a C compiler');

interface Outcome {
  readonly received: readonly (readonly number[])[];
  readonly sent: number;
  readonly errors: number;
}

function send(moods: string, rounds = 1): Outcome {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [beside('./moody-kernel.fixture.ts'), String(rounds)],
    { encoding: 'utf8', timeout: 30_000, env: { ...process.env, LD_PRELOAD: library, WEIR_MOODS: moods } },
  );
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Outcome;
}

const all = (rounds: number) => Array.from({ length: rounds * 10 }, (_, i) => i);

describe.skipIf(missing && process.env.CI !== 'true')('sendmmsg() that', () => {
  it('takes one message at a time, or is interrupted, loses nothing', () => {
    const { received, sent, errors } = send('1i11i1');
    expect(received).toEqual([all(1), all(1), all(1)]);
    expect({ sent, errors }).toEqual({ sent: 30, errors: 0 });
  });

  it('would have to wait keeps everything, in order', () => {
    const { received, sent, errors } = send('1a1ka', 3);
    expect(received).toEqual([all(3), all(3), all(3)]);
    expect({ sent, errors }).toEqual({ sent: 90, errors: 0 });
  });

  it('is out of buffers loses that message, counts its packets, and goes on with the next', () => {
    const { received, sent, errors } = send('1n');
    // Each address has a train of five and one of five larger ones; the second train of the first one is lost.
    expect(received).toEqual([all(1).slice(0, 5), all(1), all(1)]);
    expect({ sent, errors }).toEqual({ sent: 25, errors: 5 });
  });

  it('knows no GSO gets every packet by itself', () => {
    const { received, sent, errors } = send('gggggggg', 3);
    expect(received).toEqual([all(3), all(3), all(3)]);
    expect({ sent, errors }).toEqual({ sent: 90, errors: 0 });
  });
});

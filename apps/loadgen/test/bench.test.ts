import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function bench(...args: string[]) {
  return spawnSync(process.execPath, ['apps/loadgen/src/main.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 110_000,
  });
}

/** That it runs, not how fast anything is. */
it.skipIf(process.platform !== 'linux')(
  'compares both engines with the floor, and leaves tables, figures and plots',
  () => {
    const json = join(folder, 'bench.json');
    const { status, stdout, stderr } = bench(
      ...['--targets', 'weir-native,weir-node,floor', '--receivers', '3,5', '--joins', '0'],
      ...['--seconds', '1', '--warm-up', '0', '--json', json, '--svg', folder],
    );
    expect(status, stdout + stderr).toBe(0);
    const { forwarding } = JSON.parse(readFileSync(json, 'utf8'));
    const measured = forwarding.map(
      (row: { scenario: string; target: string }) => `${row.scenario} ${row.target}`,
    );
    // What a machine without a compiler lacks is said aloud; in CI nothing may lack.
    for (const target of ['weir-native', 'weir-node', 'floor']) {
      const expected = [3, 5].map((receivers) => `1 → ${receivers} ${target}`);
      if (process.env.CI !== 'true' && stdout.includes(`!!! ${target} SKIPPED`)) continue;
      expect(measured).toEqual(expect.arrayContaining(expected));
    }
    for (const { runs } of forwarding) {
      expect(runs).toHaveLength(1);
      expect(runs[0]).toMatchObject({ packets: expect.any(Number), residentMiB: expect.any(Number) });
      expect(runs[0].packets).toBeGreaterThan(0);
      expect(runs[0].cpuMicrosPerPacket).toBeGreaterThan(0);
    }
    for (const plot of ['cpu-per-packet', 'memory-per-receiver', 'growth']) {
      expect(readFileSync(join(folder, `${plot}.svg`), 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
    }
    expect(stdout).toContain('CPU µs/packet');
  },
  120_000,
);

it.skipIf(process.platform !== 'linux')(
  'what was measured is on disk when it is killed',
  async () => {
    const json = join(folder, 'killed.json');
    const child = spawn(
      process.execPath,
      [
        ...['apps/loadgen/src/main.ts', '--targets', 'weir-node', '--receivers', '3', '--runs', '3'],
        ...['--joins', '0', '--seconds', '1', '--warm-up', '0', '--json', json, '--svg', folder],
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let printed = '';
    for await (const chunk of child.stdout) {
      printed += String(chunk);
      if (printed.includes('run 2 of 3')) break;
    }
    child.kill('SIGINT');
    await once(child, 'exit');
    const [row] = JSON.parse(readFileSync(json, 'utf8')).forwarding;
    expect(row.runs).toEqual([
      expect.objectContaining({ receivers: 3 }),
      expect.objectContaining({ receivers: 3 }),
      null,
    ]);
  },
  120_000,
);

it('tells its options, and what is wrong with one', () => {
  expect(bench('--help').stdout).toContain('--receivers LIST');
  const { status, stderr } = bench('--receivers', 'many');
  expect(status).toBe(2);
  expect(stderr).toContain('--receivers: a whole number from 2 to 500, not "many"');
});

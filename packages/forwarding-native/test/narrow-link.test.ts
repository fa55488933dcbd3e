import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { nativeEngineProblem } from '../src/index.ts';

/** The first processor that this process may use, where the system tells. */
function firstProcessor(): string {
  const status = '/proc/self/status';
  const text = existsSync(status) ? readFileSync(status, 'utf8') : '';
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(text)?.[1] ?? '0';
}

/**
 * A network namespace of our own, where loopback can be narrowed without disturbing anybody. All of it on one
 * processor: loopback has a queue for each, and a packet let through by the link's timer on another one would overtake
 * those before it.
 */
function inNamespace(setup: string, command: readonly string[]) {
  const shell = ['sh', '-c', `${setup} && exec "$@"`, 'sh', ...command];
  return spawnSync('taskset', ['-c', firstProcessor(), 'unshare', '-rn', ...shell], {
    encoding: 'utf8',
    timeout: 50_000,
  });
}

const possible = inNamespace('ip link set lo up && tc qdisc show', ['true']).status === 0;
const missing = nativeEngineProblem() !== undefined || !possible;
if (missing)
  console.warn('SKIPPED: the native engine on narrow links needs the add-on, taskset, unshare, ip and tc');
const run = missing && process.env.CI !== 'true' ? test.skip : test;

interface Outcome {
  readonly sentAtOnce: number;
  readonly sent: number;
  readonly errors: number;
  readonly order: number[];
  readonly sizes: number[];
}

function send(engine: 'node' | 'native', setup: string, count: number, size: number): Outcome {
  const script = fileURLToPath(new URL('./narrow-link.fixture.ts', import.meta.url));
  const { stdout, stderr, status } = inNamespace(setup, [
    process.execPath,
    script,
    `${count}`,
    `${size}`,
    engine,
  ]);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Outcome;
}

const inOrder = (count: number) => [...Array.from({ length: count }, (_, i) => i), 255];

run(
  'trains of segments beyond the MTU are refused by the kernel and go out packet by packet',
  () => {
    const outcome = send('native', 'ip link set lo up mtu 1280', 200, 1400);
    expect(outcome).toMatchObject({ sent: 201, errors: 0, order: inOrder(200), sizes: [1400, 4] });
  },
  60_000,
);

const slow = 'ip link set lo up && tc qdisc add dev lo root tbf rate 4mbit burst 20kb latency 5s';

run(
  'what a slow link does not take at once waits, and leaves in order',
  () => {
    for (const mtu of [65_536, 1280]) {
      const outcome = send('native', `${slow} && ip link set lo mtu ${mtu}`, 100, 1000);
      expect(outcome).toMatchObject({ sent: 101, errors: 0, order: inOrder(100), sizes: [1000, 4] });
      // Else the test has not tested what it says.
      expect(outcome.sentAtOnce).toBeLessThan(100);
    }
  },
  120_000,
);

run(
  'the node engine keeps its order and its bytes on a slow link too',
  () => {
    expect(send('node', slow, 100, 1000)).toMatchObject({ errors: 0, order: inOrder(100), sizes: [1000, 4] });
  },
  60_000,
);

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A running Weir, started like `npm start` starts it. */
export interface RunningWeir {
  readonly url: string;
  /** Where the pod's UDP port is bound. */
  readonly mediaPort: number;
  readonly controlPort: number;
  /** Process id of the media pod. */
  readonly podPid: () => number;
  /** Everything the processes have printed. */
  readonly log: () => string;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '..');

/**
 * Starts signaling and one pod as two processes on free ports with an own database file.
 *
 * @param env extra environment, such as `WEIR_ANNOUNCED_ADDRESSES`
 * @throws Error with the processes' output if they are not ready within 60 s
 */
export async function startWeir(env: Record<string, string> = {}): Promise<RunningWeir> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-e2e-'));
  const [port, controlPort, free] = await Promise.all([freePort(), freePort(), freePort()]);
  const mediaPort = Number(env.WEIR_MEDIA_PORT ?? free);
  let output = '';
  const child = spawn(join(root, 'node_modules/.bin/node'), ['scripts/start.ts'], {
    cwd: root,
    env: {
      ...process.env,
      WEIR_PORT: String(port),
      WEIR_CONTROL_PORT: String(controlPort),
      WEIR_MEDIA_PORT: String(mediaPort),
      WEIR_MEDIA_IP: '127.0.0.1',
      WEIR_ANNOUNCED_ADDRESSES: '127.0.0.1',
      DATABASE_URL: `file:${join(folder, 'weir.sqlite')}`,
      WEIR_LOG_LEVEL: 'info',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const url = `http://localhost:${port}`;
  try {
    await ready(child, `${url}/readyz`, () => output);
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    url,
    mediaPort,
    controlPort,
    podPid: () => childPid(child.pid ?? 0, 'media-pod'),
    log: () => output,
    async stop() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ready(child: ChildProcess, readyUrl: string, output: () => string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) break;
    if (/open .*http/i.test(output())) {
      const answer = await fetch(readyUrl).catch(() => undefined);
      if (answer?.ok) return;
    }
    await pause(200);
  }
  throw new Error(`Weir did not come up:\n${output()}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exited;
  clearTimeout(timer);
}

/** The child of a process whose command line names this program. */
function childPid(parent: number, program: string): number {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
  const pid = children.find((one) => readFileSync(`/proc/${one}/cmdline`, 'utf8').includes(program));
  if (pid === undefined) throw new Error(`process ${parent} has no child ${program}`);
  return Number(pid);
}

/** A TCP port that is free now; UDP uses the same number. */
export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Looks again every 200 ms until `look` gives something; the error says what was seen last. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`Waited ${timeoutMs} ms in vain for: ${what}. Last look: ${String(last)}`);
    await pause(200);
  }
}

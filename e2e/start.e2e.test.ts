import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort, until } from './weir.ts';

const root = join(import.meta.dirname, '..');

describe('npm start', () => {
  let folder = '';
  let children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    children = [];
    rmSync(folder, { recursive: true, force: true });
  });

  const direct = [join(root, 'node_modules/.bin/node'), 'scripts/start.ts'];

  function start(port: number, args: string[] = [], [program, ...before] = direct) {
    folder = mkdtempSync(join(tmpdir(), 'weir-start-'));
    const child = spawn(program!, [...before, ...args], {
      cwd: root,
      env: {
        ...process.env,
        PORT: String(port),
        WEIR_MEDIA_PORT: '0',
        WEIR_MEDIA_IP: '127.0.0.1',
        DATABASE_URL: `file:${join(folder, 'weir.sqlite')}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
    return { child, exit, output: () => output };
  }

  const running = async (port: number, command = direct) => {
    const started = start(port, [], command);
    await until(
      'the address to open',
      async () => started.output().includes(`Open http://localhost:${port}`),
      90_000,
    );
    return started;
  };

  it('serves pages, gives sessions, and says when its port is taken; Ctrl-C ends it in order', async () => {
    const port = await freePort();
    const { child, exit, output } = await running(port);
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/html'),
    ]);
    const session = await fetch(`http://127.0.0.1:${port}/demo/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ room: 'daily', name: 'alice' }),
    });
    expect(await session.json()).toMatchObject({ room: 'daily', token: expect.any(String) });

    const second = start(port);
    expect(await second.exit).toEqual([1, null]);
    expect(second.output()).toContain(`PORT=${port + 1} npm start`);

    child.kill('SIGINT');
    expect(await exit).toEqual([0, null]);
    expect(output()).toMatch(/pod {7}│ .*stopped/);
    expect(output()).toMatch(/signaling │ .*stopped/);
  });

  it('ends with npm, which does not pass signals through the shell between them', async () => {
    const port = await freePort();
    const { child, output } = await running(port, ['npm', 'start']);
    child.kill('SIGTERM');
    await until('signaling has stopped', async () => /signaling │ .*stopped/.test(output()));
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  it.runIf(process.platform === 'linux')(
    'restarts nothing: when a child dies it says so, ends the rest and exits with 1',
    async () => {
      const port = await freePort();
      const { child, exit, output } = await running(port);
      const services = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
        .trim()
        .split(' ');
      const pod = services.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('media-pod'));
      process.kill(Number(pod), 'SIGKILL');
      expect(await exit).toEqual([1, null]);
      expect(output()).toContain('pod ended by SIGKILL; ending the rest.');
      await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
    },
  );

  it('explains itself', async () => {
    const { exit, output } = start(0, ['--help']);
    expect(await exit).toEqual([0, null]);
    expect(output()).toContain('Usage: npm start');
  });
});

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createToken } from '../src/tokens/token.ts';
import { StreamReader } from './stream-reader.ts';

const entry = join(import.meta.dirname, '../src/entry/node.ts');
const folder = mkdtempSync(join(tmpdir(), 'weir-entry-'));
const secret = 'a secret for tests of at least 32 characters';
const settings = {
  WEIR_API_KEYS: `test:${secret}`,
  WEIR_POD_SECRETS: 'another secret for tests of at least 32 characters',
  DATABASE_URL: `file:${join(folder, 'weir.sqlite')}`,
  PORT: '0',
  HOST: '127.0.0.1',
  WEIR_LOG_LEVEL: 'debug',
  WEIR_LOG_FORMAT: 'json',
};

interface Running {
  url: string;
  child: ChildProcess;
  lines: Record<string, unknown>[];
  exit: Promise<number | null>;
}

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function environment(env: Record<string, string>): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  // Half of a start is compiling.
  return { PATH, HOME, NODE_COMPILE_CACHE: join(tmpdir(), 'weir-entry-compiled'), ...env };
}

async function start(env: Record<string, string>): Promise<Running> {
  const child = spawn(process.execPath, [entry], {
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const lines: Record<string, unknown>[] = [];
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const port = await new Promise<unknown>((resolve, reject) => {
    let text = '';
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const complete = text.split('\n');
      text = complete.pop()!;
      for (const line of complete) {
        lines.push(JSON.parse(line));
        if (lines.at(-1)!.port !== undefined) resolve(lines.at(-1)!.port);
      }
    });
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => reject(new Error(chunk)));
    void exit.then((code) => reject(new Error(`it ended with ${code}`)));
  });
  return { url: `http://127.0.0.1:${port}`, child, lines, exit };
}

function failing(args: string[], env: Record<string, string>): { status: number; stderr: string } {
  try {
    execFileSync(process.execPath, args, { env: environment(env), stdio: 'pipe', encoding: 'utf8' });
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string };
    return { status, stderr };
  }
  throw new Error('it did not fail');
}

describe('the program', () => {
  it('serves, streams, and stops when told, without a cut', async () => {
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>pages</title>');
    // Two that start at once over the same database.
    const [one, other] = await Promise.all([start({ ...settings, WEIR_WEB_ROOT: folder }), start(settings)]);
    const token = await createToken({ keyId: 'test', secret, room: '*', admin: true });
    const call = async (base: string, method: string, path: string, body?: unknown) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const response = await fetch(base + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return (await response.json()) as { peer: { id: string } };
    };
    await call(one.url, 'POST', '/v1/rooms', { id: 'daily' });
    const { peer } = await call(one.url, 'POST', '/v1/rooms/daily/peers', { name: 'alice' });
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
    const reader = new StreamReader(
      await fetch(`${one.url}/v1/rooms/daily/peers/${peer.id}/events`, { headers }),
    );
    // Through the other process, which can only be found out by looking.
    await call(other.url, 'POST', '/v1/rooms/daily/peers', { name: 'bob' });
    await reader.until(() => reader.events.length === 1);
    const metrics = await (await fetch(`${one.url}/metrics`)).text();
    expect(metrics).toMatch(/weir_event_readers\{kind="stream"\} 1/);
    expect(metrics).toMatch(
      /weir_http_request_seconds_count\{method="POST",route="\/v1\/rooms\/:room\/peers",status="201"\} 1/,
    );
    expect(await (await fetch(`${one.url}/`)).text()).toContain('<title>pages</title>');
    const page = await fetch(`${one.url}/r/some-room`, { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain('<title>pages</title>');
    expect((await fetch(`${one.url}/v1/nothing`, { headers: { accept: 'text/html' } })).status).toBe(404);

    one.child.kill('SIGTERM');
    expect(await one.exit).toBe(0);
    await reader.until(() => reader.ended);
    expect(reader.retries).toHaveLength(2);
    other.child.kill('SIGINT');
    expect(await other.exit).toBe(0);
    const written = JSON.stringify([...one.lines, ...other.lines]);
    expect(written).toContain('"room":"daily"');
    for (const hidden of [token, token.split('.')[2]!, secret, settings.WEIR_POD_SECRETS]) {
      expect(written).not.toContain(hidden);
    }
  }, 180_000);

  it('refuses to start in production without keys, and says what to do', () => {
    const { WEIR_API_KEYS: _keys, ...withoutKeys } = settings;
    const keys = failing([entry], withoutKeys);
    expect(keys.status).toBe(2);
    expect(keys.stderr).toMatch(/WEIR_API_KEYS is missing: set it to keyId:secret.*openssl rand -hex 32/);
    const { WEIR_POD_SECRETS: _secrets, ...withoutSecrets } = settings;
    const secrets = failing([entry], withoutSecrets);
    expect(secrets.stderr).toMatch(/WEIR_POD_SECRETS is empty/);
    expect(failing([entry], { ...settings, PORT: 'x' }).stderr).toMatch(/PORT.*\n.*--help/);
  }, 180_000);

  it('migrates a database by itself, several at once, and says what it did', async () => {
    const url = `file:${join(folder, 'migrated.sqlite')}`;
    const migrate = join(import.meta.dirname, '../src/entry/migrate.ts');
    const run = (args: string[] = [], env: Record<string, string> = { DATABASE_URL: url }) =>
      new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
        const options = { env: environment(env), encoding: 'utf8' as const };
        const child = execFile(process.execPath, [migrate, ...args], options, (_, stdout, stderr) =>
          resolve({ code: child.exitCode ?? -1, stdout, stderr }),
        );
      });
    const [one, two, wrong, away] = await Promise.all([
      run(),
      run(),
      run([], { DATABASE_URL: 'mysql://x' }),
      run([], { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' }),
    ]);
    expect([one!.code, two!.code]).toEqual([0, 0]);
    const applied = `${one!.stdout}${two!.stdout}`.match(/^applied .*$/gm)!;
    expect(applied.length).toBeGreaterThanOrEqual(3);
    expect(new Set(applied).size).toBe(applied.length);
    expect((await run()).stdout).toBe('The database is up to date.\n');
    expect([wrong!.code, wrong!.stderr]).toEqual([
      2,
      expect.stringMatching(/must begin with file: or postgres/),
    ]);
    expect([away!.code, away!.stderr]).toEqual([1, expect.stringMatching(/^Postgres: .*ECONNREFUSED/)]);
  }, 180_000);

  it('tells its settings, and makes tokens on the command line', () => {
    const run = (file: string, args: string[]) =>
      execFileSync(process.execPath, [join(import.meta.dirname, '../src/entry', file), ...args], {
        env: environment(settings),
        encoding: 'utf8',
      });
    expect(run('node.ts', ['--help'])).toMatch(/WEIR_PEER_TIMEOUT_SECONDS/);
    expect(run('migrate.ts', ['--help'])).toMatch(/DATABASE_URL/);
    const claims = JSON.parse(
      Buffer.from(
        run('token.ts', ['--room', 'demo', '--name', 'alice']).split('.')[1]!,
        'base64url',
      ).toString(),
    );
    expect(claims).toMatchObject({ iss: 'test', weir: { room: 'demo', name: 'alice', admin: false } });
    expect(claims.exp - claims.iat).toBe(3600);
  }, 180_000);
});

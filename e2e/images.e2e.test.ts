import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ensureDocker, ensureImage, ensureWeirImages } from '@weir/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bot, caller, post, talk } from './bot.ts';
import { until } from './weir.ts';

/** The images as an operator runs them: as nobody, without rights, on a read-only root, on a network of their own. */

const missing = await ensureDocker();
const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();
const secret = () => randomBytes(32).toString('hex');

const network = `weir-images-${randomBytes(4).toString('hex')}`;
const secrets = { pods: secret(), api: secret() };
const started: string[] = [];
const hardened = [
  '--read-only',
  ...['--user', '23456:23456', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
];

function run(name: string, image: string, environment: Record<string, string>, ...options: string[]): string {
  const env = Object.entries(environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const at = ['--network', network, '--network-alias', name];
  const id = docker('run', '--detach', ...at, ...env, ...options, image);
  started.push(id);
  return id;
}

const addressOf = (id: string) =>
  docker('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', id);
const logOf = (id: string) =>
  execFileSync('sh', ['-c', 'docker logs "$0" 2>&1', id], { encoding: 'utf8', maxBuffer: 64 << 20 });

describe.skipIf(missing !== undefined)('the images', () => {
  let signaling = '';
  let pod = '';
  let url = '';

  beforeAll(async () => {
    ensureImage('weir-postgres:15', join(import.meta.dirname, '../infra/docker/postgres.Dockerfile'));
    const images = await ensureWeirImages();
    docker('network', 'create', network);
    run('postgres', 'weir-postgres:15', {});
    signaling = run(
      'signaling',
      images.signaling,
      {
        DATABASE_URL: 'postgres://weir@postgres/weir',
        WEIR_API_KEYS: `app:${secrets.api}`,
        WEIR_POD_SECRETS: secrets.pods,
        WEIR_DEMO: '1',
        WEIR_LOG_LEVEL: 'debug',
      },
      ...hardened,
      // Postgres may need longer to start than signaling waits for it.
      ...['--restart', 'on-failure'],
    );
    pod = run(
      'media-pod',
      images['media-pod'],
      {
        WEIR_SIGNALING_URL: 'http://signaling:3000',
        WEIR_POD_SECRETS: secrets.pods,
        WEIR_LOG_LEVEL: 'trace',
        WEIR_SELF_CHECK: 'on',
        WEIR_DRAIN_SECONDS: '0',
      },
      ...hardened,
    );
    url = `http://${addressOf(signaling)}:3000`;
    const placeable = async () => (await fetch(`http://${addressOf(pod)}:4000/placeable`)).ok;
    await until(`a pod that may get rooms:\n${logOf(signaling)}\n${logOf(pod)}`, placeable, 90_000);
  }, 900_000);

  afterAll(() => {
    for (const id of started) docker('rm', '--force', '--volumes', id);
    execFileSync('docker', ['network', 'rm', network], { stdio: 'ignore' });
  });

  it('carry media from one endpoint to another, on the native engine', async () => {
    const [alice, bob] = [await Bot.join(url, 'daily', 'alice'), await Bot.join(url, 'daily', 'bob')];
    const [send, receive] = [await alice.connected('send'), await bob.connected('recv')];
    await alice.publishAudio(send, 4711);
    await bob.subscribe(receive);
    let heard = 0;
    receive.endpoint.onRtp = () => {
      heard += 1;
    };
    const { stop } = talk(send.endpoint, 4711);
    await until('bob hears 50 packets', async () => heard > 50);
    stop();
    expect(logOf(pod)).toContain('"engine":"native"');

    const logs = logOf(signaling) + logOf(pod);
    const { ice } = { ice: [send, receive].map(({ view }) => view.iceParameters) };
    for (const hidden of [secrets.pods, secrets.api, ...ice.map(({ password }) => password)]) {
      expect(logs).not.toContain(hidden);
    }
    expect(logs).not.toMatch(/eyJ[\w-]{10,}\.|"password"|usernameFragment|PRIVATE KEY|a=ice-/);
    const happenings = logOf(pod)
      .split('\n')
      .filter((line) => line.includes('"transport.dtls"'));
    expect(happenings.length).toBeGreaterThan(0);
    for (const line of happenings) {
      expect(JSON.parse(line)).toMatchObject({
        roomId: 'daily',
        transportId: expect.any(Number),
        peerId: expect.any(Number),
      });
    }
    await Promise.all([alice.leave(), bob.leave()]);
  });

  it('serve the pages and the API, and log a request with its ids', async () => {
    expect(await (await fetch(`${url}/`)).text()).toContain('<!doctype html>');
    const { token } = (await (await post(`${url}/demo/session`, { room: 'asked', name: 'eve' })).json()) as {
      token: string;
    };
    const request = randomBytes(16).toString('hex');
    const call = caller(`${url}/v1/rooms/asked`, token);
    await call('GET', '');
    await fetch(`${url}/v1/rooms/asked`, {
      headers: { authorization: `Bearer ${token}`, 'x-request-id': request },
    });
    const line = await until('the request in the log', async () =>
      logOf(signaling)
        .split('\n')
        .find((one) => one.includes(request)),
    );
    expect(JSON.parse(line)).toMatchObject({ request, room: 'asked', status: 200 });
  });

  it('have no types left to strip, in any thread', () => {
    // What is evaluated may be stripped itself, so the thread's first module is a data URL.
    const thread = `await import('file:///weir/apps/media-pod/src/worker-thread.ts');
      console.log(process.moduleLoadList.filter((name) => /amaro/.test(name)).length);`;
    const program = `import { Worker } from 'node:worker_threads';
      new Worker(new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(thread)}`)}));`;
    const options = ['--import', '/usr/local/lib/weir/plain.mjs', '--input-type=module'];
    const command = ['node', ...options, '-e', program];
    expect(docker('exec', pod, ...command)).toBe('0');
  });

  it('tell Docker that they are healthy', async () => {
    for (const id of [signaling, pod]) {
      await until(
        'healthy',
        async () => docker('inspect', '--format', '{{.State.Health.Status}}', id) === 'healthy',
        60_000,
      );
    }
  });

  it('have no tools for development and no package manager', () => {
    for (const id of [signaling, pod]) {
      const listed = docker(
        'exec',
        id,
        'sh',
        '-c',
        'ls node_modules node_modules/.bin; command -v npm gcc || true',
      );
      expect(listed).not.toMatch(/^(vitest|typescript|vite|turbo|esbuild|miniflare|npm|.*\/npm|.*\/gcc)$/m);
      expect(docker('exec', id, 'sh', '-c', 'touch /weir/x 2>&1 || true')).toContain('Read-only file system');
    }
  });

  it('end by SIGTERM with 0, and at once', async () => {
    docker('update', '--restart', 'no', signaling);
    for (const id of [pod, signaling]) {
      docker('stop', '--time', '30', id);
      expect(docker('inspect', '--format', '{{.State.ExitCode}}', id)).toBe('0');
    }
    expect(logOf(pod)).toContain('"msg":"stopped"');
    expect(logOf(signaling)).toContain('"msg":"stopped"');
  });
});

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pagesAreStale } from '../scripts/start/pages.ts';
import { podSecrets, SignalingProcess, token } from './stateless/instances.ts';
import { freePort, pause } from './weir.ts';

/** Signaling and several media pods as processes of this machine, over one database file. */
export interface Fleet {
  readonly signaling: SignalingProcess;
  readonly pods: readonly PodProcess[];
  /** Pods that signaling knows and may use. */
  placeable(): Promise<number>;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '..');

/** @throws Error with the processes' output if they are not ready within 60 s */
export async function startFleet(count: number, env: Readonly<Record<string, string>> = {}): Promise<Fleet> {
  if (pagesAreStale(root)) {
    execFileSync('npm', ['run', 'build', '-w', 'apps/web'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const folder = mkdtempSync(join(tmpdir(), 'weir-fleet-'));
  const signaling = await SignalingProcess.start('signaling', `file:${join(folder, 'weir.sqlite')}`, {
    WEIR_ENV: 'development',
    WEIR_DEMO: '1',
    WEIR_WEB_ROOT: join(root, 'apps/web/dist'),
    WEIR_LOG_LEVEL: 'info',
    ...env,
  });
  const pods = Array.from({ length: count }, (_, index) => new PodProcess(`pod-${index + 1}`, signaling.url));
  await Promise.all(pods.map((pod) => pod.start()));
  return {
    signaling,
    pods,
    async placeable() {
      const answers = await Promise.all(pods.map((pod) => pod.placeable()));
      return answers.filter(Boolean).length;
    },
    async stop() {
      await Promise.all(pods.map((pod) => pod.end('SIGKILL')));
      await signaling.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One media pod that can be ended and started again under the same name. */
export class PodProcess {
  readonly name: string;
  readonly #signalingUrl: string;
  #child: ChildProcess | undefined;
  #controlPort = 0;
  output = '';

  constructor(name: string, signalingUrl: string) {
    this.name = name;
    this.#signalingUrl = signalingUrl;
  }

  /** @returns when signaling has taken its lease */
  async start(): Promise<void> {
    this.#controlPort = await freePort();
    const preload = join(root, 'scripts/start/end-with-parent.ts');
    const child = spawn(
      join(root, 'node_modules/.bin/node'),
      ['--import', preload, 'apps/media-pod/src/main.ts'],
      {
        cwd: root,
        env: {
          PATH: process.env.PATH,
          NODE_COMPILE_CACHE: join(tmpdir(), 'weir-e2e-compiled'),
          WEIR_ENV: 'development',
          WEIR_POD_ID: this.name,
          WEIR_POD_SECRETS: podSecrets.join(),
          WEIR_SIGNALING_URL: this.#signalingUrl,
          WEIR_MEDIA_IP: '127.0.0.1',
          WEIR_MEDIA_PORT: '0',
          WEIR_CONSENT_TIMEOUT_MS: '10000',
          WEIR_CONTROL_IP: '127.0.0.1',
          WEIR_CONTROL_PORT: String(this.#controlPort),
          WEIR_DRAIN_SECONDS: '30',
          WEIR_LEASE_SECONDS: '2',
          WEIR_LOG_FORMAT: 'json',
        },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      },
    );
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline && this.running) {
      if (await this.placeable()) return;
      await pause(50);
    }
    throw new Error(`${this.name} did not come up:\n${this.output.slice(-4000)}`);
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async placeable(): Promise<boolean> {
    return (await this.#get('/placeable'))?.ok === true;
  }

  /** Transports that it holds. */
  async transports(): Promise<number> {
    const text = (await (await this.#get('/metrics'))?.text()) ?? '';
    return Number(/^weir_pod_transports (\d+)/m.exec(text)?.[1] ?? Number.NaN);
  }

  /** Stops it without its knowing, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  /** Ends it by a signal. @returns when it has ended */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const exited = new Promise<void>((done) => child.once('exit', () => done()));
    child.kill(signal);
    await exited;
  }

  #get(path: string): Promise<Response | undefined> {
    const url = `http://127.0.0.1:${this.#controlPort}${path}`;
    return fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  }
}

/** A token for operators: every room and every pod. */
export const operator = (): Promise<string> => token({ admin: true });

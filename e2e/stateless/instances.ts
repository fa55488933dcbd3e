import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createToken } from '../../apps/signaling/src/tokens/token.ts';
import { freePort, pause } from '../weir.ts';

/** What all instances of a test, its tokens and its pods share. */
export const apiKey = { keyId: 'e2e', secret: 'a secret of tests with real processes as long as it must be' };
export const podSecrets = ['another secret of tests with real processes'] as const;

const root = join(import.meta.dirname, '../..');

/** A token for every room; `admin` for everything in it. */
export function token(options: { admin?: boolean } = {}): Promise<string> {
  return createToken({ ...apiKey, room: '*', ...options });
}

/** One signaling process that can be killed and started again on the same port. */
export class SignalingProcess {
  readonly name: string;
  readonly port: number;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ready = false;
  #output = '';
  starts = 0;

  private constructor(name: string, port: number, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.port = port;
    this.#env = env;
  }

  /** @returns when it answers `/readyz` */
  static async start(
    name: string,
    databaseUrl: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<SignalingProcess> {
    const port = await freePort();
    const process = new SignalingProcess(name, port, { DATABASE_URL: databaseUrl, ...env });
    await process.start();
    return process;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** It has answered `/readyz` since its last start, and runs. */
  get ready(): boolean {
    return this.#ready && this.#running;
  }

  /** All it has printed, of every life. */
  get output(): string {
    return this.#output;
  }

  get #running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the process (again). @throws Error with its output if it is not ready within 60 s, or ends */
  async start(): Promise<void> {
    this.starts += 1;
    this.#ready = false;
    const preload = join(root, 'scripts/start/end-with-parent.ts');
    const child = spawn(
      join(root, 'node_modules/.bin/node'),
      ['--import', preload, 'apps/signaling/src/entry/node.ts'],
      {
        cwd: root,
        env: {
          PATH: process.env.PATH,
          // Half of a start is compiling.
          NODE_COMPILE_CACHE: join(tmpdir(), 'weir-e2e-compiled'),
          WEIR_API_KEYS: `${apiKey.keyId}:${apiKey.secret}`,
          WEIR_POD_SECRETS: podSecrets.join(),
          WEIR_LOG_LEVEL: 'warn',
          WEIR_LOG_FORMAT: 'json',
          HOST: '127.0.0.1',
          PORT: String(this.port),
          ...this.#env,
        },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      },
    );
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline && this.#child === child && this.#running) {
      const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(
        () => undefined,
      );
      await answer?.text().catch(() => undefined);
      if (answer?.ok && this.#child === child) {
        this.#ready = true;
        return;
      }
      await pause(50);
    }
    throw new Error(`${this.name} did not come up:\n${this.#output.slice(-4000)}`);
  }

  /** SIGKILL: no goodbye to anybody. */
  async kill(): Promise<void> {
    this.#ready = false;
    await this.#end('SIGKILL');
  }

  /** SIGTERM, and SIGKILL after 15 s. */
  async stop(): Promise<void> {
    this.#ready = false;
    await this.#end('SIGTERM');
  }

  /** Log lines of at least this level (pino: 40 = warn, 50 = error). */
  logged(level: number): { level: number; msg: string; error?: string }[] {
    return this.#output.split('\n').flatMap((line) => {
      try {
        const entry: { level: number; msg: string } = JSON.parse(line);
        return entry.level >= level ? [entry] : [];
      } catch {
        return [];
      }
    });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.#running) return;
    const exited = new Promise<void>((done) => child.once('exit', () => done()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await exited;
    clearTimeout(timer);
  }
}

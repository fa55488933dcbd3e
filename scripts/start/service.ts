import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { styleText } from 'node:util';

export interface ServiceOptions {
  readonly name: string;
  /** Path of the program, from the root folder. */
  readonly entry: string;
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Answers 2xx as soon as the service does its work. */
  readonly readyUrl: string;
  readonly colour: 'cyan' | 'magenta';
}

/** A child process of `npm start`: its output gets a prefix, its end is noticed. */
export class Service {
  readonly name: string;
  /** Resolves with a sentence when the process has ended, for whatever reason. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #readyUrl: string;

  constructor(options: ServiceOptions) {
    this.name = options.name;
    this.#readyUrl = options.readyUrl;
    const preload = join(import.meta.dirname, 'end-with-parent.ts');
    this.#child = spawn(process.execPath, ['--import', preload, options.entry], {
      cwd: options.root,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C reaches only the parent, which ends its children in order.
      detached: true,
    });
    const prefix = styleText(options.colour, `${options.name.padEnd(9)} │ `);
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => process.stdout.write(`${prefix}${line}\n`));
    }
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(`${options.name} could not be started: ${error.message}`));
      this.#child.once('close', (code, signal) => {
        resolve(`${options.name} ended ${signal === null ? `with exit code ${code}` : `by ${signal}`}`);
      });
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined;
  }

  async isReady(): Promise<boolean> {
    try {
      const answer = await fetch(this.#readyUrl, { signal: AbortSignal.timeout(2000) });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }

  /** Asks it to end, and insists after `patienceMs`. */
  async stop(patienceMs: number): Promise<void> {
    if (this.running) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), patienceMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    if (this.running) this.#child.kill('SIGKILL');
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';

/** Folder of the whole repository. */
export const root = resolve(import.meta.dirname, '../../..');

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Its standard output is a protocol, not text to keep. */
  readonly binary?: boolean;
}

/** A process under measurement: what it prints is kept, what it uses can be read, its end is ours. */
export class Child {
  readonly #child: ChildProcess;
  readonly #name: string;
  /** Rejects when it ends by itself; never resolves. */
  readonly ended: Promise<never>;
  #output = '';
  #stopping = false;

  constructor({ command, args, env = {}, binary = false }: ChildOptions) {
    this.#name = command;
    this.#child = spawn(command, args, {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-mostOutput);
    };
    if (!binary) this.#child.stdout!.on('data', keep);
    this.#child.stderr!.on('data', keep);
    this.#child.stdin!.on('error', () => undefined);
    running.add(this.#child);
    this.#child.once('exit', () => running.delete(this.#child));
    const ended = Promise.withResolvers<never>();
    this.#child.once('error', (error) => ended.reject(new Error(`${command}: ${error.message}`)));
    this.#child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      ended.reject(new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}:\n${this.#output}`));
    });
    ended.promise.catch(() => undefined);
    this.ended = ended.promise;
  }

  /** What it has printed last, at most 64 Ki characters. */
  get output(): string {
    return this.#output;
  }

  get stdout(): NodeJS.ReadableStream {
    return this.#child.stdout!;
  }

  write(data: string | Uint8Array): void {
    this.#child.stdin!.write(data);
  }

  /**
   * Asks again every 50 ms until `look` gives something.
   *
   * @throws Error with its output when it ends before, or has not come so far within 30 s
   */
  async until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const seen = await Promise.race([this.ended, look()]);
      if (seen !== undefined) return seen;
      if (performance.now() > deadline)
        throw new Error(`${this.#name} was not ready after 30 s:\n${this.#output}`);
      await Promise.race([this.ended, new Promise((done) => setTimeout(done, 50))]);
    }
  }

  /**
   * User and system time of all its threads so far, in microseconds: what the scheduler counts in nanoseconds,
   * where the kernel tells (/proc/PID/task/TID/schedstat), else in ticks of 10 ms (proc_pid_stat(5), fields 14 and 15).
   */
  cpuMicros(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    try {
      return readdirSync(tasks).reduce(
        (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]) / 1000,
        0,
      );
    } catch {
      const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
      // The name, in brackets, may hold spaces.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) * microsPerTick;
    }
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(
      readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'),
    )?.[1];
    return Number(kilobytes ?? 0) * 1024;
  }

  /** Asks it to end, and insists after 5 s. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null)
      return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await exited;
    clearTimeout(insist);
  }
}

const running = new Set<ChildProcess>();
// However this program ends, nothing of it goes on.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** A TCP port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const microsPerTick = 10_000;
const mostOutput = 65_536;

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs the docker command. @returns what it printed @throws Error with what it said when it failed */
export async function docker(...args: string[]): Promise<string> {
  try {
    return (await run('docker', args, { maxBuffer: 64 << 20 })).stdout.trim();
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new Error(`docker ${args.slice(0, 3).join(' ')} …: ${stderr.trim() || String(error)}`);
  }
}

/** A network that nothing else of this machine uses, whose addresses are chosen by us. */
export class PrivateNetwork {
  readonly name: string;
  readonly #prefix: string;

  private constructor(name: string, prefix: string) {
    this.name = name;
    this.#prefix = prefix;
  }

  /** @param draw a number in [0, below); another subnet is drawn when one is taken */
  static async create(name: string, draw: (below: number) => number): Promise<PrivateNetwork> {
    for (let attempt = 1; ; attempt += 1) {
      const prefix = `10.${100 + draw(150)}.${draw(256)}`;
      try {
        await docker('network', 'create', '--subnet', `${prefix}.0/24`, name);
        return new PrivateNetwork(name, prefix);
      } catch (error) {
        if (attempt === 10 || !/overlap/i.test(String(error))) throw error;
      }
    }
  }

  get subnet(): string {
    return `${this.#prefix}.0/24`;
  }

  address(host: number): string {
    return `${this.#prefix}.${host}`;
  }

  async remove(): Promise<void> {
    await docker('network', 'rm', this.name);
  }
}

/** A container that may be killed, paused, cut off and started again. */
export class Container {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  start = () => docker('start', this.name);
  /** SIGTERM, and SIGKILL after so many seconds. */
  stop = (seconds: number) => docker('stop', '--time', String(seconds), this.name);
  kill = () => docker('kill', '--signal', 'KILL', this.name);
  /** Stops every process as SIGSTOP does, without their knowing. */
  pause = () => docker('pause', this.name);
  resume = () => docker('unpause', this.name);
  remove = () => docker('rm', '--force', '--volumes', this.name);
  logs = async () => {
    const { stdout, stderr } = await run('docker', ['logs', this.name], { maxBuffer: 64 << 20 });
    return stdout + stderr;
  };
  /** Undefined while it runs. */
  exitCode = async (): Promise<number | undefined> => {
    const state = await docker('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', this.name);
    const [status, code] = state.split(' ');
    return status === 'exited' ? Number(code) : undefined;
  };
}

import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A PostgreSQL of this machine's binaries, in a folder of its own, without durability. */
export interface LocalPostgres {
  /** `postgres://…`, an empty database. */
  readonly url: string;
  /** Creates one more empty database in it. */
  createDatabase(name: string): string;
  /** Ends all connections; new ones are taken. */
  breakConnections(): void;
  stop(): Promise<void>;
}

/** Why there is no PostgreSQL to start here; undefined = there is. @throws Error under CI=true if there is none */
export function missingPostgres(): string | undefined {
  if (findBinaries() !== undefined) return undefined;
  const missing = 'no PostgreSQL binaries in /usr/lib/postgresql/*/bin (apt-get install postgresql)';
  if (process.env.CI === 'true') throw new Error(missing);
  return missing;
}

/**
 * Starts PostgreSQL from the newest of `/usr/lib/postgresql`, as an unprivileged user if this process is root.
 *
 * @throws Error if there is none; `missingPostgres()` tells
 */
export async function startLocalPostgres(): Promise<LocalPostgres> {
  const bin = findBinaries();
  if (bin === undefined) throw new Error('no PostgreSQL to start');
  const user: { uid?: number; gid?: number } = process.getuid?.() === 0 ? unprivilegedUser() : {};
  const folder = mkdtempSync(join(tmpdir(), 'weir-postgres-'));
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid ?? user.uid);
  const data = join(folder, 'data');
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } };
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'weir', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'],
    { ...options, stdio: 'pipe' },
  );
  const port = await freePort();
  const settings = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=200'];
  const server = spawn(
    join(bin, 'postgres'),
    [
      '-D',
      data,
      '-k',
      folder,
      '-h',
      '127.0.0.1',
      '-p',
      String(port),
      ...settings.flatMap((one) => ['-c', one]),
    ],
    { ...options, stdio: 'ignore' },
  );
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const createDatabase = (name: string) => {
    execFileSync(join(bin, 'createdb'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'weir', name], {
      ...options,
      stdio: 'pipe',
    });
    return `postgres://weir@127.0.0.1:${port}/${name}`;
  };
  await listening(port, () => server.exitCode !== null);
  let url: string | undefined;
  for (let attempt = 0; url === undefined; attempt += 1) {
    try {
      url = createDatabase('weir');
    } catch (error) {
      // It listens a moment before it takes connections.
      if (attempt >= 50) throw error;
      await delay(100);
    }
  }
  return {
    url,
    createDatabase,
    breakConnections() {
      const end = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()';
      const connection = ['-h', '127.0.0.1', '-p', String(port), '-U', 'weir'];
      execFileSync(join(bin, 'psql'), [...connection, '-d', 'postgres', '-qc', end], {
        ...options,
        stdio: 'ignore',
      });
    },
    async stop() {
      server.kill('SIGINT');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function findBinaries(): string | undefined {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')));
}

/** PostgreSQL refuses to run as root. */
function unprivilegedUser(): { uid: number; gid: number } {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  return { uid: 65534, gid: 65534 };
}

async function listening(port: number, gone: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (gone()) throw new Error('PostgreSQL ended right after its start');
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await delay(50);
  }
  throw new Error('PostgreSQL does not listen');
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

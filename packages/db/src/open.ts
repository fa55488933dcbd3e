import type { Driver } from './drivers/driver.ts';
import { openPostgres } from './drivers/postgres.ts';
import { openSqlite } from './drivers/sqlite.ts';
import { inProcessWakeUps } from './wake-ups/in-process.ts';
import { postgresWakeUps } from './wake-ups/postgres.ts';
import type { WakeUps } from './wake-ups/wake-ups.ts';

export interface OpenDatabase {
  readonly driver: Driver;
  readonly wakeUps: WakeUps;
}

export interface OpenOptions {
  readonly maxConnections?: number;
  /** How often readers look without being woken, in milliseconds. */
  readonly pollMs?: number;
  /** Told about lost connections that will be made again. */
  readonly onError?: (error: Error) => void;
}

/**
 * Opens `file:path/to/weir.sqlite`, `file::memory:` or `postgres://…`. Run `migrate()` on the driver before use.
 *
 * @throws RangeError when the address is of no known kind
 * @throws StoreUnavailableError when the file cannot be opened
 */
export function openDatabase(url: string, options: OpenOptions = {}): OpenDatabase {
  if (/^postgres(ql)?:/.test(url)) {
    return { driver: openPostgres(url, options), wakeUps: postgresWakeUps(url, options) };
  }
  if (url.startsWith('file:')) {
    return { driver: openSqlite(url.slice('file:'.length)), wakeUps: inProcessWakeUps(options) };
  }
  throw new RangeError(
    `DATABASE_URL must begin with file: or postgres:// (got ${url.split(':')[0]}:…); for example file:.weir/weir.sqlite`,
  );
}

import type { SQL } from 'drizzle-orm';

export type Row = Record<string, unknown>;

/**
 * All that Weir asks of a database. There are no interactive transactions (D1 has none): a write is one
 * atomic list of statements that guard themselves, as `guardVersion()` does by violating NOT NULL.
 */
export interface Driver {
  readonly dialect: 'sqlite' | 'postgres';
  /** Bound values one statement may carry. */
  readonly maxParameters: number;
  /** Runs all at one point in time; answers the rows of each. */
  read(statements: readonly SQL[]): Promise<Row[][]>;
  /**
   * Runs all or none; answers the rows of each (`RETURNING`).
   *
   * @throws ConflictError when a guard fails or another writer was faster: nothing has changed, decide again
   */
  write(statements: readonly SQL[]): Promise<Row[][]>;
  /** Runs `work` while no other starter does (migrations). */
  exclusively<T>(work: (migrating: MigratingDriver) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Raw text only, inside `exclusively()`. */
export interface MigratingDriver {
  query(text: string): Promise<Row[]>;
  /** Runs all or, at the latest when `exclusively()` fails, none. */
  run(texts: readonly string[]): Promise<void>;
}

/** A guard of a write failed, or it collided with another: nothing has changed. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** The database does not answer, or not in time. Whether a write was done is unknown. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { ConflictError, type Driver, type Row, StoreUnavailableError } from './driver.ts';

export interface PostgresOptions {
  /** Connections of this instance. */
  readonly maxConnections?: number;
  /** Told about connections lost while idle. */
  readonly onError?: (error: Error) => void;
}

/** Postgres through node-postgres. `url` is `postgres://…`. Connects on first use. */
export function openPostgres(url: string, options: PostgresOptions = {}): Driver {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: 5000,
    query_timeout: 10_000,
    types: { getTypeParser: typeParser },
  });
  pool.on('error', (error) => options.onError?.(error));
  // The pool listens to idle connections only. One that breaks between two statements of a transaction must not end
  // the process: the next statement fails with it.
  pool.on('connect', (client) => client.on('error', () => {}));
  const dialect = new PgDialect();

  const transaction = async (begin: string, statements: readonly SQL[]): Promise<Row[][]> => {
    const queries = statements.map((statement) => dialect.sqlToQuery(statement));
    return await withClient(pool, async (client) => {
      try {
        await client.query(begin);
        const answers: Row[][] = [];
        for (const { sql, params } of queries) answers.push((await client.query(sql, params)).rows as Row[]);
        await client.query('COMMIT');
        return answers;
      } catch (error) {
        // Whoever does not answer would keep us waiting once more; its connection is given up, which rolls back too.
        if (error instanceof pg.DatabaseError) await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  };

  return {
    dialect: 'postgres',
    maxParameters: 30_000,
    read: async (statements) => {
      if (statements.length === 1) {
        const { sql, params } = dialect.sqlToQuery(statements[0]!);
        return await withClient(pool, async (client) => [(await client.query(sql, params)).rows as Row[]]);
      }
      return await transaction('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', statements);
    },
    write: (statements) => transaction('BEGIN', statements),
    exclusively: (work) =>
      withClient(pool, async (client) => {
        await client.query('BEGIN');
        try {
          await client.query(`SELECT pg_advisory_xact_lock(${migrationLock})`);
          const result = await work({
            query: async (text) => (await client.query(text)).rows as Row[],
            run: async (texts) => {
              for (const text of texts) await client.query(text);
            },
          });
          await client.query('COMMIT');
          return result;
        } catch (error) {
          await client.query('ROLLBACK').catch(() => {});
          throw error;
        }
      }),
    close: () => pool.end(),
  };
}

async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw new StoreUnavailableError(`Postgres: ${(error as Error).message}`, { cause: error });
  }
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (error) {
    const known = translate(error);
    // A connection in an unknown state must not go back.
    client.release(known instanceof StoreUnavailableError);
    throw known;
  }
}

function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (conflictCodes.has(code)) return new ConflictError(error.message, { cause: error });
  const lost = /^(08|57|53)/.test(code) || !(error instanceof pg.DatabaseError);
  if (lost && !(error instanceof TypeError)) {
    return new StoreUnavailableError(`Postgres: ${error.message}`, { cause: error });
  }
  return error;
}

/** not_null_violation, unique_violation, serialization_failure, deadlock_detected. */
const conflictCodes = new Set(['23502', '23505', '40001', '40P01']);
const int8 = 20;
const migrationLock = 7_336_412_901;

/** Our integers stay below 2^53. */
function typeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === int8) return Number;
  return pg.types.getTypeParser(oid, format as 'text');
}

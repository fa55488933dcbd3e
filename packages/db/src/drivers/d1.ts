import type { SQL } from 'drizzle-orm';
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core';
import { ConflictError, type Driver, type Row, StoreUnavailableError } from './driver.ts';

/** What Weir uses of Cloudflare's binding of a D1 database. */
export interface D1Binding {
  prepare(sql: string): D1Statement;
  batch(statements: D1Statement[]): Promise<{ results: unknown[] }[]>;
}

export interface D1Statement {
  bind(...values: unknown[]): D1Statement;
}

/** Cloudflare D1: a batch is one transaction, and there is no other kind. */
export function openD1(binding: D1Binding): Driver {
  const dialect = new SQLiteAsyncDialect();
  const prepare = (statement: SQL): D1Statement => {
    const { sql, params } = dialect.sqlToQuery(statement);
    const prepared = binding.prepare(sql);
    return params.length === 0 ? prepared : prepared.bind(...params);
  };
  const batch = async (statements: D1Statement[]): Promise<Row[][]> => {
    if (statements.length === 0) return [];
    try {
      return (await binding.batch(statements)).map(({ results }) => results as Row[]);
    } catch (error) {
      throw translate(error);
    }
  };
  return {
    dialect: 'sqlite',
    maxParameters: 100,
    read: (statements) => batch(statements.map(prepare)),
    write: (statements) => batch(statements.map(prepare)),
    // Nothing can be locked: of two that migrate, one batch wins and the other fails as a whole.
    exclusively: (work) =>
      work({
        query: async (text) => (await batch([binding.prepare(text)]))[0]!,
        run: async (texts) => {
          await batch(texts.map((text) => binding.prepare(text)));
        },
      }),
    close: async () => {},
  };
}

function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (/constraint failed|SQLITE_CONSTRAINT/i.test(error.message)) {
    return new ConflictError(error.message, { cause: error });
  }
  // Mistakes of ours stay what they are; anything else is the database's trouble.
  if (/syntax error|no such (table|column)|SQLITE_ERROR/i.test(error.message)) return error;
  return new StoreUnavailableError(`D1: ${error.message}`, { cause: error });
}

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import type { SQL } from 'drizzle-orm';
import { SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import {
  ConflictError,
  type Driver,
  type MigratingDriver,
  type Row,
  StoreUnavailableError,
} from './driver.ts';

/**
 * SQLite through better-sqlite3, in WAL mode. `file` may be `:memory:`.
 *
 * @throws StoreUnavailableError when the file cannot be opened
 */
export function openSqlite(file: string): Driver {
  const database = open(file);
  const dialect = new SQLiteSyncDialect();
  const prepared = new Map<string, Database.Statement>();

  const run = (statement: SQL): Row[] => {
    const { sql, params } = dialect.sqlToQuery(statement);
    let ready = prepared.get(sql);
    if (ready === undefined) {
      ready = database.prepare(sql);
      // Texts are few, except for lists of changing length.
      if (prepared.size >= maxPrepared) prepared.clear();
      prepared.set(sql, ready);
    }
    if (ready.reader) return ready.all(...params) as Row[];
    ready.run(...params);
    return [];
  };
  const all = database.transaction((statements: readonly SQL[]) => statements.map(run));

  return {
    dialect: 'sqlite',
    maxParameters: 30_000,
    read: async (statements) => guarded(() => all.deferred(statements)),
    write: async (statements) => guarded(() => all.immediate(statements)),
    exclusively: async (work) => {
      const migrating: MigratingDriver = {
        query: async (text) => {
          const statement = database.prepare(text);
          if (statement.reader) return statement.all() as Row[];
          statement.run();
          return [];
        },
        run: async (texts) => {
          for (const text of texts) database.exec(text);
        },
      };
      guarded(() => database.exec('BEGIN EXCLUSIVE'));
      try {
        const result = await work(migrating);
        database.exec('COMMIT');
        return result;
      } catch (error) {
        if (database.inTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    close: async () => {
      prepared.clear();
      database.close();
    },
  };
}

function open(file: string): Database.Database {
  try {
    if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true });
    const database = new Database(file, { timeout: busyTimeoutMs });
    database.pragma('journal_mode = WAL');
    // A power cut may lose the last commits of the WAL, never harm the file.
    database.pragma('synchronous = NORMAL');
    return database;
  } catch (error) {
    throw new StoreUnavailableError(`SQLite cannot open ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    if (error.code.startsWith('SQLITE_CONSTRAINT')) throw new ConflictError(error.message, { cause: error });
    if (/^SQLITE_(BUSY|LOCKED|IOERR|FULL|CANTOPEN|READONLY)/.test(error.code)) {
      throw new StoreUnavailableError(`SQLite: ${error.message} (${error.code})`, { cause: error });
    }
    throw error;
  }
}

const busyTimeoutMs = 5000;
const maxPrepared = 500;

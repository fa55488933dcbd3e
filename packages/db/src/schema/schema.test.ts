import { readFileSync } from 'node:fs';
import { getTableColumns, getTableName, type Table } from 'drizzle-orm';
import { type PgTable, getTableConfig as postgresConfig } from 'drizzle-orm/pg-core';
import { type SQLiteTable, getTableConfig as sqliteConfig } from 'drizzle-orm/sqlite-core';
import { describe, expect, it } from 'vitest';
import { embedMigrations } from '../../scripts/embed.ts';
import { onEveryDatabase } from '../../test/databases.ts';
import * as postgres from './postgres.ts';
import * as sqlite from './sqlite.ts';

const ours = new Map<string, SQLiteTable>(Object.entries(sqlite));
const theirs = new Map<string, PgTable>(Object.entries(postgres));

interface Column {
  notNull: boolean;
  kind: string;
}

function columnsOf(table: Table): Record<string, Column> {
  return Object.fromEntries(
    Object.values(getTableColumns(table)).map((column) => {
      const type = column.getSQLType();
      return [column.name, { notNull: column.notNull, kind: type === 'bigint' ? 'integer' : type }];
    }),
  );
}

const names = (list: readonly unknown[]) => list.map((column) => (column as { name: string }).name);

describe('the two schemas', () => {
  it('have the same tables', () => {
    expect([...theirs.keys()]).toEqual([...ours.keys()]);
  });

  it.each([...ours.keys()])('%s is the same in both', (name) => {
    const [our, their] = [ours.get(name)!, theirs.get(name)!];
    expect(getTableName(their)).toBe(getTableName(our));
    expect(columnsOf(their)).toEqual(columnsOf(our));
    const [one, other] = [sqliteConfig(our), postgresConfig(their)];
    expect(other.primaryKeys.map((key) => names(key.columns))).toEqual(
      one.primaryKeys.map((key) => names(key.columns)),
    );
    const indexes = (
      list: { config: { name?: string | undefined; unique: boolean; columns: readonly unknown[] } }[],
    ) =>
      list.map(({ config }) => ({
        name: config.name,
        unique: config.unique,
        columns: names(config.columns),
      }));
    expect(indexes(other.indexes)).toEqual(indexes(one.indexes));
  });

  it('are what the migrations were generated from, and the embedded text is theirs', () => {
    const root = new URL('../../', import.meta.url);
    const read = (path: string) => readFileSync(new URL(`migrations/${path}`, root), 'utf8');
    const embedded = readFileSync(new URL('src/migrations.generated.ts', root), 'utf8');
    expect(embedded).toBe(embedMigrations(read));
  });
});

onEveryDatabase((database) => {
  it('a migrated database has exactly the columns of the schema', async () => {
    const { driver } = await database.create();
    await driver.exclusively(async ({ query }) => {
      for (const schema of ours.values()) {
        const table = getTableName(schema);
        const rows =
          driver.dialect === 'sqlite'
            ? await query(`PRAGMA table_info(${table})`)
            : await query(
                `SELECT column_name AS name, CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS "notnull", data_type AS type
                 FROM information_schema.columns WHERE table_name = '${table}'`,
              );
        const found = Object.fromEntries(
          rows.map((row) => {
            const type = String(row.type).toLowerCase();
            return [
              row.name,
              { notNull: Number(row.notnull) === 1, kind: type === 'bigint' ? 'integer' : type },
            ];
          }),
        );
        expect(found, table).toEqual(columnsOf(schema));
      }
    });
  });
});

import {
  type Column,
  getTableColumns,
  type InferInsertModel,
  type InferSelectModel,
  type SQL,
  sql,
  type Table,
} from 'drizzle-orm';
import type { Driver, Row } from './drivers/driver.ts';

/** A statement together with the shape of its rows. */
export interface Query<R> {
  readonly statement: SQL;
  decode(row: Row): R;
}

type Decoded<Q> = { -readonly [K in keyof Q]: Q[K] extends Query<infer R> ? R[] : never };

/** Runs queries at one point in time. */
export async function readAll<const Q extends readonly Query<unknown>[]>(
  driver: Driver,
  queries: Q,
): Promise<Decoded<Q>> {
  const results = await driver.read(queries.map((query) => query.statement));
  return results.map((rows, index) => rows.map((row) => queries[index]!.decode(row))) as Decoded<Q>;
}

/** `SELECT` of whole rows of one table; `tail` begins at WHERE. */
export function selectFrom<T extends Table>(table: T, tail: SQL): Query<InferSelectModel<T>> {
  const columns = Object.values(getTableColumns(table)).map((column) => sql`${column}`);
  return {
    statement: sql`SELECT ${sql.join(columns, sql`, `)} FROM ${table} ${tail}`,
    decode: (row) => decodeRow(table, row),
  };
}

/** A row as the driver gives it, as the schema types it. */
export function decodeRow<T extends Table>(table: T, row: Row): InferSelectModel<T> {
  const decoded: Row = {};
  for (const [key, column] of Object.entries(getTableColumns(table))) {
    const value = row[column.name];
    decoded[key] = value === null || value === undefined ? null : column.mapFromDriverValue(value);
  }
  return decoded as InferSelectModel<T>;
}

type InsertValue<T extends Table> = {
  [K in keyof InferInsertModel<T>]: InferInsertModel<T>[K] | SQL;
};

export interface OnConflict<T extends Table> {
  readonly key: readonly (keyof InferInsertModel<T>)[];
  /** Columns that take the new row's value. */
  readonly update: readonly (keyof InferInsertModel<T>)[];
}

/** `INSERT` of any number of rows, in as many statements as the driver's limit of bound values asks for. */
export function insertInto<T extends Table>(
  driver: Driver,
  table: T,
  rows: readonly InsertValue<T>[],
  onConflict?: OnConflict<T>,
): SQL[] {
  const columns = Object.entries(getTableColumns(table)) as [string, Column][];
  const perStatement = Math.max(1, Math.floor(driver.maxParameters / (columns.length + valuesOfExpressions)));
  const names = sql.join(
    columns.map(([, column]) => sql.identifier(column.name)),
    sql`, `,
  );
  const conflict = onConflict === undefined ? sql`` : conflictClause(table, onConflict);
  const statements: SQL[] = [];
  for (let start = 0; start < rows.length; start += perStatement) {
    const values = rows.slice(start, start + perStatement).map((row) => {
      const cells = columns.map(([key, column]) => cell(column, (row as Row)[key]));
      return sql`(${sql.join(cells, sql`, `)})`;
    });
    statements.push(sql`INSERT INTO ${table} (${names}) VALUES ${sql.join(values, sql`, `)}${conflict}`);
  }
  return statements;
}

/** So many more values than columns a row may bind, by expressions in it. */
const valuesOfExpressions = 4;

function cell(column: Column, value: unknown): SQL {
  if (value === null || value === undefined) return sql`NULL`;
  if (typeof value === 'object' && 'getSQL' in value) return value as SQL;
  return sql`${sql.param(value, column)}`;
}

function conflictClause<T extends Table>(table: T, { key, update }: OnConflict<T>): SQL {
  const columns = getTableColumns(table) as Record<string, Column>;
  const name = (property: PropertyKey) => sql.identifier(columns[String(property)]!.name);
  const keys = sql.join(key.map(name), sql`, `);
  if (update.length === 0) return sql` ON CONFLICT (${keys}) DO NOTHING`;
  const sets = update.map((property) => sql`${name(property)} = excluded.${name(property)}`);
  return sql` ON CONFLICT (${keys}) DO UPDATE SET ${sql.join(sets, sql`, `)}`;
}

/** `column IN (…)` in lists that fit the driver's limit of bound values. */
export function chunked<V>(driver: Driver, values: readonly V[], reserved = 8): V[][] {
  const size = Math.max(1, driver.maxParameters - reserved);
  const chunks: V[][] = [];
  for (let start = 0; start < values.length; start += size) chunks.push(values.slice(start, start + size));
  return chunks;
}

/**
 * An expression that is `value` while `condition` holds and otherwise NULL: assigned to a NOT NULL column, it
 * makes the whole write fail. This is how a batch of statements is guarded without an interactive transaction.
 */
export function only(condition: SQL, value: SQL): SQL {
  return sql`CASE WHEN ${condition} THEN ${value} ELSE NULL END`;
}

/** A bound integer; Postgres cannot always tell from the context. */
export function integerValue(value: number): SQL {
  return sql`CAST(${value} AS BIGINT)`;
}

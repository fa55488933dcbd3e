import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type D1Binding, type Driver, migrate, openD1, openPostgres, openSqlite } from '@weir/db';
import {
  type LocalPostgres,
  missingD1,
  missingPostgres,
  startD1,
  startLocalPostgres,
  type TestD1,
} from '@weir/testing';
import { afterAll, beforeAll, describe } from 'vitest';

/** An empty, migrated database; each call of `connect` is one more instance's connection to it. */
export interface TestDatabase {
  connect(): Driver;
}

export type OpenDatabase = () => Promise<TestDatabase>;

/** Runs a suite on every database there is here. */
export function onEveryDatabase(suite: (open: OpenDatabase) => void): void {
  onSqlite(suite);
  const missing = missingPostgres();
  if (missing !== undefined) console.warn(`!!! Postgres is NOT tested: ${missing}`);
  describe.skipIf(missing !== undefined)('on Postgres', () => {
    const drivers: Driver[] = [];
    let server: LocalPostgres | undefined;
    let root: Driver | undefined;
    let count = 0;
    beforeAll(async () => {
      server = await startLocalPostgres();
    }, 60_000);
    afterAll(async () => {
      await Promise.all([root, ...drivers].map((driver) => driver?.close()));
      await server?.stop();
    });
    suite(async () => {
      count += 1;
      // A schema of its own is as good as a database of its own, and made in no time.
      const name = `test${count}`;
      root ??= openPostgres(server!.url, { maxConnections: 1 });
      await root.exclusively(({ query }) => query(`CREATE SCHEMA ${name}`));
      const url = `${server!.url}?options=${encodeURIComponent(`-c search_path=${name}`)}`;
      const connect = () => {
        const driver = openPostgres(url, { maxConnections: 4 });
        drivers.push(driver);
        return driver;
      };
      const first = connect();
      await migrate(first);
      return { connect: once(first, connect) };
    });
  });
}

/**
 * Runs a suite on the databases of `onEveryDatabase` and on D1. `far`: the database is slow to talk to from here, so that
 * tests with thousands of calls are better left to the others.
 */
export function onEveryDatabaseAndD1(suite: (open: OpenDatabase, far: boolean) => void): void {
  onEveryDatabase((open) => suite(open, false));
  const missing = missingD1();
  if (missing !== undefined) console.warn(`!!! D1 is NOT tested: ${missing}`);
  describe.skipIf(missing !== undefined)('on D1', () => {
    let d1: TestD1 | undefined;
    beforeAll(async () => {
      d1 = await startD1(40);
    }, 60_000);
    afterAll(() => d1?.stop());
    suite(async () => {
      const binding = (await d1!.create()) as D1Binding;
      await migrate(openD1(binding));
      return { connect: () => openD1(binding) };
    }, true);
  });
}

/** Runs a suite on SQLite alone, in a file. */
export function onSqlite(suite: (open: OpenDatabase) => void): void {
  describe('on SQLite', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-signaling-'));
    const drivers: Driver[] = [];
    let count = 0;
    afterAll(async () => {
      await Promise.all(drivers.map((driver) => driver.close()));
      rmSync(folder, { recursive: true, force: true });
    });
    suite(async () => {
      count += 1;
      const file = join(folder, `${count}.sqlite`);
      const connect = () => {
        const driver = openSqlite(file);
        drivers.push(driver);
        return driver;
      };
      const first = connect();
      await migrate(first);
      return { connect: once(first, connect) };
    });
  });
}

function once(first: Driver, next: () => Driver): () => Driver {
  let given: Driver | undefined = first;
  return () => {
    const driver = given ?? next();
    given = undefined;
    return driver;
  };
}

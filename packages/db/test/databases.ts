import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type LocalPostgres,
  missingD1,
  missingPostgres,
  startD1,
  startLocalPostgres,
  type TestD1,
} from '@weir/testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { type D1Binding, type Driver, migrate, openD1, openPostgres, openSqlite } from '../src/index.ts';

export interface TestDatabase {
  /** An empty, migrated database; `connect` opens it once more, as another instance would. */
  create(): Promise<{ driver: Driver; connect: () => Driver; url: string }>;
}

/** Runs a suite on every database there is here. */
export function onEveryDatabase(suite: (database: TestDatabase) => void): void {
  describe('SQLite', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-db-'));
    const drivers: Driver[] = [];
    let count = 0;
    afterAll(async () => {
      for (const driver of drivers) await driver.close();
      rmSync(folder, { recursive: true, force: true });
    });
    suite({
      create: async () => {
        count += 1;
        const file = join(folder, `${count}.sqlite`);
        const connect = () => {
          const driver = openSqlite(file);
          drivers.push(driver);
          return driver;
        };
        const driver = connect();
        await migrate(driver);
        return { driver, connect, url: `file:${file}` };
      },
    });
  });

  const missing = missingPostgres();
  if (missing !== undefined) console.warn(`!!! Postgres is NOT tested: ${missing}`);
  describe.skipIf(missing !== undefined)('Postgres', () => {
    const drivers: Driver[] = [];
    let server: LocalPostgres | undefined;
    let count = 0;
    beforeAll(async () => {
      server = await startLocalPostgres();
    }, 60_000);
    afterAll(async () => {
      for (const driver of drivers) await driver.close();
      await server?.stop();
    });
    suite({
      create: async () => {
        count += 1;
        const url = server!.createDatabase(`test${count}`);
        const connect = () => {
          const driver = openPostgres(url, { maxConnections: 4 });
          drivers.push(driver);
          return driver;
        };
        const driver = connect();
        await migrate(driver);
        return { driver, connect, url };
      },
    });
  });

  const missingWorkerd = missingD1();
  if (missingWorkerd !== undefined) console.warn(`!!! D1 is NOT tested: ${missingWorkerd}`);
  describe.skipIf(missingWorkerd !== undefined)('D1', () => {
    let d1: TestD1 | undefined;
    beforeAll(async () => {
      d1 = await startD1(40);
    }, 60_000);
    afterAll(() => d1?.stop());
    suite({
      create: async () => {
        const binding = (await d1!.create()) as D1Binding;
        const driver = openD1(binding);
        await migrate(driver);
        return { driver, connect: () => openD1(binding), url: 'd1:' };
      },
    });
  });
}

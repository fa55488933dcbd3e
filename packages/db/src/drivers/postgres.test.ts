import { type LocalPostgres, missingPostgres, startLocalPostgres } from '@weir/testing';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from './driver.ts';
import { openPostgres } from './postgres.ts';

describe.skipIf(missingPostgres() !== undefined)('connections to Postgres', () => {
  let server: LocalPostgres;
  beforeAll(async () => {
    server = await startLocalPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  it('may break between two statements: the work fails, the process lives, and the next one is a new one', async () => {
    const driver = openPostgres(server.url, { maxConnections: 1 });
    try {
      const work = driver.exclusively(async ({ query }) => {
        await query('SELECT 1');
        server.breakConnections();
        // Until the end of the connection has been noticed, and nothing is asked of it.
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        return await query('SELECT 2');
      });
      await expect(work).rejects.toThrow(StoreUnavailableError);
      expect(await driver.read([sql`SELECT 3 AS three`])).toEqual([[{ three: 3 }]]);
    } finally {
      await driver.close();
    }
  });
});

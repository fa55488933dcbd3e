import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { onEveryDatabase } from '../test/databases.ts';
import { migrate } from './migrate.ts';

onEveryDatabase((database) => {
  it('is done once, whoever starts at the same time', async () => {
    const { driver, connect } = await database.create();
    await driver.exclusively(async ({ query }) => {
      for (const table of ['rooms', 'peers', 'transports', 'receivers', 'senders', 'peer_events', 'pods']) {
        await query(`DROP TABLE ${table}`);
      }
      await query('DROP TABLE idempotency_keys');
      await query('DROP TABLE revoked_tokens');
      await query('DROP TABLE revoked_subjects');
      await query('DELETE FROM weir_migrations');
    });
    // SQLite lets one process at a time in, and says so: a starter then starts again.
    const starters = driver.dialect === 'postgres' ? [driver, connect(), connect(), connect()] : [driver];
    const applied = await Promise.all(starters.map(migrate));
    expect(applied.flat()).toEqual(['0000_start', '0001_revoked-subjects']);
    for (const starter of starters) expect(await migrate(starter)).toEqual([]);
    expect(await driver.read([sql`SELECT COUNT(*) AS count FROM rooms`])).toEqual([[{ count: 0 }]]);
  });

  it('refuses the database of a newer Weir', async () => {
    const { driver } = await database.create();
    await driver.exclusively(async ({ query }) => {
      await query("INSERT INTO weir_migrations (tag) VALUES ('9999_future')");
    });
    await expect(migrate(driver)).rejects.toThrow(/newer Weir \(9999_future\)/);
  });
});

import { getTableName, sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { onEveryDatabase } from '../test/databases.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations.generated.ts';
import * as schema from './schema/sqlite.ts';

onEveryDatabase((database) => {
  it('is done once, whoever starts at the same time', async () => {
    const { driver, connect } = await database.create();
    await driver.exclusively(async ({ query }) => {
      for (const table of Object.values(schema)) {
        await query(`DROP TABLE ${getTableName(table)}`);
      }
      await query('DELETE FROM weir_migrations');
    });
    // SQLite lets one process at a time in, and says so: a starter then starts again.
    const starters = driver.dialect === 'postgres' ? [driver, connect(), connect(), connect()] : [driver];
    const applied = await Promise.all(starters.map(migrate));
    expect(applied.flat()).toEqual(migrations[driver.dialect].map(({ tag }) => tag));
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

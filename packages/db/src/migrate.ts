import type { Driver } from './drivers/driver.ts';
import { migrations } from './migrations.generated.ts';

export interface Migration {
  readonly tag: string;
  readonly statements: readonly string[];
}

/**
 * Brings the database to this version of the schema. Two starters at once take turns; the second finds nothing
 * left to do. Answers the tags of the migrations that were applied.
 *
 * @throws Error when the database was migrated by a newer Weir
 */
export async function migrate(driver: Driver): Promise<string[]> {
  const wanted = migrations[driver.dialect];
  return await driver.exclusively(async ({ query, run }) => {
    await query('CREATE TABLE IF NOT EXISTS weir_migrations (tag text PRIMARY KEY NOT NULL)');
    const done = new Set((await query('SELECT tag FROM weir_migrations')).map((row) => String(row.tag)));
    const unknown = [...done].filter((tag) => !wanted.some((migration) => migration.tag === tag));
    if (unknown.length > 0) {
      throw new Error(
        `The database was migrated by a newer Weir (${unknown.join(', ')}): start that version, or restore a backup.`,
      );
    }
    const applied: string[] = [];
    for (const { tag, statements } of wanted) {
      if (done.has(tag)) continue;
      try {
        await run([...statements, `INSERT INTO weir_migrations (tag) VALUES ('${tag}')`]);
      } catch (error) {
        // Where nothing can be locked another starter may have been faster.
        const now = await query(`SELECT tag FROM weir_migrations WHERE tag = '${tag}'`).catch(() => []);
        if (now.length === 0) throw error;
        continue;
      }
      applied.push(tag);
    }
    return applied;
  });
}

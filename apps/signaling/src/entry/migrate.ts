/**
 * Brings the database to this version's schema and ends: for deployments that migrate before they start instances.
 * Instances do the same at their start, so this is never needed on Node.
 */
import { migrate, openDatabase } from '@weir/db';
import { ConfigError, readEnvironment } from '../config.ts';

const help = `Brings Weir's database to the schema of this version.

Usage: npm run migrate [-- --help]

Environment:
  DATABASE_URL   file:path or postgres://… Default: file:.weir/weir.sqlite

Several at once take turns, and the later ones find nothing left to do. What a newer Weir has migrated is refused.
D1 is migrated by wrangler: infra/cloudflare/README.md.`;

async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    console.log(help);
    return;
  }
  const [unknown] = process.argv.slice(2);
  if (unknown !== undefined) throw new ConfigError(`${unknown} is no option.`);
  const env = readEnvironment(process.env);
  const { driver, wakeUps } = openDatabase(env.DATABASE_URL, { maxConnections: 1 });
  try {
    const applied = await migrate(driver);
    for (const tag of applied) console.log(`applied ${tag}`);
    console.log(applied.length === 0 ? 'The database is up to date.' : 'The database is up to date now.');
  } finally {
    await wakeUps.close();
    await driver.close();
  }
}

try {
  await main();
} catch (error) {
  const wrongUse = error instanceof ConfigError || error instanceof RangeError;
  console.error((error as Error).message);
  if (wrongUse) console.error('Run with --help to see how it is used.');
  process.exitCode = wrongUse ? 2 : 1;
}

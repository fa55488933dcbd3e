/**
 * Generates the migrations of both schemas with drizzle-kit and puts their text into
 * `src/migrations.generated.ts`, because Workers have no file system. Run after each change of a schema:
 * `npm run migrations -w packages/db -- --name what-changed`.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { embedMigrations } from './embed.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
for (const dialect of ['sqlite', 'postgres']) {
  execFileSync(
    'drizzle-kit',
    ['generate', '--config', `drizzle.${dialect}.config.ts`, ...process.argv.slice(2)],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, PATH: `${root}../../node_modules/.bin:${process.env.PATH}` },
    },
  );
}
const read = (path: string) => readFileSync(`${root}migrations/${path}`, 'utf8');
writeFileSync(`${root}src/migrations.generated.ts`, embedMigrations(read));

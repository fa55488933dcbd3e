interface Journal {
  entries: { tag: string }[];
}

/** The text of `src/migrations.generated.ts`. `read` gives a file below `migrations/`. */
export function embedMigrations(read: (path: string) => string): string {
  const of = (dialect: string) => {
    const journal = JSON.parse(read(`${dialect}/meta/_journal.json`)) as Journal;
    return journal.entries.map(({ tag }) => ({
      tag,
      statements: read(`${dialect}/${tag}.sql`)
        .split('--> statement-breakpoint')
        .map((statement) => statement.trim())
        .filter((statement) => statement !== ''),
    }));
  };
  const all = { sqlite: of('sqlite'), postgres: of('postgres') };
  return [
    '// Made by scripts/migrations.ts; do not edit.',
    "import type { Migration } from './migrate.ts';",
    '',
    `export const migrations: Record<'sqlite' | 'postgres', readonly Migration[]> = ${JSON.stringify(all, null, 2)};`,
    '',
  ].join('\n');
}

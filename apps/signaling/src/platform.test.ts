import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('only the entries know the platform: the rest runs on Node and on Workers', () => {
  const root = import.meta.dirname;
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('entry'),
  );
  expect(sources.length).toBeGreaterThan(40);
  const platform =
    /from '(node:|pino|prom-client|@hono\/node-server|better-sqlite3|pg')|\bprocess\.|\bBuffer\b/;
  const wrong = sources.filter((file) => platform.test(readFileSync(join(root, file), 'utf8')));
  expect(wrong).toEqual([]);
});

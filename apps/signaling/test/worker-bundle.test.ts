import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { bundleWorker, sizeOf } from './worker-bundle.ts';

const root = resolve(import.meta.dirname, '../../..');

it('the bundle for Workers needs nothing of Node but AsyncLocalStorage, and fits into a Worker', async () => {
  const bundle = await bundleWorker({ minify: true });
  console.info(`bundle for Workers, minified: ${sizeOf(bundle)}`);
  expect(bundle.imports).toEqual(['node:async_hooks']);
  expect(bundle.text).not.toMatch(/better-sqlite3|node-postgres|\bpino\b/);
  // The limit of the free plan.
  expect(bundle.gzipBytes).toBeLessThan(3 * 1024 * 1024);
});

it('infra/cloudflare deploys what the tests run', () => {
  const file = resolve(root, 'infra/cloudflare/wrangler.jsonc');
  const config = JSON.parse(readFileSync(file, 'utf8').replace(/^\s*\/\/.*$/gm, ''));
  const [database] = config.d1_databases;
  expect(existsSync(resolve(dirname(file), config.main))).toBe(true);
  expect(readdirSync(resolve(dirname(file), database.migrations_dir))).toContain('0000_start.sql');
  expect([database.binding, config.triggers.crons]).toEqual(['DB', ['* * * * *']]);
  const tested = readFileSync(resolve(root, 'apps/signaling/test/worker.test.ts'), 'utf8');
  expect(tested).toContain(`compatibilityDate: '${config.compatibility_date}'`);
  expect(tested).toContain(`compatibilityFlags: ['${config.compatibility_flags.join("', '")}']`);
});

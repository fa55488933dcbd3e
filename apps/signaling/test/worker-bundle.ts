/**
 * `npm run bundle:worker`: bundles signaling for Cloudflare Workers as wrangler does, fails if something is left in it
 * that Workers do not have, and prints its size. `--out <file>` keeps the bundle.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Modules of Node that Workers have with the flags of `infra/cloudflare/wrangler.jsonc`. */
const provided: readonly string[] = ['node:async_hooks'];

export interface WorkerBundle {
  readonly text: string;
  /** What is left to be imported when it runs. */
  readonly imports: readonly string[];
  readonly bytes: number;
  readonly gzipBytes: number;
}

/** @throws Error if something cannot be bundled or found on Workers */
export async function bundleWorker(options: { minify?: boolean } = {}): Promise<WorkerBundle> {
  const built = await build({
    entryPoints: [join(import.meta.dirname, '../src/entry/worker.ts')],
    bundle: true,
    write: false,
    metafile: true,
    minify: options.minify === true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2024',
    mainFields: ['browser', 'module', 'main'],
    conditions: ['workerd', 'worker', 'browser', 'import'],
    external: [...provided],
    logLevel: 'silent',
  });
  const [output] = Object.values(built.metafile.outputs);
  const imports = [...new Set((output?.imports ?? []).map(({ path }) => path))];
  const { text, contents } = built.outputFiles[0]!;
  const missing = imports.filter((path) => !provided.includes(path));
  if (missing.length > 0) throw new Error(`Workers do not have ${missing.join(', ')}`);
  // What is asked for only when it is needed would fail only then.
  const hidden = [
    ...text.matchAll(/\b(?:require|import)\(\s*["'](node:[a-z_/]+|fs|net|tls|crypto|stream)["']/g),
  ];
  if (hidden.length > 0) throw new Error(`Workers do not have ${hidden.map(([, name]) => name).join(', ')}`);
  return { text, imports, bytes: contents.length, gzipBytes: gzipSync(contents).length };
}

/** Size for people: `1,234.5 KiB, 345.6 KiB gzip`. */
export function sizeOf({ bytes, gzipBytes }: WorkerBundle): string {
  const kib = (count: number) =>
    `${(count / 1024).toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} KiB`;
  return `${kib(bytes)}, ${kib(gzipBytes)} gzip`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { out: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    console.log('Usage: npm run bundle:worker [-- --out <file>]');
  } else {
    const minified = await bundleWorker({ minify: true });
    console.log(`worker: ${sizeOf(await bundleWorker())}; minified: ${sizeOf(minified)}`);
    console.log(`imports of the platform: ${minified.imports.join(', ')}`);
    if (values.out !== undefined) writeFileSync(values.out, minified.text);
  }
}

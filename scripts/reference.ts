import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readDeclarations } from './declarations.ts';
import { referencePages } from './reference-pages.ts';
import { root } from './stages.ts';

const folder = resolve(root, 'docs/reference');

/**
 * `node scripts/reference.ts` writes `docs/reference/` from the doc comments of `packages/sfu`. A test compares
 * the folder with `currentPages()`.
 */
export function currentPages(): Map<string, string> {
  const out = mkdtempSync(join(tmpdir(), 'weir-declarations-'));
  try {
    execFileSync(
      resolve(root, 'node_modules/.bin/tsc'),
      ['-p', 'packages/sfu', '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', out],
      { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const files = globSync('**/*.d.ts', { cwd: out }).filter((file) => !/\.test\.d\.ts$/.test(file));
    const read = (file: string) => readDeclarations(readFileSync(join(out, file), 'utf8'));
    return referencePages(
      files.sort().flatMap(read),
      read('src/index.d.ts').filter(({ kind }) => kind === 'function'),
    );
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** What is in the folder now. */
export function writtenPages(): Map<string, string> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

if (import.meta.main) {
  const pages = currentPages();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
  console.log(`${pages.size} pages in docs/reference`);
}

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
    for (const name of ['sfu', 'ortc']) emitDeclarations(`packages/${name}`, join(out, name));
    const read = (file: string) => readDeclarations(readFileSync(join(out, file), 'utf8'));
    const own = globSync('sfu/**/*.d.ts', { cwd: out }).filter((file) => !/\.test\.d\.ts$/.test(file));
    return referencePages(
      [
        ...own.sort().flatMap(read),
        // Of the negotiation, what the classes show.
        ...read('ortc/src/dictionaries.d.ts'),
        ...read('ortc/src/transport-parameters.d.ts').filter(({ name }) => name === 'IceCandidate'),
      ],
      read('sfu/src/index.d.ts').filter(({ kind }) => kind === 'function'),
    );
  } finally {
    rmSync(out, { recursive: true });
  }
}

function emitDeclarations(project: string, outDir: string): void {
  execFileSync(
    resolve(root, 'node_modules/.bin/tsc'),
    ['-p', project, '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', outDir],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  );
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

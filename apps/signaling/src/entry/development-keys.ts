import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Where the key of development is kept, so that tokens survive a restart and the command line finds it. */
const file = resolve(import.meta.dirname, '../../../../.weir/development-key');

/** The API key of development, made at its first use. Never used in production. */
export async function developmentKeys(): Promise<ReadonlyMap<string, string>> {
  return new Map([['development', await secretIn(file)]]);
}

async function secretIn(path: string): Promise<string> {
  for (;;) {
    const known = (await readFile(path, 'utf8').catch(() => '')).trim();
    if (known.length >= 32) return known;
    await mkdir(dirname(path), { recursive: true });
    // Only one of two starters makes the file; the other reads it.
    await writeFile(path, `${randomBytes(32).toString('hex')}\n`, { flag: 'wx', mode: 0o600 }).catch(
      () => {},
    );
  }
}

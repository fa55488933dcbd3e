// Takes the types out of all TypeScript below the given folders, in place: blanks stay, so that lines and columns of
// stack traces are those of the sources. plain.mjs tells Node that nothing is left to strip.
//
//   node strip-types.mjs FOLDER...      Node 24
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

for (const folder of process.argv.slice(2)) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !path.endsWith('.ts') || path.includes('/node_modules/')) continue;
    writeFileSync(path, stripTypeScriptTypes(readFileSync(path, 'utf8')));
  }
}

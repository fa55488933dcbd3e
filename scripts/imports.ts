import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One import or re-export statement of a source file. */
export interface ImportStatement {
  readonly specifier: string;
  /** `import type …` / `export type …`: gone at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** Source files below `folder`, without build output and dependencies. */
export function sourceFiles(folder: string): string[] {
  const files: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...sourceFiles(path));
    else if (/\.(ts|tsx|mts)$/.test(entry.name)) files.push(path);
  }
  return files;
}

const statement =
  /(?:^|[\n;])\s*(import|export)\s+(type\s+)?(?:[\w*\s{},$]+?\s+from\s+)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g;

/** The imports of one TypeScript text: static, dynamic with a literal, and re-exports. */
export function importsOf(text: string): ImportStatement[] {
  const code = withoutComments(text);
  const found: ImportStatement[] = [];
  for (const match of code.matchAll(statement)) {
    const specifier = match[3] ?? match[4];
    if (specifier === undefined) continue;
    const position = (match.index ?? 0) + match[0].search(/import|export/);
    found.push({
      specifier,
      typeOnly: match[2] !== undefined,
      line: code.slice(0, position).split('\n').length,
    });
  }
  return found;
}

export function importsOfFile(path: string): ImportStatement[] {
  return importsOf(readFileSync(path, 'utf8'));
}

/** Comments blanked out, line numbers kept; strings may contain `//`, so they are stepped over. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (whole, string: string | undefined) => string ?? whole.replace(/[^\n]/g, ' '),
  );
}

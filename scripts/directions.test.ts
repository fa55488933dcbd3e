import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { wrongArrows } from './directions.ts';
import { importsOf } from './imports.ts';

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

function repository(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'directions-'));
  made.push(root);
  for (const group of ['packages', 'apps']) mkdirSync(join(root, group));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(resolve(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const manifest = (...dependencies: string[]) =>
  JSON.stringify({ dependencies: Object.fromEntries(dependencies.map((name) => [name, '*'])) });

test('a machine that imports a shell is a wrong arrow', () => {
  const root = repository({
    'packages/forwarding/package.json': manifest('@weir/udp'),
    'packages/forwarding/src/index.ts': "import { openDgramSocket } from '@weir/udp';\n",
  });
  expect(wrongArrows(root)).toEqual([
    { file: 'packages/forwarding/src/index.ts', line: 1, message: 'forwarding may not import udp' },
  ]);
});

test('an app is imported by nobody, and undeclared packages are named', () => {
  const root = repository({
    'apps/signaling/package.json': manifest(),
    'packages/room/package.json': manifest(),
    'packages/room/src/index.ts': "\nexport * from '@weir/signaling';\nimport pino from 'pino';\n",
  });
  const messages = wrongArrows(root).map(({ line, message }) => `${line} ${message}`);
  expect(messages).toContain("2 nobody imports an app, here '@weir/signaling'");
  expect(messages).toContain("3 'pino' is not among the dependencies of room");
});

test('browser code may not import Node modules, its tests may', () => {
  const root = repository({
    'packages/client/package.json': manifest(),
    'packages/client/src/a.ts': "import { readFileSync } from 'node:fs';\n",
    'packages/client/src/a.test.ts': "import { readFileSync } from 'node:fs';\n",
  });
  expect(wrongArrows(root).map(({ file }) => file)).toEqual(['packages/client/src/a.ts']);
});

test('cycles of values are found, cycles of types are not', () => {
  const root = repository({
    'packages/rtp/package.json': manifest(),
    'packages/rtp/src/a.ts': "import { b } from './b.ts';\n",
    'packages/rtp/src/b.ts': "import { a } from './a.ts';\n",
    'packages/rtp/src/c.ts': "import type { d } from './d.ts';\n",
    'packages/rtp/src/d.ts': "import { c } from './c.ts';\n",
  });
  expect(wrongArrows(root).map(({ message }) => message)).toEqual([
    'cycle of values: src/a.ts -> src/b.ts -> src/a.ts',
  ]);
});

test('imports in comments and strings do not count; dynamic and multi-line ones do', () => {
  const text = [
    "// import x from 'commented';",
    'const url = "http://example.org"; /* import y from "gone" */',
    'import {',
    '  a,',
    "} from 'multi';",
    "const lazy = await import('lazy');",
  ].join('\n');
  expect(importsOf(text).map(({ specifier, line }) => [specifier, line])).toEqual([
    ['multi', 3],
    ['lazy', 6],
  ]);
});

test('this repository has no wrong arrow', () => {
  expect(wrongArrows(resolve(import.meta.dirname, '..'))).toEqual([]);
});

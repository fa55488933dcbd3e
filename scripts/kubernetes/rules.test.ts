import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../stages.ts';

const docs = join(root, 'docs');
const table = readFileSync(join(docs, 'kubernetes-rules.md'), 'utf8');
const rows = [...table.matchAll(/^\| (\d+) \| (.+?) \| (.+) \|$/gm)].map(([, number, rule, kept]) => ({
  number: Number(number),
  rule: rule!,
  kept: kept!,
}));

describe('docs/kubernetes-rules.md', () => {
  it('has all 38 rules in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 38 }, (_, index) => index + 1));
  });

  it('says for each where it is kept, or why not yet', () => {
    for (const { number, kept } of rows) {
      expect(/\]\(\.\.\/|Not yet|Issue 7|`weir_pod_/.test(kept), `rule ${number}`).toBe(true);
    }
  });

  it('names files that exist', () => {
    for (const { number, kept } of rows) {
      for (const [, path] of kept.matchAll(/\]\(([^)]+)\)/g)) {
        expect(existsSync(resolve(docs, path!)), `rule ${number}: ${path}`).toBe(true);
      }
    }
  });

  it('names the checks of manifests by rules that it has', () => {
    const checks = readFileSync(join(root, 'scripts/kubernetes/manifests.test.ts'), 'utf8');
    const numbers = [...checks.matchAll(/^ {2}it\('((?:\d+ )+)/gm)].flatMap(([, text]) =>
      text!.trim().split(' ').map(Number),
    );
    expect(numbers.toSorted((a, b) => a - b)).toEqual([2, 6, 8, 9, 10, 14, 15, 18, 23, 24, 25, 30, 33, 36]);
  });
});

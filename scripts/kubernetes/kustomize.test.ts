import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { applyJsonPatch } from './json-patch.ts';
import { identify, render } from './kustomize.ts';

let folder = '';

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Record<string, string>): string {
  folder = mkdtempSync(join(tmpdir(), 'weir-kustomize-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const head = 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n';
const pod = `apiVersion: apps/v1
kind: Deployment
metadata: { name: a, namespace: n }
spec: { template: { spec: { containers: [{ name: c, image: app:old }] } } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: a, namespace: n }
`;

describe('render()', () => {
  it('reads folders and files, patches the target only, and sets images', () => {
    const root = write({
      'base/kustomization.yaml': `${head}resources: [all.yaml]\nimages: [{ name: app, newName: registry/app, newTag: "2" }]\n`,
      'base/all.yaml': pod,
      'top/kustomization.yaml': `${head}resources: [../base]\npatches:\n  - target: { kind: Deployment, name: a }\n    patch: '[{ op: add, path: /spec/replicas, value: 3 }]'\n`,
    });
    const rendered = render(join(root, 'top'));
    expect(rendered.map(identify)).toEqual(['Deployment n/a', 'ConfigMap n/a']);
    expect(rendered[0]!.spec).toEqual({
      replicas: 3,
      template: { spec: { containers: [{ name: 'c', image: 'registry/app:2' }] } },
    });
    expect(rendered[1]).not.toHaveProperty('spec');
  });

  it.each([
    ['a field that it does not know', `${head}resources: [all.yaml]\nnamePrefix: x-\n`, 'namePrefix'],
    ['a missing file', `${head}resources: [none.yaml]\n`, 'there is no none.yaml'],
    ['the same object twice', `${head}resources: [all.yaml, all.yaml]\n`, 'Deployment n/a stands twice'],
    [
      'a patch for nothing',
      `${head}resources: [all.yaml]\npatches: [{ target: { kind: Job, name: a }, patch: '[]' }]\n`,
      'no Job a to patch',
    ],
    [
      'a strategic merge',
      `${head}resources: [all.yaml]\npatches: [{ target: { kind: ConfigMap, name: a }, patch: 'data: {}' }]\n`,
      'expected array',
    ],
  ])('refuses %s', (_, kustomization, message) => {
    const root = write({ 'kustomization.yaml': kustomization, 'all.yaml': pod });
    expect(() => render(root)).toThrow(message);
  });
});

describe('applyJsonPatch()', () => {
  it('adds, replaces and removes in objects and lists, as RFC 6902 says', () => {
    const target = { list: [1, 2], 'a/b': { c: 1 }, gone: true };
    applyJsonPatch(target, [
      { op: 'add', path: '/list/-', value: 3 },
      { op: 'add', path: '/list/0', value: 0 },
      { op: 'replace', path: '/a~1b/c', value: 2 },
      { op: 'remove', path: '/gone' },
      { op: 'remove', path: '/list/1' },
    ]);
    expect(target).toEqual({ list: [0, 2, 3], 'a/b': { c: 2 } });
  });

  it.each(['/none/x', '/list/9', '/list/x'])('refuses to replace %s, which is not there', (path) => {
    expect(() => applyJsonPatch({ list: [1] }, [{ op: 'replace', path, value: 1 }])).toThrow(RangeError);
  });
});

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from './stages.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-workspaces-'));
afterAll(() => rmSync(folder, { recursive: true }));

function split(what: 'manifests' | 'sources', program: string, ...flags: string[]): string {
  const output = join(folder, program);
  const script = join(root, 'infra/docker/workspaces.mjs');
  execFileSync(process.execPath, [script, what, program, output, ...flags], { cwd: root });
  return output;
}

interface PackageJson {
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifest = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as PackageJson;

describe('infra/docker/workspaces.mjs', () => {
  it.each(['apps/signaling', 'apps/media-pod'])('%s: what it needs at run time, and no more', (program) => {
    const output = split('manifests', program);
    const { workspaces = [], devDependencies } = manifest(join(output, 'package.json'));
    expect(devDependencies).toBeUndefined();
    expect(workspaces).toContain(program);
    expect(workspaces).not.toContain('packages/testing');
    for (const workspace of workspaces) {
      const one = manifest(join(output, workspace, 'package.json'));
      expect(one.devDependencies).toBeUndefined();
      for (const name of Object.keys(one.dependencies ?? {})) {
        if (name.startsWith('@weir/')) expect(workspaces).toContain(`packages/${name.slice(6)}`);
      }
      // The context of the build must have them, too.
      expect(readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')).not.toContain(workspace);
    }
    split('sources', program);
    for (const workspace of workspaces) {
      expect(existsSync(join(output, workspace, 'src/index.ts')) || workspace === program).toBe(true);
      expect(readdirSync(join(output, workspace))).not.toContain('node_modules');
    }
  });

  it('keeps development dependencies of the pages, which are built by them, and of nothing else', () => {
    const output = split('manifests', 'apps/web', '--dev');
    expect(manifest(join(output, 'apps/web/package.json')).devDependencies).toHaveProperty('vite');
    expect(manifest(join(output, 'packages/client/package.json')).devDependencies).toBeUndefined();
  });

  it('says how it is called', () => {
    expect(() => split('nothing' as never, 'apps/web')).toThrow('Usage');
  });
});

describe('infra/docker/Dockerfile', () => {
  it('starts programs that exist', () => {
    const dockerfile = readFileSync(join(root, 'infra/docker/Dockerfile'), 'utf8');
    const programs = [...dockerfile.matchAll(/^CMD \["node", .*"(apps\/.+)"\]$/gm)].map(([, path]) => path!);
    expect(programs).toHaveLength(2);
    // Their sources have no types, and Node must be told (docs/decisions/0050-no-stripping-in-threads.md).
    const told = dockerfile.match(/^CMD \["node", "--import", "\/usr\/local\/lib\/weir\/plain\.mjs", /gm);
    expect(told).toHaveLength(2);
    for (const program of programs) expect(existsSync(join(root, program))).toBe(true);
  });
});

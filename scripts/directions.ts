import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { importsOfFile, sourceFiles } from './imports.ts';

/**
 * Checks who imports whom: the rings of CONTRIBUTING.md, declared dependencies, platform limits, and
 * cycles of values. Prints each wrong arrow with the reason; exits 1 if there is one.
 */

/** What each package's shipped code may import of ours. A package missing here fails the check. */
export const allowed: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  ortc: ['protocol'],
  room: ['protocol', 'ortc'],
  rtp: ['protocol'],
  bwe: ['protocol', 'rtp'],
  'secure-transport': ['protocol', 'ortc', 'room', 'rtp'],
  forwarding: ['protocol', 'ortc', 'room', 'rtp', 'bwe'],
  'forwarding-native': ['forwarding', 'rtp'],
  'media-worker': ['protocol', 'ortc', 'room', 'rtp', 'secure-transport', 'forwarding'],
  udp: ['protocol', 'rtp'],
  db: ['protocol', 'ortc', 'room'],
  'pod-control': ['protocol', 'ortc', 'room'],
  client: ['protocol', 'ortc'],
  sfu: ['protocol', 'ortc', 'room', 'rtp', 'secure-transport', 'forwarding', 'media-worker', 'udp'],
  testing: [
    'protocol',
    'ortc',
    'room',
    'rtp',
    'secure-transport',
    'forwarding',
    'udp',
    'media-worker',
    'client',
  ],
  'apps/signaling': ['protocol', 'ortc', 'room', 'db', 'pod-control'],
  'apps/media-pod': [
    'protocol',
    'rtp',
    'secure-transport',
    'forwarding',
    'forwarding-native',
    'media-worker',
    'udp',
    'pod-control',
  ],
  'apps/web': ['protocol', 'client'],
  'apps/loadgen': [
    'protocol',
    'rtp',
    'secure-transport',
    'forwarding',
    'forwarding-native',
    'media-worker',
    'udp',
    'pod-control',
    'testing',
  ],
};

/** Packages that may name these modules; nobody else may. */
const reserved: readonly { module: RegExp; packages: readonly string[]; why: string }[] = [
  {
    module: /^werift(\/|$)/,
    packages: ['secure-transport', 'testing', 'apps/loadgen'],
    why: 'werift is wrapped by secure-transport',
  },
  { module: /^(node:)?dgram$/, packages: ['udp', 'testing', 'apps/loadgen'], why: 'sockets live in udp' },
  {
    module: /^(drizzle-orm|better-sqlite3|pg)(\/|$)/,
    packages: ['db'],
    why: 'SQL lives in db',
  },
];

/** Code that runs in a browser or at the edge: no Node modules except in the named folders. */
const withoutNode: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  ortc: [],
  room: [],
  client: [],
  'pod-control': [],
  'apps/web': ['vite.config.ts'],
  'apps/signaling': ['src/entry/', 'scripts/'],
  db: ['src/drivers/', 'drizzle', 'scripts/'],
};

export interface WrongArrow {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** All wrong arrows of the repository at `root`. */
export function wrongArrows(root: string): WrongArrow[] {
  const wrong: WrongArrow[] = [];
  for (const member of members(root)) wrong.push(...checkMember(root, member));
  return wrong;
}

interface Member {
  /** `rtp`, `apps/signaling`. */
  readonly key: string;
  readonly folder: string;
  readonly declared: ReadonlySet<string>;
  readonly declaredForTests: ReadonlySet<string>;
}

function members(root: string): Member[] {
  return ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(root, group))
      .filter((name) => existsSync(join(root, group, name, 'package.json')))
      .map((name) => {
        const folder = join(root, group, name);
        const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
          'dependencies' | 'devDependencies' | 'optionalDependencies',
          Record<string, string> | undefined
        >;
        return {
          key: group === 'apps' ? `apps/${name}` : name,
          folder,
          declared: new Set([
            ...Object.keys(manifest.dependencies ?? {}),
            ...Object.keys(manifest.optionalDependencies ?? {}),
          ]),
          declaredForTests: new Set(Object.keys(manifest.devDependencies ?? {})),
        };
      }),
  );
}

function checkMember(root: string, member: Member): WrongArrow[] {
  const wrong: WrongArrow[] = [];
  const may = allowed[member.key];
  if (may === undefined) {
    return [{ file: relative(root, member.folder), line: 1, message: 'has no row in scripts/directions.ts' }];
  }
  const values = new Map<string, string[]>();
  for (const path of sourceFiles(member.folder)) {
    const file = relative(root, path);
    const inside = relative(member.folder, path);
    const forTests = isForTests(inside);
    const edges: string[] = [];
    for (const { specifier, typeOnly, line } of importsOfFile(path)) {
      const complain = (message: string) => wrong.push({ file, line, message });
      if (specifier.startsWith('.')) {
        const target = resolve(dirname(path), specifier);
        if (!target.startsWith(`${member.folder}/`)) complain(`'${specifier}' reaches out of the package`);
        if (!typeOnly) edges.push(target);
        continue;
      }
      const ours = /^@weir\/([^/]+)/.exec(specifier)?.[1];
      if (ours !== undefined) {
        if (existsSync(join(root, 'apps', ours))) complain(`nobody imports an app, here '${specifier}'`);
        else if (!forTests && ours !== member.key && !may.includes(ours)) {
          complain(`${member.key} may not import ${ours}`);
        }
      }
      if (!forTests) {
        for (const rule of reserved) {
          if (rule.module.test(specifier) && !rule.packages.includes(member.key)) {
            complain(`'${specifier}' is not for ${member.key}: ${rule.why}`);
          }
        }
        const exempt = withoutNode[member.key];
        if (/^node:/.test(specifier) && exempt && !exempt.some((folder) => inside.startsWith(folder))) {
          complain(`${member.key} must run without Node, here '${specifier}'`);
        }
      }
      const name = packageNameOf(specifier);
      if (name !== undefined && name !== `@weir/${member.key.replace('apps/', '')}`) {
        const known =
          member.declared.has(name) ||
          (forTests && (member.declaredForTests.has(name) || rootOnly.test(name)));
        if (!known && !(typeOnly && member.declaredForTests.has(name))) {
          if (!forTests || !name.startsWith('@weir/')) {
            complain(`'${name}' is not among the dependencies of ${member.key}`);
          }
        }
      }
    }
    values.set(path, edges);
  }
  for (const cycle of cycles(values)) {
    wrong.push({
      file: relative(root, cycle[0] ?? member.folder),
      line: 1,
      message: `cycle of values: ${cycle.map((path) => relative(member.folder, path)).join(' -> ')}`,
    });
  }
  return wrong;
}

/** Tools that the root declares for all tests, benches and configurations. */
const rootOnly = /^(vitest|fast-check|vite|drizzle-kit|playwright-core)$/;

function isForTests(inside: string): boolean {
  return /(\.test(-d)?\.tsx?$|^test\/|^bench\/|^e2e\/|\.config\.ts$|\/(test|fixtures)\/|test-helpers?\.ts$|\.fixtures?\.ts$)/.test(
    inside,
  );
}

function packageNameOf(specifier: string): string | undefined {
  if (/^(node:|virtual:|data:|\/|cloudflare:)/.test(specifier)) return undefined;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
}

/** Strongly connected files, each once, by depth-first search. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, '..');
  const wrong = wrongArrows(root);
  for (const { file, line, message } of wrong) console.error(`${file}:${line}  ${message}`);
  if (wrong.length > 0) {
    console.error(
      `\n${wrong.length} wrong import${wrong.length === 1 ? '' : 's'}. The rings are in CONTRIBUTING.md.`,
    );
    process.exitCode = 1;
  } else {
    console.log('Imports point the right way.');
  }
}

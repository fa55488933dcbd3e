// Takes apart the repository for the images: a program, the workspaces it needs at run time, and nothing else.
// Runs in the build image with whatever Node that has, therefore plain JavaScript.
//
//   node workspaces.mjs manifests apps/signaling /out   what npm installs from, without devDependencies
//   node workspaces.mjs manifests apps/web /out --dev   the same with the devDependencies of apps/web itself
//   node workspaces.mjs sources apps/signaling /out     everything else of those workspaces
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [what, program, output, ...flags] = process.argv.slice(2);
if (!['manifests', 'sources'].includes(what) || program === undefined || output === undefined) {
  console.error('Usage: node workspaces.mjs manifests|sources WORKSPACE OUTPUT [--dev]');
  process.exit(2);
}

/** Folder of each workspace by the name of its package. */
const folders = new Map(
  ['apps', 'packages']
    .flatMap((group) => readdirSync(group).map((name) => join(group, name)))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => [manifestOf(folder).name, folder]),
);

const needed = new Set();
const open = [program];
for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
  if (needed.has(folder)) continue;
  needed.add(folder);
  const { dependencies, optionalDependencies } = manifestOf(folder);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const ours = folders.get(name);
    if (ours !== undefined) open.push(ours);
  }
}

if (what === 'manifests') {
  const root = manifestOf('.');
  const { name, version, private: isPrivate, type, license } = root;
  write('package.json', { name, version, private: isPrivate, license, type, workspaces: [...needed].sort() });
  for (const folder of needed) {
    const manifest = manifestOf(folder);
    if (!(flags.includes('--dev') && folder === program)) delete manifest.devDependencies;
    // What an install would build is built by the Dockerfile, which stops when that fails.
    delete manifest.scripts;
    write(join(folder, 'package.json'), manifest);
  }
  for (const file of ['package-lock.json', '.npmrc']) cpSync(file, join(output, file));
} else {
  for (const folder of needed) {
    cpSync(folder, join(output, folder), {
      recursive: true,
      filter: (path) => !path.endsWith('/package.json') && !path.includes('/node_modules'),
    });
  }
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function write(file, manifest) {
  const path = join(output, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
}

// Builds the add-on with the machine's C compiler. Runs at install and must never break it: without a
// compiler, or on another system than Linux, Weir uses the node engine.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: {
    // Fails where it can't be built.
    strict: { type: 'boolean', default: false },
    output: { type: 'string', default: join(root, 'build', 'weir-engine.node') },
  },
});
const { strict, output } = values;

function skip(reason) {
  rmSync(output, { force: true });
  console.log(`weir: the native packet engine is not built (${reason}); the node engine will be used`);
  process.exit(strict ? 1 : 0);
}

if (process.env.WEIR_NATIVE === '0') skip('WEIR_NATIVE=0');
if (process.platform !== 'linux') skip(`it needs Linux, this is ${process.platform}`);

let headers;
try {
  headers = createRequire(import.meta.url)('node-api-headers').include_dir;
} catch {
  skip('the package node-api-headers is missing');
}

mkdirSync(dirname(output), { recursive: true });
const sources = readdirSync(join(root, 'native')).filter((name) => name.endsWith('.c'));
const compiler = process.env.CC ?? 'cc';
const { status, stderr, error } = spawnSync(
  compiler,
  [
    ...['-std=gnu11', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-Wall', '-Wextra', '-pthread'],
    ...(strict ? ['-Werror'] : []),
    `-I${headers}`,
    ...sources.map((name) => join(root, 'native', name)),
    ...['-o', output],
  ],
  { encoding: 'utf8' },
);
if (error !== undefined) skip(`no C compiler "${compiler}"`);
if (status !== 0) {
  console.error(stderr);
  skip('it did not compile');
}
if (stderr !== '') console.error(stderr);
console.log('weir: the native packet engine is built');

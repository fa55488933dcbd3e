import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  buildWeirImage,
  ensureDocker,
  ensureLocalBases,
  type ImageBases,
  type WeirProgram,
  weirPrograms,
} from '@weir/testing';
import { root } from './stages.ts';

/** `npm run images`: builds, tags and weighs the images of infra/docker. */
const help = `Builds the images of Weir from this checkout: weir-signaling (with the web pages) and weir-media-pod.

Usage: npm run images -- [options]

  --only NAME          signaling or media-pod. Default: both.
  --tag TAG            Default: the version in package.json. The tag latest is set, too.
  --prefix PREFIX      Put before the name, such as registry.example.com/team/. Default: none.
  --base-image IMAGE   What the images stand on: glibc and libstdc++. Default: debian:bookworm-slim.
  --build-image IMAGE  What builds them: Node 20 or newer and npm on Debian. Default: node:24-bookworm.
  --local-base         Make both bases on this machine (root, debootstrap), for where nothing can be pulled.
  --help               This.

Without --local-base, bases that are neither here nor can be pulled are an error.`;

process.exitCode = await main();

/** @returns exit code */
async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'string') return fail(options);
  if (options.help) {
    console.log(help);
    return 0;
  }
  const missing = await ensureDocker();
  if (missing !== undefined) return fail(`${missing}.`);
  const bases: ImageBases = options.localBase
    ? ensureLocalBases()
    : { base: options.baseImage, build: options.buildImage };
  const tagged: string[] = [];
  for (const program of options.programs) {
    console.log(`\n── ${program}`);
    let id: string;
    try {
      id = buildWeirImage(program, bases, true);
    } catch {
      return fail(
        `The image of ${program} could not be built; the lines above say why. Where no image can be pulled, use --local-base.`,
      );
    }
    const name = `${options.prefix}weir-${program}`;
    for (const tag of [options.tag, 'latest']) execFileSync('docker', ['tag', id, `${name}:${tag}`]);
    tagged.push(`${name}:${options.tag}`);
  }
  console.log('');
  for (const tag of tagged) {
    const bytes = Number(execFileSync('docker', ['image', 'inspect', '--format', '{{.Size}}', tag]));
    console.log(`${tag.padEnd(40)} ${(bytes / 1e6).toFixed(0).padStart(5)} MB`);
  }
  return 0;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        tag: { type: 'string' },
        prefix: { type: 'string', default: '' },
        'base-image': { type: 'string', default: 'debian:bookworm-slim' },
        'build-image': { type: 'string', default: 'node:24-bookworm' },
        'local-base': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const { only } = values;
    const programs = only === undefined ? weirPrograms : weirPrograms.filter((one) => one === only);
    if (programs.length === 0) return `--only must be one of ${weirPrograms.join(', ')}.`;
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return {
      programs: programs as readonly WeirProgram[],
      tag: values.tag ?? version,
      prefix: values.prefix,
      baseImage: values['base-image'],
      buildImage: values['build-image'],
      localBase: values['local-base'],
      help: values.help,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function fail(message: string): number {
  console.error(`${message}\nRun with --help to see all options.`);
  return 1;
}

import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensureBaseImage, ensureDocker, hasImage } from './docker.ts';

/** The images of Weir by their target in infra/docker/Dockerfile. */
export const weirPrograms = ['signaling', 'media-pod'] as const;
export type WeirProgram = (typeof weirPrograms)[number];

export interface ImageBases {
  /** glibc and libstdc++; what is shipped stands on it. */
  readonly base: string;
  /** Node and npm on Debian; nothing of it is shipped. */
  readonly build: string;
}

/**
 * Builds the images of both programs from this checkout, on bases made on this machine. What has not changed comes
 * from Docker's cache, so that of many callers only the first pays (a few minutes with empty caches).
 *
 * @returns a tag for each, that means this very content and nothing that another checkout builds
 * @throws Error when there is no Docker engine, or with the output of a build that failed
 */
export async function ensureWeirImages(): Promise<Readonly<Record<WeirProgram, string>>> {
  const missing = await ensureDocker();
  if (missing !== undefined) throw new Error(missing);
  const bases = ensureLocalBases();
  const tags: Partial<Record<WeirProgram, string>> = {};
  for (const program of weirPrograms) {
    const id = buildWeirImage(program, bases);
    const tag = `weir-${program}:${id.replace('sha256:', '').slice(0, 12)}`;
    execFileSync('docker', ['tag', id, tag]);
    tags[program] = tag;
  }
  return tags as Record<WeirProgram, string>;
}

/**
 * Builds one image.
 *
 * @param show whether the builder's output goes to this terminal
 * @returns its id, `sha256:…`
 * @throws Error with the end of the builder's output
 */
export function buildWeirImage(program: WeirProgram, bases: ImageBases, show = false): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-image-'));
  const idFile = join(folder, 'id');
  try {
    execFileSync(
      'docker',
      [
        'build',
        ...['--file', join(repository, 'infra/docker/Dockerfile'), '--target', program, '--iidfile', idFile],
        ...['--build-arg', `BASE_IMAGE=${bases.base}`, '--build-arg', `BUILD_IMAGE=${bases.build}`],
        repository,
      ],
      {
        stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
        env: builderEnvironment(),
        maxBuffer,
      },
    );
    return readFileSync(idFile, 'utf8').trim();
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: Buffer; stderr?: Buffer };
    const output = `${stdout ?? ''}${stderr ?? ''}`.split('\n').slice(-40).join('\n');
    throw new Error(`the image of ${program} could not be built:\n${output}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bases that need nothing but Debian's packages, and the Node and npm that run this. */
export function ensureLocalBases(): ImageBases {
  const base = ensureBaseImage();
  const build = `weir-build:node-${process.versions.node}`;
  if (hasImage(build)) return { base, build };
  const folder = mkdtempSync(join(tmpdir(), 'weir-build-'));
  try {
    copyFileSync(process.execPath, join(folder, 'node'));
    cpSync(join(npm('root', '--global'), 'npm'), join(folder, 'npm'), { recursive: true, dereference: true });
    // A company's proxy or mirror must be believed inside of the build, too.
    const certificates = process.env.NODE_EXTRA_CA_CERTS;
    if (certificates === undefined) writeFileSync(join(folder, 'certificates.pem'), '');
    else copyFileSync(certificates, join(folder, 'certificates.pem'));
    writeFileSync(
      join(folder, 'npmrc'),
      `registry=${npm('config', 'get', 'registry')}\nupdate-notifier=false\n`,
    );
    execFileSync(
      'docker',
      [
        ...['build', '--quiet', '--tag', build, '--build-arg', `BASE_IMAGE=${base}`],
        ...['--file', join(repository, 'infra/docker/build-base.Dockerfile'), folder],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'], env: builderEnvironment() },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { base, build };
}

function npm(...args: string[]): string {
  return execFileSync('npm', args, { cwd: repository }).toString().trim();
}

/** Without buildx, Docker warns at each build that its old builder will go; it is all that Debian ships. */
function builderEnvironment(): NodeJS.ProcessEnv {
  try {
    execFileSync('docker', ['buildx', 'version'], { stdio: 'ignore' });
    return process.env;
  } catch {
    return { ...process.env, DOCKER_BUILDKIT: '0' };
  }
}

const repository = resolve(import.meta.dirname, '../../..');
const maxBuffer = 64 << 20;

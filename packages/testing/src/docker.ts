import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Docker engine for tests, and images made on this machine where none can be pulled. */

const baseImage = 'weir-debian:bookworm';

/**
 * Makes sure that a Docker engine answers: uses the running one, else starts `dockerd` (as root, installing
 * Debian's package if it is missing).
 *
 * @returns undefined if it answers, else the reason why there is none
 * @throws Error with that reason under CI=true: nothing may be skipped there
 */
export async function ensureDocker(): Promise<string | undefined> {
  // Ryuk would have to be pulled; tests end their containers themselves.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
  if (answers()) return undefined;
  const reason = await start();
  if (reason !== undefined && process.env.CI === 'true') throw new Error(reason);
  return reason;
}

/** Builds an image from one of `infra/docker` on a Debian base made here; a no-op if it exists. */
export function ensureImage(tag: string, dockerfile: string): void {
  if (hasImage(tag)) return;
  const baseImage = ensureBaseImage();
  execFileSync('docker', ['build', '-q', '-t', tag, '--build-arg', `BASE_IMAGE=${baseImage}`, '-'], {
    input: readFileSync(dockerfile),
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
}

/** A minimal Debian, bootstrapped from the package mirror this machine uses. Answers its tag. */
export function ensureBaseImage(): string {
  if (hasImage(baseImage)) return baseImage;
  const folder = mkdtempSync(join(tmpdir(), 'weir-base-'));
  try {
    execFileSync('debootstrap', ['--variant=minbase', 'bookworm', folder, debianMirror()], {
      stdio: 'ignore',
    });
    execFileSync('sh', ['-c', 'tar -C "$0" -c . | docker import - "$1"', folder, baseImage], {
      stdio: 'ignore',
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return baseImage;
}

/** The first mirror of apt's sources. */
function debianMirror(): string {
  const sources = execFileSync('sh', [
    '-c',
    'cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true',
  ]);
  const mirror = /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+)/m.exec(sources.toString())?.[1];
  if (mirror === undefined) throw new Error('apt has no sources, so no base image can be made');
  return mirror;
}

export function hasImage(tag: string): boolean {
  return execFileSync('docker', ['images', '-q', tag]).toString().trim() !== '';
}

function answers(): boolean {
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function start(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'no Docker engine answers, and only root can start one';
  try {
    execFileSync('sh', ['-c', 'command -v dockerd && command -v debootstrap'], { stdio: 'ignore' });
  } catch {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    try {
      execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore', env });
      execFileSync(
        'apt-get',
        ['install', '-y', '-q', '--no-install-recommends', 'docker.io', 'iptables', 'debootstrap'],
        { stdio: 'ignore', env },
      );
    } catch {
      return 'docker.io and debootstrap are not installed and could not be installed';
    }
  }
  const log = join(tmpdir(), 'weir-dockerd.log');
  const output = openSync(log, 'a');
  // Stays for the next test run; it is not ours to end while others may use it.
  spawn('dockerd', [], { detached: true, stdio: ['ignore', output, output] }).unref();
  for (let attempt = 0; attempt < 60; attempt += 1) {
    if (answers()) return undefined;
    await new Promise((done) => setTimeout(done, 500));
  }
  return `dockerd did not come up; see ${log}`;
}

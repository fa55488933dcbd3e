import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs the tests drive, and the Debian packages that bring them. */
const tools = [
  { program: 'chromium', packages: ['chromium'] },
  { program: 'firefox-esr', packages: ['firefox-esr'] },
  { program: 'ffmpeg', packages: ['ffmpeg'] },
  { program: 'openssl', packages: ['openssl'] },
  { program: 'curl', packages: ['curl'] },
  { program: 'gcc', packages: ['gcc', 'libc6-dev'] },
  { program: 'pg_ctlcluster', packages: ['postgresql-15'] },
  { program: 'dockerd', packages: ['docker.io', 'iptables'] },
  { program: 'debootstrap', packages: ['debootstrap'] },
  { program: 'ip', packages: ['iproute2'] },
  { program: 'prometheus', packages: ['prometheus'] },
  { program: 'unshare', packages: ['util-linux'] },
] as const;

/**
 * Installs what is missing where that is possible (root on Debian). Elsewhere it says what is missing:
 * tests that need it then skip loudly, or fail under CI=true.
 */
export function ensureTools(): void {
  const missing = tools.filter(({ program }) => !found(program));
  if (missing.length === 0) return;
  const packages = missing.flatMap((tool) => [...tool.packages]);
  if (process.getuid?.() !== 0 || !found('apt-get')) {
    console.warn(
      `\nNot installed: ${missing.map(({ program }) => program).join(', ')}. Tests that need them are skipped. ` +
        `On Debian: sudo apt-get install ${packages.join(' ')}`,
    );
    return;
  }
  console.log(`\n── installing ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore', env });
  execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
}

function found(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What the built pages are made of, from the root folder. */
const sources = [
  'apps/web/src',
  'apps/web/public',
  'apps/web/index.html',
  'apps/web/vite.config.ts',
  'apps/web/package.json',
  'packages/client/src',
  'packages/protocol/src',
];

/** Whether the pages must be built: never built, or something they are made of is newer. */
export function pagesAreStale(root: string): boolean {
  const built = join(root, 'apps/web/dist/index.html');
  if (!existsSync(built)) return true;
  const builtAt = statSync(built).mtimeMs;
  return sources.some((path) => newest(join(root, path)) > builtAt);
}

/** The latest change in a file or folder, in milliseconds since 1970; 0 = it is not there. */
function newest(path: string): number {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  // A folder's own time tells of files that were taken away.
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), stat.mtimeMs);
}

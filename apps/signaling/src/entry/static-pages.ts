import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import type { Router } from '../http/endpoint.ts';

/**
 * Serves built pages. Paths without a file give `index.html`, so that a page can have addresses of its own.
 *
 * @throws Error when the folder is not there
 */
export async function addStaticPages(router: Router, folder: string): Promise<void> {
  const root = resolve(folder);
  const found = await stat(`${root}/index.html`).catch(() => undefined);
  if (found === undefined) {
    throw new Error(`WEIR_WEB_ROOT: there is no index.html in ${root}; build the pages first.`);
  }
  router.get('/*', serveStatic({ root, onFound: cacheHeaders }));
  router.get('/*', async (c, next) => {
    const wantsPage = /\btext\/html\b/.test(c.req.header('accept') ?? '');
    if (!wantsPage || /^\/(v1|internal|demo)\//.test(c.req.path)) return await next();
    return await serveStatic({ root, path: 'index.html', onFound: cacheHeaders })(c, next);
  });
}

/** Bundlers put a hash into the names below /assets/. */
function cacheHeaders(path: string, c: { header(name: string, value: string): void }): void {
  const lasting = /[\\/]assets[\\/]/.test(path);
  c.header('cache-control', lasting ? 'public, max-age=31536000, immutable' : 'no-cache');
}

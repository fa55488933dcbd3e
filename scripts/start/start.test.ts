import { mkdirSync, mkdtempSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pagesAreStale } from './pages.ts';
import { freeTcpPort, freeUdpPort } from './ports.ts';

describe('pagesAreStale', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'weir-pages-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** Writes a file that looks as if it had been changed at that second. */
  function write(path: string, second: number): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), '');
    touch(path, second);
  }
  function touch(path: string, second: number): void {
    utimesSync(join(root, path), second, second);
  }

  it('is true until they are built, and when anything they are made of is newer', () => {
    write('apps/web/src/app.ts', 100);
    touch('apps/web/src', 100);
    expect(pagesAreStale(root)).toBe(true);
    write('apps/web/dist/index.html', 200);
    expect(pagesAreStale(root)).toBe(false);
    write('packages/client/src/deep/session.ts', 300);
    expect(pagesAreStale(root)).toBe(true);
  });

  it('notices a file that was taken away', () => {
    write('apps/web/src/app.ts', 100);
    write('apps/web/src/old.ts', 100);
    write('apps/web/dist/index.html', 200);
    touch('apps/web/src', 100);
    expect(pagesAreStale(root)).toBe(false);
    unlinkSync(join(root, 'apps/web/src/old.ts'));
    expect(pagesAreStale(root)).toBe(true);
  });
});

describe('ports', () => {
  it('finds any free one, and notices that one is taken', async () => {
    const free = await freeTcpPort(0);
    expect(free).toBeGreaterThan(0);
    expect(await freeUdpPort(0)).toBeGreaterThan(0);
    const server = createServer().listen(free);
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await freeTcpPort(free!)).toBeUndefined();
    server.close();
  });
});

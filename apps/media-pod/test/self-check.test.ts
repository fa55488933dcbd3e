import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { SignalingDouble } from './signaling-double.ts';
import { startPod } from './start-pod.ts';

/** Whether a pod is ready follows from whether it answers where it says. */

const cleanups: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function running(environment: Record<string, string>) {
  const signaling = new SignalingDouble();
  await signaling.start();
  cleanups.push(() => signaling.stop());
  const started = await startPod(signaling, { WEIR_SELF_CHECK: 'on', ...environment });
  cleanups.push(() => started.pod.stop(0));
  const ask = async (path: string) => {
    const response = await fetch(`${started.ref.controlUrl}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return { ...started, signaling, ask };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it did not happen: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

describe('WEIR_SELF_CHECK=on', () => {
  it('makes a pod ready and placeable once all of its workers have answered, and tells signaling nothing of it', async () => {
    const { ask, signaling } = await running({ WEIR_WORKERS: '2' });
    await until('ready', async () => (await ask('/readyz')).status === 200);
    await signaling.until(() => signaling.leases.at(-1)?.placeable === true, 'a placeable lease');
    expect(signaling.leases.every(({ rooms }) => Object.keys(rooms).length === 0)).toBe(true);
    expect(signaling.happenings).toEqual([]);
  });

  it('keeps a pod that nobody reaches alive, but neither ready nor placeable', async () => {
    // A TCP server holds the number, so that nobody answers over UDP there.
    const silent = createServer();
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    cleanups.push(() => silent.close());
    const { port } = silent.address() as { port: number };
    const { ask, signaling } = await running({ WEIR_ANNOUNCED_ADDRESSES: `127.0.0.1:${port}` });
    const why = `media worker 0 does not answer at 127.0.0.1 port ${port} (UDP)`;
    await until('the reason', async () => (await ask('/readyz')).text.includes(why));
    expect((await ask('/readyz')).status).toBe(503);
    expect((await ask('/placeable')).text).toContain(why);
    expect((await ask('/healthz')).status).toBe(200);
    await signaling.until(() => signaling.leases.length > 1, 'leases');
    expect(signaling.leases.some(({ placeable }) => placeable)).toBe(false);
  });
});

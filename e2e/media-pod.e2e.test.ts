import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PodClient } from '@weir/pod-control';
import type { PodLease } from '@weir/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Call, closed } from '../apps/media-pod/test/call.ts';
import { SignalingDouble, secrets } from '../apps/media-pod/test/signaling-double.ts';

const root = join(import.meta.dirname, '..');

/** The pod as a process of its own, as in production. */
function spawnPod(environment: Record<string, string>) {
  const child = spawn(join(root, 'node_modules/.bin/node'), ['apps/media-pod/src/main.ts'], {
    cwd: root,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return {
    child,
    output: () => output,
    exit: once(child, 'exit') as Promise<[number | null, string | null]>,
  };
}

describe('the pod process', () => {
  const signaling = new SignalingDouble();
  const client = new PodClient({ secrets });
  let children: ChildProcess[] = [];

  beforeAll(() => signaling.start());
  afterAll(() => signaling.stop());
  beforeEach(() => {
    signaling.applied.length = 0;
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children = [];
  });

  async function start(environment: Record<string, string> = {}) {
    const pod = spawnPod({
      WEIR_SIGNALING_URL: signaling.url,
      WEIR_POD_SECRETS: secrets.join(),
      WEIR_MEDIA_IP: '127.0.0.1',
      WEIR_MEDIA_PORT: '0',
      WEIR_CONTROL_IP: '127.0.0.1',
      WEIR_CONTROL_PORT: '0',
      WEIR_LEASE_SECONDS: '0.5',
      ...environment,
    });
    children.push(pod.child);
    await signaling.until(() => signaling.leases.length > 0, `a lease; the pod says ${pod.output()}`, 30_000);
    const report = signaling.applied.at(-1)!;
    const lease = signaling.leases.at(-1)!;
    return { ...pod, lease, ref: { id: report.podId, controlUrl: lease.controlUrl } };
  }

  it('two of them on one machine choose their own ports and names', async () => {
    const [first, second] = [await start(), await start()];
    await signaling.until(
      () => new Set(signaling.applied.map(({ podId }) => podId)).size === 2,
      'both',
      30_000,
    );
    const leaseOf = (podId: string): PodLease =>
      signaling.applied.find((report) => report.podId === podId && report.lease !== undefined)!.lease!;
    const [a, b] = [...new Set(signaling.applied.map(({ podId }) => podId))].map(leaseOf) as [
      PodLease,
      PodLease,
    ];
    expect(a.addresses[0]!.port).not.toBe(b.addresses[0]!.port);
    expect(a.controlUrl).not.toBe(b.controlUrl);
    expect(a.fingerprints).not.toEqual(b.fingerprints);
    expect([first.child.exitCode, second.child.exitCode]).toEqual([null, null]);
  });

  it('keeps a call while signaling is away, and ends in order at SIGTERM', async () => {
    const { ref, lease, child, exit } = await start({ WEIR_DRAIN_SECONDS: '0' });
    const call = await Call.start(client, ref, lease);
    await call.say(1);
    await signaling.stop();
    await call.say(2);
    await signaling.start();
    await call.say(3);
    const goodbyes = Promise.all([closed(call.speaker), closed(call.listener)]);
    child.kill('SIGTERM');
    await goodbyes;
    expect(await exit).toEqual([0, null]);
    expect(signaling.leases.at(-1)).toMatchObject({ placeable: false, draining: true });
  });

  it('leaves at once at the second signal', async () => {
    const { ref, lease, child, exit, output } = await start({ WEIR_DRAIN_SECONDS: '600' });
    const call = await Call.start(client, ref, lease);
    child.kill('SIGTERM');
    await signaling.until(() => signaling.leases.at(-1)!.draining, 'the drain');
    await call.say(4);
    child.kill('SIGTERM');
    expect(await exit).toEqual([143, null]);
    expect(output()).toContain('leaving at once');
    call.hangUp();
  });

  it('says what is wrong with its settings and exits with 2', async () => {
    const { exit, output } = spawnPod({ WEIR_SIGNALING_URL: signaling.url, WEIR_MEDIA_PORT: 'many' });
    expect(await exit).toEqual([2, null]);
    expect(output()).toContain('WEIR_POD_SECRETS is missing');
    expect(output()).toContain('WEIR_MEDIA_PORT="many": must be a whole number from 0 to 65535');
    expect(output()).not.toContain('    at ');
  });

  it('says which port is taken and exits with 1', async () => {
    const { lease } = await start();
    const port = String(lease.addresses[0]!.port);
    const { exit, output } = spawnPod({
      WEIR_SIGNALING_URL: signaling.url,
      WEIR_POD_SECRETS: secrets.join(),
      WEIR_MEDIA_IP: '127.0.0.1',
      WEIR_MEDIA_PORT: port,
      WEIR_LOG_LEVEL: 'silent',
    });
    expect(await exit).toEqual([1, null]);
    expect(output()).toContain(`UDP port ${port} is taken: set WEIR_MEDIA_PORT`);
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { PodRef } from '@weir/pod-control';
import type { PodLease } from '@weir/protocol';
import { SignalingDouble, secrets } from '../test/signaling-double.ts';

/** A pod as a process of its own, with somebody who takes its reports. */
export interface PodProcess {
  readonly ref: PodRef;
  readonly lease: PodLease;
  readonly signaling: SignalingDouble;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** `program`: the pod's, from the root. */
export async function startPodProcess(
  environment: Record<string, string>,
  program: readonly string[] = ['apps/media-pod/src/main.ts'],
): Promise<PodProcess> {
  const signaling = new SignalingDouble();
  await signaling.start();
  const child = spawn(process.execPath, program, {
    cwd: resolve(import.meta.dirname, '../../..'),
    env: {
      PATH: process.env.PATH,
      WEIR_SIGNALING_URL: signaling.url,
      WEIR_POD_SECRETS: secrets.join(),
      WEIR_POD_ID: 'bench',
      WEIR_WORKERS: '1',
      WEIR_MEDIA_IP: '127.0.0.1',
      WEIR_MEDIA_PORT: '0',
      WEIR_CONTROL_IP: '127.0.0.1',
      WEIR_CONTROL_PORT: '0',
      WEIR_DRAIN_SECONDS: '0',
      WEIR_LOG_LEVEL: 'warn',
      ...environment,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // However this program ends, the pod does not outlive it.
  process.once('exit', () => child.kill('SIGKILL'));
  await signaling.until(() => signaling.leases.length > 0, 'the first lease', 30_000);
  const lease = signaling.leases[0]!;
  return {
    ref: { id: 'bench', controlUrl: lease.controlUrl },
    lease,
    signaling,
    child,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      await signaling.stop();
    },
  };
}

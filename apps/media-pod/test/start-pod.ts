import { pino } from 'pino';
import { readConfig } from '../src/config.ts';
import { Pod } from '../src/pod.ts';
import { WorkerPool, type WorkerPoolOptions } from '../src/worker-pool.ts';
import { type SignalingDouble, secrets } from './signaling-double.ts';

/** A pod with real sockets and threads. */
export async function startPod(
  signaling: Pick<SignalingDouble, 'url'>,
  environment: Record<string, string> = {},
  options: WorkerPoolOptions = {},
) {
  const config = readConfig({
    WEIR_SIGNALING_URL: signaling.url,
    WEIR_POD_SECRETS: secrets.join(),
    WEIR_POD_ID: 'pod-1',
    WEIR_WORKERS: '1',
    WEIR_MEDIA_IP: '127.0.0.1',
    WEIR_MEDIA_PORT: '0',
    WEIR_CONTROL_IP: '127.0.0.1',
    WEIR_CONTROL_PORT: '0',
    WEIR_LEASE_SECONDS: '0.2',
    WEIR_LOG_LEVEL: 'silent',
    ...environment,
  });
  const log = pino({ level: config.log.level });
  const events: string[] = [];
  const workers = await WorkerPool.start(config, log, options);
  try {
    const pod = await Pod.start({
      config,
      workers,
      log,
      epoch: Date.now(),
      onSuperseded: () => events.push('superseded'),
    });
    return { pod, workers, events, ref: { id: config.podId, controlUrl: pod.controlUrl } };
  } catch (error) {
    await workers.close();
    throw error;
  }
}

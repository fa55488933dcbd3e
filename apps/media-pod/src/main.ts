import { ConfigError, helpText, readConfig } from './config.ts';
import { createLogger, type Logger } from './log.ts';
import { askOutside } from './outside-addresses.ts';
import { Pod } from './pod.ts';
import { version } from './version.ts';
import { WorkerPool } from './worker-pool.ts';

/** Runs one media pod until it is told to stop. */
async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(`${helpText()}\n`);
    return;
  }
  const config = readConfig(process.env);
  const log = createLogger(config.log, config.podId);
  const outside = await askOutside(config.outside, (source, reason) =>
    log.warn({ source, reason }, 'asked for the address of this host, and got none; asking on'),
  );
  const workers = await WorkerPool.start(config, log, { outside });
  const pod = await Pod.start({
    config,
    workers,
    log,
    epoch: Date.now(),
    onSuperseded: () => void stop(1, 0),
  });

  let stopping = false;
  const stop = async (code: number, drainMs: number) => {
    if (stopping) return;
    stopping = true;
    await pod.stop(drainMs);
    process.exit(code);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) {
        log.warn(`${signal} again: leaving at once`);
        process.exit(signal === 'SIGINT' ? 130 : 143);
      }
      log.info(`${signal} received`);
      stop(0, config.drainMs).catch((error: unknown) => die(log, error));
    });
  }
  log.info(
    {
      version,
      control: pod.controlUrl,
      signaling: config.signalingUrls.join(', '),
      workers: config.workers,
      capacity: config.capacity,
    },
    `pod ${config.podId} is up`,
  );
}

function die(log: Logger | undefined, error: unknown): never {
  if (log !== undefined) log.fatal({ err: error }, 'the pod cannot go on');
  else process.stderr.write(`weir media-pod: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) {
    process.stderr.write(`weir media-pod cannot start: ${error.message}\n`);
    process.exit(2);
  }
  die(undefined, error);
});

import { AsyncLocalStorage } from 'node:async_hooks';
import { type Driver, openPostgres, pollingWakeUps } from '@weir/db';
import { PodClient, parsePodSecrets, traceHeaders } from '@weir/pod-control';
import { handle, type LambdaContext, type LambdaEvent, streamHandle } from 'hono/aws-lambda';
import { type App, createApp } from '../app.ts';
import { systemClock } from '../clock.ts';
import { appConfig, ConfigError, readEnvironment } from '../config.ts';
import { noMetrics } from '../metrics.ts';
import { Sweeper } from '../sweeper.ts';
import { asyncScopes } from './async-scopes.ts';
import { consoleLogger } from './console-logger.ts';
import { nodeSender } from './webhook-sender.ts';

/**
 * Signaling on AWS Lambda and what speaks like it, with Postgres. `handler` streams its answers (function URLs and API
 * Gateway in STREAM mode); `bufferedHandler` is for load balancers and gateways that do not; `scheduledHandler` does what
 * must happen without a request, once a minute.
 */

/** Work that must be done before the process is frozen. */
const deferred = new AsyncLocalStorage<Promise<unknown>[]>();
const scopes = asyncScopes();
const apps = new Map<boolean, App>();
let driver: Driver | undefined;

/** Made once per process; what it caches may be lost at any time. */
function appOf(buffered: boolean): App {
  const known = apps.get(buffered);
  if (known !== undefined) return known;
  const env = readEnvironment(process.env);
  if (!/^postgres(ql)?:/.test(env.DATABASE_URL)) {
    throw new ConfigError('DATABASE_URL must begin with postgres:// on Lambda, where no file lasts');
  }
  if (env.WEIR_API_KEYS.size === 0) throw new ConfigError('WEIR_API_KEYS is missing');
  const podSecrets = parsePodSecrets(env.WEIR_POD_SECRETS);
  const config = appConfig(env, { apiKeys: env.WEIR_API_KEYS, podSecrets });
  const logger = consoleLogger(env.WEIR_LOG_LEVEL);
  // A process serves one request at a time.
  driver ??= openPostgres(env.DATABASE_URL, {
    maxConnections: 2,
    onError: (error) => logger.warn({ error: error.message }, 'a database connection was lost'),
  });
  const app = createApp({
    config,
    driver,
    // A frozen process hears no NOTIFY.
    wakeUps: pollingWakeUps(env.WEIR_POLL_MS === undefined ? {} : { pollMs: env.WEIR_POLL_MS }),
    pods: new PodClient({ secrets: podSecrets, headers: () => traceHeaders(scopes.current()?.trace) }),
    scopes,
    clock: systemClock,
    random: () => crypto.getRandomValues(new Uint32Array(1))[0]!,
    logger,
    metrics: noMetrics,
    sendWebhook: nodeSender(config.webhooks),
    bufferedAnswers: buffered,
    defer: (work) => void deferred.getStore()?.push(work),
  });
  apps.set(buffered, app);
  return app;
}

/** Does the work and what it left for after the answer. */
async function whole<T>(work: () => Promise<T>): Promise<T> {
  const left: Promise<unknown>[] = [];
  const result = await deferred.run(left, work);
  // Some of it may leave more.
  for (const one of left) await Promise.allSettled([one]);
  return result;
}

/** Whatever signaling says is text. */
export const bufferedHandler = (event: LambdaEvent, context?: LambdaContext) =>
  whole(() => handle(appOf(true).router, { isContentTypeBinary: () => false })(event, context));

type StreamHandler = (event: LambdaEvent, stream: unknown, context?: LambdaContext) => Promise<void>;
const platform = (globalThis as { awslambda?: { streamifyResponse(handler: StreamHandler): StreamHandler } })
  .awslambda;

/** Streams; without the platform's `awslambda` the same as `bufferedHandler`. */
export const handler =
  platform === undefined
    ? bufferedHandler
    : platform.streamifyResponse((event, stream, context) =>
        whole(() => (streamHandle(appOf(false).router) as unknown as StreamHandler)(event, stream, context)),
      );

/** Sweeps, and delivers webhooks for at most 50 s. */
export const scheduledHandler = (): Promise<void> =>
  whole(async () => {
    const { services } = appOf(true);
    await new Sweeper(services, 60_000).sweep();
    await services.deliverer.drain(50_000);
  });

/** Ends what is open, for those who know when a process ends. */
export async function close(): Promise<void> {
  apps.clear();
  await driver?.close();
  driver = undefined;
}

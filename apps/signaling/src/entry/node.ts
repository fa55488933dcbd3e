import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { migrate, openDatabase } from '@weir/db';
import { PodClient, type PodSecrets, parsePodSecrets, traceHeaders } from '@weir/pod-control';
import pino from 'pino';
import { createApp } from '../app.ts';
import { systemClock } from '../clock.ts';
import {
  type AppConfig,
  appConfig,
  ConfigError,
  describeEnvironment,
  type ProgramConfig,
  readEnvironment,
} from '../config.ts';
import type { Logger } from '../logger.ts';
import { Sweeper } from '../sweeper.ts';
import { asyncScopes } from './async-scopes.ts';
import { developmentKeys } from './development-keys.ts';
import { prometheusMetrics } from './prometheus.ts';
import { addStaticPages } from './static-pages.ts';
import { nodeSender } from './webhook-sender.ts';

/** Signaling on Node. */
async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    console.log(describeEnvironment());
    return;
  }
  const env = readEnvironment(process.env);
  const logger = createLogger(env);
  const config = await secretsAndKeys(env, logger);
  const onError = (error: Error) => logger.warn({ error: error.message }, 'a database connection was lost');
  const { driver, wakeUps } = openDatabase(env.DATABASE_URL, {
    maxConnections: env.WEIR_DATABASE_CONNECTIONS,
    onError,
    ...(env.WEIR_POLL_MS === undefined ? {} : { pollMs: env.WEIR_POLL_MS }),
  });
  const applied = await migrate(driver);
  if (applied.length > 0) logger.info({ applied }, 'the database was migrated');

  const scopes = asyncScopes();
  const app = createApp({
    config,
    driver,
    wakeUps,
    pods: new PodClient({
      secrets: config.podSecrets,
      headers: () => traceHeaders(scopes.current()?.trace),
    }),
    scopes,
    clock: systemClock,
    random: cryptoRandom(),
    logger,
    metrics: prometheusMetrics(),
    sendWebhook: nodeSender(config.webhooks),
  });
  if (env.WEIR_WEB_ROOT !== '') await addStaticPages(app.router, env.WEIR_WEB_ROOT);
  if (config.demo) {
    logger.warn(
      {},
      '!!! WEIR_DEMO=1: POST /demo/session gives a token for any room TO ANYBODY who can reach this server',
    );
  }

  const sweeper = new Sweeper(app.services, env.WEIR_SWEEP_SECONDS * 1000);
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: { keepAliveTimeout: 65_000, noDelay: true },
  });
  // A reader whose machine has gone without a word is noticed within half a minute.
  server.on('connection', (socket) => socket.setKeepAlive(true, 15_000));
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(env.PORT, env.HOST, listening);
  });
  sweeper.start();
  app.services.deliverer.start();
  const { port } = server.address() as AddressInfo;
  logger.info(
    { host: env.HOST, port, database: env.DATABASE_URL.split(':')[0] },
    `signaling listens on port ${port}`,
  );

  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'stopping: streams end now, their readers go on elsewhere');
    const forced = setTimeout(() => process.exit(1), stopDeadlineMs);
    forced.unref();
    app.shutDown();
    await Promise.all([sweeper.stop(), app.services.deliverer.stop()]);
    await closeServer(server);
    await wakeUps.close();
    await driver.close();
    logger.info({}, 'stopped');
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
}

async function secretsAndKeys(env: ProgramConfig, logger: Logger): Promise<AppConfig> {
  const development = env.WEIR_ENV === 'development';
  let apiKeys = env.WEIR_API_KEYS;
  if (apiKeys.size === 0) {
    if (!development) {
      throw new ConfigError(
        'WEIR_API_KEYS is missing: set it to keyId:secret, with a secret from `openssl rand -hex 32`',
      );
    }
    apiKeys = await developmentKeys();
    logger.warn(
      {},
      '!!! no WEIR_API_KEYS: using the API key "development" from .weir/development-key; make tokens with `npm run token -w apps/signaling -- --room demo --name alice`',
    );
  }
  let podSecrets: PodSecrets;
  if (env.WEIR_POD_SECRETS === '' && development) {
    podSecrets = [randomBytes(32).toString('hex')];
    logger.warn(
      {},
      '!!! no WEIR_POD_SECRETS: no media pod can report here; set the same secret here and there',
    );
  } else {
    try {
      podSecrets = parsePodSecrets(env.WEIR_POD_SECRETS);
    } catch (error) {
      throw new ConfigError((error as Error).message, { cause: error });
    }
  }
  return appConfig(env, { apiKeys, podSecrets });
}

function createLogger(env: ProgramConfig): pino.Logger {
  const pretty =
    env.WEIR_LOG_FORMAT === undefined ? process.stdout.isTTY === true : env.WEIR_LOG_FORMAT === 'pretty';
  return pino({
    level: env.WEIR_LOG_LEVEL,
    base: { app: 'signaling' },
    ...(pretty ? { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname,app' } } } : {}),
  });
}

/** Lets answers under way finish; connections that are only kept open end at once. */
async function closeServer(server: ServerType): Promise<void> {
  const idle = setInterval(() => {
    if ('closeIdleConnections' in server) server.closeIdleConnections();
  }, 50);
  const patience = setTimeout(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
  }, stopDeadlineMs / 2);
  await new Promise<void>((closed) => {
    server.close(() => closed());
  });
  clearInterval(idle);
  clearTimeout(patience);
}

/** Uniform in [0, 2^32), drawn in bulk. */
function cryptoRandom(): () => number {
  const drawn = new Uint32Array(256);
  let next = drawn.length;
  return () => {
    if (next === drawn.length) {
      crypto.getRandomValues(drawn);
      next = 0;
    }
    return drawn[next++]!;
  };
}

const stopDeadlineMs = 10_000;

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(`${error.message}\nRun with --help to see all settings.`);
  process.exit(2);
}

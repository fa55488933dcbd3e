import { AsyncLocalStorage } from 'node:async_hooks';
import { type D1Binding, openD1, pollingWakeUps } from '@weir/db';
import { PodClient, parsePodSecrets, traceHeaders } from '@weir/pod-control';
import { type App, createApp } from '../app.ts';
import { systemClock } from '../clock.ts';
import { appConfig, ConfigError, readEnvironment } from '../config.ts';
import { noMetrics } from '../metrics.ts';
import { Sweeper } from '../sweeper.ts';
import { fetchSender } from '../webhooks/sender.ts';
import { asyncScopes } from './async-scopes.ts';
import { consoleLogger } from './console-logger.ts';

/** Signaling on Cloudflare Workers with D1. Migrations are run by the deploy; a cron trigger sweeps. */

interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void;
}

type Bindings = Readonly<Record<string, string | undefined>> & { readonly DB: D1Binding };

/** The context of the request at hand: work after the answer must be told to it. */
const contexts = new AsyncLocalStorage<ExecutionContext>();
const scopes = asyncScopes();
let known: { bindings: Bindings; app: App } | undefined;

export default {
  fetch(request: Request, bindings: Bindings, context: ExecutionContext): Promise<Response> {
    return contexts.run(context, () => appOf(bindings).fetch(request));
  },

  async scheduled(_event: unknown, bindings: Bindings, context: ExecutionContext): Promise<void> {
    await contexts.run(context, async () => {
      const { services } = appOf(bindings);
      await new Sweeper(services, 60_000).sweep();
      await services.deliverer.drain(webhooksForMs);
    });
  },
};

/** Of the 15 minutes that a cron trigger may take; the next one comes in a minute. */
const webhooksForMs = 50_000;

/** Made once per isolate; what it caches may be lost at any time. */
function appOf(bindings: Bindings): App {
  if (known?.bindings === bindings) return known.app;
  const { DB, ...rest } = bindings;
  const env = readEnvironment(rest as Record<string, string | undefined>);
  if (env.WEIR_API_KEYS.size === 0) {
    throw new ConfigError('WEIR_API_KEYS is missing: set it with `wrangler secret put WEIR_API_KEYS`');
  }
  const podSecrets = parsePodSecrets(env.WEIR_POD_SECRETS);
  const config = appConfig(env, { apiKeys: env.WEIR_API_KEYS, podSecrets });
  const app = createApp({
    config,
    driver: openD1(DB),
    wakeUps: pollingWakeUps(env.WEIR_POLL_MS === undefined ? {} : { pollMs: env.WEIR_POLL_MS }),
    pods: new PodClient({ secrets: podSecrets, headers: () => traceHeaders(scopes.current()?.trace) }),
    scopes,
    clock: systemClock,
    random: () => crypto.getRandomValues(new Uint32Array(1))[0]!,
    logger: consoleLogger(env.WEIR_LOG_LEVEL),
    metrics: noMetrics,
    sendWebhook: fetchSender,
    isolatedRequests: true,
    defer: (work) => contexts.getStore()?.waitUntil(work),
  });
  known = { bindings, app };
  return app;
}

import { IceServer } from '@weir/protocol';
import { z } from 'zod';
import { type WebhookSettings, webhookEndpoints, webhookSecrets } from './webhooks/settings.ts';
import { whyNotUrl } from './webhooks/target.ts';

const seconds = (description: string, fallback: number, max = 86_400) =>
  z.coerce.number().positive().max(max).default(fallback).describe(description);
const count = (description: string, fallback: number, max = 1_000_000) =>
  z.coerce.number().int().positive().max(max).default(fallback).describe(description);
const flag = (description: string) =>
  z
    .enum(['0', '1', 'true', 'false'])
    .default('0')
    .transform((value) => value === '1' || value === 'true')
    .describe(description);

const apiKeys = z
  .string()
  .default('')
  .transform((text, context): ReadonlyMap<string, string> => {
    const keys = new Map<string, string>();
    for (const entry of text.split(',').map((part) => part.trim())) {
      if (entry === '') continue;
      const colon = entry.indexOf(':');
      const id = entry.slice(0, colon);
      const secret = entry.slice(colon + 1);
      if (colon < 1 || secret.length < minimumSecretLength) {
        context.addIssue({
          code: 'custom',
          message: `must be keyId:secret,… with secrets of at least ${minimumSecretLength} characters; make one with \`openssl rand -hex 32\``,
        });
        return z.NEVER;
      }
      keys.set(id, secret);
    }
    return keys;
  });

const iceServers = z
  .string()
  .default('[]')
  .transform((text, context): IceServer[] => {
    try {
      return z.array(IceServer).parse(JSON.parse(text));
    } catch {
      context.addIssue({
        code: 'custom',
        message: 'must be JSON: [{"urls":"turn:…","username":"…","credential":"…"}]',
      });
      return z.NEVER;
    }
  });

/** Every variable, its default and what it does. `--help` prints this. */
export const environment = {
  WEIR_ENV: z
    .enum(['development', 'production'])
    .default('production')
    .describe('development makes missing keys by itself and says so; production refuses to start without'),
  PORT: z.coerce.number().int().min(0).max(65535).default(3000).describe('TCP port to listen on; 0 = any'),
  HOST: z.string().default('0.0.0.0').describe('address to listen on'),
  DATABASE_URL: z
    .string()
    .default('file:.weir/weir.sqlite')
    .describe('file:path, file::memory: or postgres://…'),
  WEIR_DATABASE_CONNECTIONS: count('connections to Postgres', 10, 1000),
  WEIR_API_KEYS: apiKeys.describe('keyId:secret,… for tokens; every one verifies'),
  WEIR_POD_SECRETS: z
    .string()
    .default('')
    .describe('secrets shared with media pods, comma-separated; the first signs'),
  WEIR_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('least level that is logged'),
  WEIR_LOG_FORMAT: z.enum(['json', 'pretty']).optional().describe('default: pretty on a terminal, else json'),
  WEIR_CORS_ORIGINS: z
    .string()
    .default('*')
    .describe('origins that browsers may call from, comma-separated; * = all'),
  WEIR_ICE_SERVERS: iceServers.describe('JSON list of STUN and TURN servers handed to clients'),
  WEIR_REGION: z.string().max(64).default('default').describe('pods of this region are preferred'),
  WEIR_ALLOW_PRIVATE_REMOTES: flag(
    '1 = plain transports may send to private and loopback addresses; always so in development',
  ),
  WEIR_MAX_BODY_BYTES: count('longest request body', 262_144, 64 * 1024 * 1024),
  WEIR_MAX_RECEIVERS_PER_PEER: count('receivers one peer may have', 32, 1000),
  WEIR_MAX_TRANSPORTS_PER_PEER: count('transports one peer may have', 16, 1000),
  WEIR_RATE_PER_SECOND: count('requests per second and token, per instance', 50),
  WEIR_RATE_BURST: count('requests a token may make at once, per instance', 200),
  WEIR_PEER_TIMEOUT_SECONDS: z.coerce
    .number()
    .min(2)
    .max(3600)
    .optional()
    .describe('a peer without reader and media is closed after so long (default 20, in development 15)'),
  WEIR_POD_LEASE_SECONDS: seconds('life of a pod lease; without one nothing new is placed there', 15, 600),
  WEIR_POD_LOST_SECONDS: seconds(
    'a pod that neither reports nor answers is given up after so long, and at once if its process is seen to be gone',
    600,
  ),
  WEIR_POD_DEADLINE_SECONDS: seconds('longest wait for a pod when a transport is created', 3, 60),
  WEIR_STREAM_SECONDS: seconds('event streams are ended after about so long, to be resumed', 240, 3600),
  WEIR_HEARTBEAT_SECONDS: seconds('comment on silent event streams', 15, 60),
  WEIR_POLL_MS: z.coerce
    .number()
    .int()
    .min(20)
    .max(60_000)
    .optional()
    .describe('how often readers look by themselves'),
  WEIR_TICKET_SECONDS: seconds('life of a stream ticket for EventSource', 600, 86_400),
  WEIR_EVENT_RETENTION_SECONDS: seconds('events are kept for so long', 600, 86_400),
  WEIR_EVENTS_PER_PEER: count('events kept per peer', 2000),
  WEIR_IDEMPOTENCY_SECONDS: seconds('answers are kept for so long, to be repeated by Idempotency-Key', 600),
  WEIR_IDEMPOTENCY_KEYS_PER_TOKEN: count(
    'answers kept for one token; beyond that the oldest are forgotten',
    5000,
  ),
  WEIR_SWEEP_SECONDS: seconds('how often vanished peers, expired rooms and lost pods are looked for', 2, 600),
  WEIR_WEBHOOKS: webhookEndpoints.describe(
    'JSON list of webhooks called for every room: [{"id":"main","url":"https://…","events":["peer.joined"]}]',
  ),
  WEIR_WEBHOOK_SECRETS: webhookSecrets.describe(
    'whsec_… secrets that sign webhooks, comma-separated; each signs, so that they can be changed',
  ),
  WEIR_WEBHOOK_ALLOW_HTTP: flag('1 = webhooks may use plain http:; always so in development'),
  WEIR_WEBHOOK_ALLOW_PRIVATE: flag(
    '1 = webhooks may lead to private networks and this machine; always so in development',
  ),
  WEIR_WEBHOOK_TIMEOUT_SECONDS: seconds('longest wait for the answer of a webhook', 10, 60),
  WEIR_WEBHOOK_CONCURRENCY: count('webhook calls at once, per instance', 16, 1000),
  WEIR_WEBHOOK_ATTEMPTS: count('attempts before an event is given up for a webhook', 15, 1000),
  WEIR_WEBHOOK_RETENTION_SECONDS: seconds(
    'events that were not delivered, or given up, are kept for so long',
    7 * 86_400,
    90 * 86_400,
  ),
  WEIR_DEMO: flag('1 = POST /demo/session gives a token to anybody'),
  WEIR_WEB_ROOT: z.string().default('').describe('folder of static pages to serve, such as apps/web/dist'),
} as const;

const schema = z.object(environment);
type Parsed = z.infer<typeof schema>;

/** What the app itself uses; `entry/` uses the rest. */
export interface AppConfig {
  readonly environment: 'development' | 'production';
  readonly apiKeys: ReadonlyMap<string, string>;
  readonly podSecrets: readonly [string, ...string[]];
  readonly corsOrigins: '*' | readonly string[];
  readonly iceServers: readonly IceServer[];
  readonly region: string;
  /** Whether plain transports may send to addresses that only a private network or the pod itself reaches. */
  readonly allowPrivateRemotes: boolean;
  readonly maxBodyBytes: number;
  readonly maxReceiversPerPeer: number;
  readonly maxTransportsPerPeer: number;
  readonly ratePerSecond: number;
  readonly rateBurst: number;
  readonly peerTimeoutMs: number;
  readonly podLeaseMs: number;
  readonly podLostMs: number;
  readonly podDeadlineMs: number;
  readonly streamMs: number;
  readonly heartbeatMs: number;
  readonly ticketSeconds: number;
  readonly eventRetentionMs: number;
  readonly eventsPerPeer: number;
  readonly idempotencyMs: number;
  readonly idempotencyKeysPerToken: number;
  readonly webhooks: WebhookSettings;
  readonly demo: boolean;
}

export type ProgramConfig = Parsed;

/** A variable is missing or out of range. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError naming every variable at fault and what to do */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Parsed {
  // An empty variable counts as missing, as compose files and charts like to pass them.
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ConfigError(lines.join('\n'));
}

/**
 * The app's part of the environment.
 *
 * @throws ConfigError when production lacks a key or secret
 */
export function appConfig(
  env: Parsed,
  made: { apiKeys: ReadonlyMap<string, string>; podSecrets: readonly [string, ...string[]] },
): AppConfig {
  const origins = env.WEIR_CORS_ORIGINS.split(',').map((origin) => origin.trim());
  return {
    environment: env.WEIR_ENV,
    apiKeys: made.apiKeys,
    podSecrets: made.podSecrets,
    corsOrigins: origins.includes('*') ? '*' : origins,
    iceServers: env.WEIR_ICE_SERVERS,
    region: env.WEIR_REGION,
    allowPrivateRemotes: env.WEIR_ALLOW_PRIVATE_REMOTES || env.WEIR_ENV === 'development',
    maxBodyBytes: env.WEIR_MAX_BODY_BYTES,
    maxReceiversPerPeer: env.WEIR_MAX_RECEIVERS_PER_PEER,
    maxTransportsPerPeer: env.WEIR_MAX_TRANSPORTS_PER_PEER,
    ratePerSecond: env.WEIR_RATE_PER_SECOND,
    rateBurst: env.WEIR_RATE_BURST,
    peerTimeoutMs: (env.WEIR_PEER_TIMEOUT_SECONDS ?? (env.WEIR_ENV === 'development' ? 15 : 20)) * 1000,
    podLeaseMs: env.WEIR_POD_LEASE_SECONDS * 1000,
    podLostMs: env.WEIR_POD_LOST_SECONDS * 1000,
    podDeadlineMs: env.WEIR_POD_DEADLINE_SECONDS * 1000,
    streamMs: env.WEIR_STREAM_SECONDS * 1000,
    heartbeatMs: env.WEIR_HEARTBEAT_SECONDS * 1000,
    ticketSeconds: env.WEIR_TICKET_SECONDS,
    eventRetentionMs: env.WEIR_EVENT_RETENTION_SECONDS * 1000,
    eventsPerPeer: env.WEIR_EVENTS_PER_PEER,
    idempotencyMs: env.WEIR_IDEMPOTENCY_SECONDS * 1000,
    idempotencyKeysPerToken: env.WEIR_IDEMPOTENCY_KEYS_PER_TOKEN,
    webhooks: webhookSettings(env),
    demo: env.WEIR_DEMO,
  };
}

function webhookSettings(env: Parsed): WebhookSettings {
  const development = env.WEIR_ENV === 'development';
  const settings = {
    endpoints: env.WEIR_WEBHOOKS,
    secrets: env.WEIR_WEBHOOK_SECRETS,
    allowHttp: env.WEIR_WEBHOOK_ALLOW_HTTP || development,
    allowPrivate: env.WEIR_WEBHOOK_ALLOW_PRIVATE || development,
    timeoutMs: env.WEIR_WEBHOOK_TIMEOUT_SECONDS * 1000,
    concurrency: env.WEIR_WEBHOOK_CONCURRENCY,
    attempts: env.WEIR_WEBHOOK_ATTEMPTS,
    retentionMs: env.WEIR_WEBHOOK_RETENTION_SECONDS * 1000,
    pollMs: 1000,
  };
  for (const { id, url, secrets } of settings.endpoints) {
    const reason = whyNotUrl(url, settings);
    if (reason !== undefined) throw new ConfigError(`WEIR_WEBHOOKS: url of "${id}" ${reason}`);
    if (secrets.length === 0 && settings.secrets.length === 0) {
      throw new ConfigError(
        `WEIR_WEBHOOKS: "${id}" has no secrets to sign with; give it some, or set WEIR_WEBHOOK_SECRETS`,
      );
    }
  }
  return settings;
}

/** Text of `--help`. */
export function describeEnvironment(): string {
  const lines = Object.entries(environment).map(([name, variable]) => {
    const parsed = variable.safeParse(undefined);
    const fallback = parsed.success && isPlain(parsed.data) ? ` (default ${String(parsed.data)})` : '';
    return `  ${name.padEnd(30)} ${variable.description ?? ''}${fallback}`;
  });
  return ['Weir signaling. Configuration by environment variables:', '', ...lines, ''].join('\n');
}

function isPlain(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || typeof value === 'number';
}

const minimumSecretLength = 32;

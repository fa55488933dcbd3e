import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { parsePodSecrets } from '@weir/pod-control';
import { PodId } from '@weir/protocol';
import { z } from 'zod';
import { isInterfaceOrNetwork, parseAnnouncedAddresses } from './addresses.ts';
import type { OutsideOptions } from './outside-addresses.ts';
import { parseStunServer } from './stun-client.ts';

const mostWorkers = 64;
const mostWorkersByDefault = 8;
const capacityOfWorker = 500;

/** Everything this program reads from its environment. `--help` is made from the descriptions. */
const Environment = z.object({
  WEIR_SIGNALING_URL: list(httpUrl())
    .refine((urls) => urls.length > 0, 'set it to the address of signaling, such as http://127.0.0.1:3000')
    .describe('Where signaling is; several, comma-separated, are tried in turn. Required.'),
  WEIR_POD_SECRETS: checked(parsePodSecrets).describe(
    'Secrets shared with signaling, comma-separated: the first signs, all verify. At least 32 characters each. Required.',
  ),
  WEIR_POD_ID: PodId.optional().describe('Name of this pod, unique among all. Default: random.'),
  WEIR_ENV: z
    .enum(['production', 'development'])
    .default('production')
    .describe('`development` also announces 127.0.0.1, and stops without waiting for calls to end.'),
  WEIR_REGION: z
    .string()
    .max(64)
    .default('default')
    .describe('Where this pod is; signaling prefers near pods. Default: default.'),
  WEIR_CAPACITY: whole(1, 1_000_000)
    .optional()
    .describe(
      'Transports this pod takes before signaling places elsewhere. Default: 500 for each media worker.',
    ),
  WEIR_TESTED_PPS: whole(1, 100_000_000)
    .optional()
    .describe(
      'Datagrams per second that this pod was seen to send without loss on such a machine (`npm run bench`). Sending as many counts as full. Default: not looked at.',
    ),
  WEIR_LINK_BPS: whole(1, 1_000_000_000_000)
    .optional()
    .describe(
      "Bits per second of the network interface, or this pod's share of it. Sending as many counts as full. Default: not looked at.",
    ),
  WEIR_WORKERS: whole(1, mostWorkers)
    .optional()
    .describe(
      `Media workers: threads with a media port each, from 1 to ${mostWorkers}. A room stays with one of them. Default: the number of processors less one, from 1 to ${mostWorkersByDefault}; 1 in development, and where WEIR_ANNOUNCED_ADDRESSES gives ports.`,
    ),
  WEIR_ENGINE: z
    .enum(['auto', 'native', 'node'])
    .default('auto')
    .describe(
      'What moves the packets: `native` (built at install on Linux with a C compiler, several times faster), `node` (works everywhere), or `auto`: native where it is built. Default: auto.',
    ),

  WEIR_MEDIA_IP: ip()
    .optional()
    .describe('Address to receive media on. Default: every one, IPv6 included where the host has it.'),
  WEIR_MEDIA_PORT: whole(0, 65_535)
    .default(40_000)
    .describe(
      'UDP port for media; further media workers take the ports above it. 0 = any free ones. Default: 40000.',
    ),
  WEIR_MEDIA_TCP: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      'Also take media over TCP, on the same port number, from endpoints that cannot use UDP. Default: on.',
    ),
  WEIR_ANNOUNCED_ADDRESSES: checked(parseAnnouncedAddresses)
    .optional()
    .describe(
      'Where endpoints reach the media ports, comma-separated: `ip` (UDP and TCP), `ip:port` or `[ipv6]:port` (UDP), `ip:port/tcp`; ports given here are those of the first media worker, the next ones have the ports above. Default: WEIR_HOST_IPS, else the addresses of the network interfaces.',
    ),
  WEIR_NODE_NAME: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be the name of a Kubernetes node')
    .optional()
    .describe(
      "The node's name, from the Kubernetes downward API (spec.nodeName): its external addresses are asked of the Kubernetes API and announced. The service account must be allowed to get nodes.",
    ),
  KUBERNETES_SERVICE_HOST: ip().optional().describe('Set by Kubernetes.'),
  KUBERNETES_SERVICE_PORT: whole(1, 65_535).default(443).describe('Set by Kubernetes.'),
  WEIR_CLOUD_METADATA: z
    .enum(['off', 'aws', 'gcp', 'azure'])
    .default('off')
    .describe(
      "Ask the cloud's metadata service for the public address, where the node has none to tell. Default: off.",
    ),
  WEIR_STUN_SERVER: checked(parseStunServer)
    .optional()
    .describe(
      'host or host:port of a STUN server to ask for the public address, where neither node nor cloud tells one. Right only where address translation keeps the port. Default: nobody is asked.',
    ),
  WEIR_SELF_CHECK: z
    .enum(['on', 'off'])
    .default('off')
    .describe(
      'on = the pod is not ready before it has reached each of its media workers at an announced UDP address. Needs a network that leads back to the sender. Default: off.',
    ),
  WEIR_HOST_IPS: list(ip())
    .optional()
    .describe("The node's addresses, from the Kubernetes downward API (status.hostIPs)."),
  WEIR_ANNOUNCE_FROM: list(
    z.string().refine(isInterfaceOrNetwork, 'must be interface names (eth0) or networks (10.0.0.0/8)'),
  )
    .optional()
    .describe(
      'Interfaces (eth0) or networks (10.0.0.0/8) whose addresses are announced, comma-separated. Default: all that are not internal.',
    ),
  WEIR_RECEIVE_BUFFER_BYTES: whole(65_536, 1 << 30)
    .default(4 << 20)
    .describe(
      'Kernel buffer wanted for receiving; the kernel may grant less (net.core.rmem_max). Default: 4194304.',
    ),
  WEIR_SEND_BUFFER_BYTES: whole(65_536, 1 << 30)
    .default(4 << 20)
    .describe('The same for sending (net.core.wmem_max). Default: 4194304.'),
  WEIR_CONSENT_TIMEOUT_MS: whole(0, 60_000)
    .refine((ms) => ms === 0 || ms >= 10_000, 'must be 0 (never) or from 10000 to 60000')
    .default(30_000)
    .describe('Milliseconds without a sign of life until a transport is disconnected. Default: 30000.'),

  WEIR_CONTROL_IP: ip()
    .optional()
    .describe('Address to listen on for calls from signaling. Default: every one.'),
  WEIR_CONTROL_PORT: whole(0, 65_535)
    .default(4000)
    .describe('TCP port for calls from signaling, health and metrics; 0 = any free one. Default: 4000.'),
  WEIR_CONTROL_URL: httpUrl()
    .optional()
    .describe(
      'How signaling reaches the control port. Default: made from WEIR_POD_IP, else from the first network interface.',
    ),
  WEIR_POD_IP: ip()
    .optional()
    .describe("This pod's address, from the Kubernetes downward API (status.podIP)."),

  WEIR_LEASE_SECONDS: z.coerce
    .number()
    .min(0.1, 'must be 0.1 or more')
    .max(60, 'must be 60 or less')
    .default(5)
    .describe('How often the lease is renewed; signaling forgets a pod after three times 15 s. Default: 5.'),
  WEIR_DRAIN_SECONDS: whole(0, 86_400)
    .optional()
    .describe(
      'After SIGTERM: how long to wait for calls to move away. Keep it below terminationGracePeriodSeconds. Default: 25, in development 0.',
    ),
  WEIR_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Default: info.'),
  WEIR_LOG_FORMAT: z
    .enum(['json', 'pretty'])
    .optional()
    .describe('Default: pretty on a terminal, else json.'),
});

export interface Config {
  readonly podId: string;
  readonly development: boolean;
  readonly signalingUrls: readonly [string, ...string[]];
  readonly secrets: ReturnType<typeof parsePodSecrets>;
  readonly region: string;
  readonly capacity: number;
  /** Datagrams and bits per second that count as full; undefined = not looked at. */
  readonly testedPps: number | undefined;
  readonly linkBps: number | undefined;
  /** Media workers, at least 1. */
  readonly workers: number;
  readonly engine: 'auto' | 'native' | 'node';
  readonly media: {
    /** undefined = every address the host has. */
    readonly ip: string | undefined;
    /** Of the first worker; worker n has `port` + n. 0 = any for each. */
    readonly port: number;
    readonly tcp: boolean;
    readonly announced: ReturnType<typeof parseAnnouncedAddresses> | undefined;
    readonly hostIps: readonly string[] | undefined;
    readonly selfCheck: boolean;
    readonly announceFrom: readonly string[] | undefined;
    readonly receiveBufferBytes: number;
    readonly sendBufferBytes: number;
    readonly consentTimeoutMs: number;
  };
  /** Whom to ask for this host's addresses. */
  readonly outside: OutsideOptions;
  readonly control: {
    /** undefined = every address the host has. */
    readonly ip: string | undefined;
    readonly port: number;
    readonly url: string | undefined;
    readonly podIp: string | undefined;
  };
  readonly leaseIntervalMs: number;
  readonly drainMs: number;
  readonly log: { readonly level: z.infer<typeof Environment>['WEIR_LOG_LEVEL']; readonly pretty: boolean };
}

/** One or more settings are missing or wrong; the message names each, and the remedy. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the settings. Empty variables count as missing. `processors`: how many this process may use.
 *
 * @throws ConfigError
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  processors = availableParallelism(),
): Config {
  const given = Object.fromEntries(
    Object.keys(Environment.shape)
      .map((name) => [name, environment[name]?.trim()] as const)
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = Environment.safeParse(given);
  if (!parsed.success) throw new ConfigError(describeIssues(parsed.error, given));
  const env = parsed.data;
  const development = env.WEIR_ENV === 'development';
  const workers = env.WEIR_WORKERS ?? (development || givesPorts(env) ? 1 : workersFor(processors));
  checkPorts(env, workers);
  return {
    podId: env.WEIR_POD_ID ?? `pod-${randomBytes(4).toString('hex')}`,
    development,
    signalingUrls: env.WEIR_SIGNALING_URL as [string, ...string[]],
    secrets: env.WEIR_POD_SECRETS,
    region: env.WEIR_REGION,
    capacity: env.WEIR_CAPACITY ?? capacityOfWorker * workers,
    testedPps: env.WEIR_TESTED_PPS,
    linkBps: env.WEIR_LINK_BPS,
    workers,
    engine: env.WEIR_ENGINE,
    media: {
      ip: env.WEIR_MEDIA_IP,
      port: env.WEIR_MEDIA_PORT,
      tcp: env.WEIR_MEDIA_TCP === 'on',
      announced: env.WEIR_ANNOUNCED_ADDRESSES,
      hostIps: env.WEIR_HOST_IPS,
      selfCheck: env.WEIR_SELF_CHECK === 'on',
      announceFrom: env.WEIR_ANNOUNCE_FROM,
      receiveBufferBytes: env.WEIR_RECEIVE_BUFFER_BYTES,
      sendBufferBytes: env.WEIR_SEND_BUFFER_BYTES,
      consentTimeoutMs: env.WEIR_CONSENT_TIMEOUT_MS,
    },
    outside: outsideOf(env),
    control: {
      ip: env.WEIR_CONTROL_IP,
      port: env.WEIR_CONTROL_PORT,
      url: env.WEIR_CONTROL_URL,
      podIp: env.WEIR_POD_IP,
    },
    leaseIntervalMs: env.WEIR_LEASE_SECONDS * 1000,
    drainMs: (env.WEIR_DRAIN_SECONDS ?? (development ? 0 : 25)) * 1000,
    log: {
      level: env.WEIR_LOG_LEVEL,
      pretty:
        env.WEIR_LOG_FORMAT === undefined ? process.stdout.isTTY === true : env.WEIR_LOG_FORMAT === 'pretty',
    },
  };
}

/** Whoever is told addresses by hand needs to ask nobody. */
function outsideOf(env: z.infer<typeof Environment>): OutsideOptions {
  if (env.WEIR_ANNOUNCED_ADDRESSES !== undefined) {
    return { kubernetes: undefined, metadata: undefined, stun: undefined };
  }
  const { WEIR_NODE_NAME: nodeName, KUBERNETES_SERVICE_HOST: host, WEIR_CLOUD_METADATA: cloud } = env;
  const apiHost = host?.includes(':') ? `[${host}]` : host;
  return {
    kubernetes:
      nodeName === undefined || apiHost === undefined
        ? undefined
        : { nodeName, apiUrl: `https://${apiHost}:${env.KUBERNETES_SERVICE_PORT}`, account: serviceAccount },
    metadata: cloud === 'off' ? undefined : { cloud, url: metadataUrl[cloud] },
    stun: env.WEIR_STUN_SERVER,
  };
}

/** Where Kubernetes puts the pod's credentials. */
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Link-local by the clouds' own documentation; never a name, which could be answered by somebody else. */
const metadataUrl = {
  aws: 'http://169.254.169.254',
  gcp: 'http://169.254.169.254',
  azure: 'http://169.254.169.254',
};

/** One processor is left for the control API, the kernel's network work and the rest of the machine. */
function workersFor(processors: number): number {
  return Math.min(Math.max(processors - 1, 1), mostWorkersByDefault);
}

/** Whoever forwards single ports to this pod must say that there are more of them. */
function givesPorts(env: z.infer<typeof Environment>): boolean {
  return env.WEIR_ANNOUNCED_ADDRESSES?.some(({ at }) => at !== undefined) === true;
}

function checkPorts(env: z.infer<typeof Environment>, workers: number): void {
  const ports: [string, number][] = [
    ['WEIR_MEDIA_PORT', env.WEIR_MEDIA_PORT],
    ...(env.WEIR_ANNOUNCED_ADDRESSES ?? []).map(({ at }): [string, number] => [
      'WEIR_ANNOUNCED_ADDRESSES',
      at?.port ?? 0,
    ]),
  ];
  for (const [name, port] of ports) {
    if (port + workers - 1 <= 65_535) continue;
    throw new ConfigError(
      `${name}: ${workers} media workers need the ports from ${port} to ${port + workers - 1}, and 65535 is the last: take a lower port, or fewer WEIR_WORKERS.`,
    );
  }
}

/** What `--help` prints. */
export function helpText(): string {
  const lines = [
    'Weir media pod: receives and forwards media over one UDP port per worker, as signaling orders.',
    '',
    'Usage: node apps/media-pod/src/main.ts [--help]',
    '',
    'Settings are environment variables:',
    '',
  ];
  for (const [name, schema] of Object.entries(Environment.shape)) {
    lines.push(`  ${name}`, ...wrap(schema.description ?? '', 92).map((line) => `      ${line}`));
  }
  return lines.join('\n');
}

function describeIssues(error: z.ZodError, given: Record<string, string | undefined>): string {
  const lines = error.issues.map((issue) => {
    const name = String(issue.path[0]);
    const value = given[name];
    if (value === undefined) {
      return `  ${name} is missing. ${Environment.shape[name as keyof typeof Environment.shape].description ?? ''}`;
    }
    // A secret that is nearly right must not end up in a log.
    const shown = name === 'WEIR_POD_SECRETS' ? '' : `="${value}"`;
    return `  ${name}${shown}: ${issue.message.replace(`${name}: `, '')}`;
  });
  return `${lines.length === 1 ? 'a setting is' : `${lines.length} settings are`} wrong:\n${lines.join('\n')}\nRun with --help to see all settings.`;
}

function whole(least: number, greatest: number) {
  const message = `must be a whole number from ${least} to ${greatest}`;
  return z
    .string()
    .regex(/^[0-9]{1,13}$/, message)
    .transform(Number)
    .refine((n) => n >= least && n <= greatest, message);
}

function ip() {
  return z.string().refine((text) => isIP(text) !== 0, 'must be an IPv4 or IPv6 address, without a port');
}

function httpUrl() {
  return z
    .string()
    .refine(
      (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
      'must be an http:// or https:// URL',
    )
    .transform((text) => text.replace(/\/+$/, ''));
}

/** Comma-separated. */
function list<S extends z.ZodType<unknown, string>>(item: S) {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item));
}

/** A parser that throws, as a schema. */
function checked<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

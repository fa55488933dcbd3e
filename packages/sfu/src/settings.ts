import { availableParallelism } from 'node:os';
import type { LogLevel, LogSink, LogTag } from './log.ts';

/** One address and protocol to listen on. */
export interface ListenInfo {
  protocol: 'udp' | 'tcp';
  /** Address to bind; `0.0.0.0` and `::` need an `announcedAddress`. */
  ip: string;
  /** Address or host name told to endpoints in place of `ip`. */
  announcedAddress?: string;
  /** Port of the first worker; worker n takes `port + n - 1`. Default: from the worker's share of the range. */
  port?: number;
}

/** Options of `Server()` (object-model.md §3.1). */
export interface CommonServerOptions {
  /** Number of media workers, each with its own port. Default: number of CPUs. */
  numWorkers?: number;
  /** Least level that is logged. Default `debug`. */
  logLevel?: LogLevel;
  /** Restricts `debug` lines to these subjects. Default: all. */
  logTags?: LogTag[];
  /** Where log lines go. Default: errors to `console.error`, the rest to `util.debuglog('weir')`. */
  logger?: LogSink;
  /** Lowest port of the range. Default 10000. */
  rtcMinPort?: number;
  /** Highest port of the range. Default 59999. */
  rtcMaxPort?: number;
  /** Seconds without a consent check until ICE counts as disconnected: 10 to 60, 0 = never. Default 30. */
  iceConsentTimeout?: number;
  /** Anything the application wants to keep with the server. */
  appData?: Record<string, unknown>;
}

/** Where the server listens: by families. */
export interface AddressOptions {
  /** Address to bind, or `true` for the first usable one, or `false` for none. Default `true`. */
  rtcIPv4?: string | boolean;
  /** As `rtcIPv4`. */
  rtcIPv6?: string | boolean;
  /** Told to endpoints in place of the bound address; a host name is fine. */
  rtcAnnouncedIPv4?: string;
  /** As `rtcAnnouncedIPv4`. */
  rtcAnnouncedIPv6?: string;
  webRtcServer?: undefined;
}

/** Where the server listens: exactly. */
export interface ListenOptions {
  /** Exact addresses in place of `rtcIPv4` and its relatives. */
  webRtcServer: { listenInfos: ListenInfo[] };
  rtcIPv4?: undefined;
  rtcIPv6?: undefined;
  rtcAnnouncedIPv4?: undefined;
  rtcAnnouncedIPv6?: undefined;
}

/** The DTLS certificate from files. */
export interface CertificateFiles {
  /** PEM files; both or none. Default: a generated ECDSA P-256 certificate per worker. */
  dtlsCertificateFile: string;
  /** As `dtlsCertificateFile`. */
  dtlsPrivateKeyFile: string;
}

/** A generated DTLS certificate. */
export interface NoCertificateFiles {
  dtlsCertificateFile?: undefined;
  dtlsPrivateKeyFile?: undefined;
}

/** Options of `Server()`: addresses one way or the other, certificate files both or none. */
export type ServerOptions = CommonServerOptions &
  (AddressOptions | ListenOptions) &
  (CertificateFiles | NoCertificateFiles);

/** What `server.updateSettings()` can change. */
export interface ServerUpdateableSettings {
  /** Least level that is logged. */
  logLevel?: LogLevel;
  /** Restricts `debug` lines to these subjects; empty: all. */
  logTags?: LogTag[];
}

/** Settings after defaults: nothing below asks again. */
export interface ServerSettings {
  numWorkers: number;
  logLevel: LogLevel;
  logTags: LogTag[];
  rtcIPv4: string | boolean;
  rtcIPv6: string | boolean;
  rtcAnnouncedIPv4: string | undefined;
  rtcAnnouncedIPv6: string | undefined;
  listenInfos: ListenInfo[] | undefined;
  rtcMinPort: number;
  rtcMaxPort: number;
  certificateFiles: { certificate: string; privateKey: string } | undefined;
  iceConsentTimeoutMs: number;
}

const knownTags: readonly LogTag[] = ['info', 'ice', 'dtls', 'rtp', 'srtp', 'rtcp', 'rbe', 'rtx'];
const levels: readonly LogLevel[] = ['debug', 'warn', 'error'];

const knownKeys = new Set([
  'numWorkers',
  'logLevel',
  'logTags',
  'logger',
  'rtcIPv4',
  'rtcIPv6',
  'rtcAnnouncedIPv4',
  'rtcAnnouncedIPv6',
  'webRtcServer',
  'rtcMinPort',
  'rtcMaxPort',
  'dtlsCertificateFile',
  'dtlsPrivateKeyFile',
  'iceConsentTimeout',
  'appData',
]);

/**
 * Applies the defaults of §3.1; `warn` hears of keys that mean nothing. Input is `unknown`-ish on purpose:
 * JavaScript callers give anything. Throws TypeError for a wrong `logLevel` or `webRtcServer`.
 */
export function readSettings(options: unknown, warn: (message: string) => void): ServerSettings {
  const given = isObject(options) ? options : {};
  for (const key of Object.keys(given)) {
    if (!knownKeys.has(key)) warn(`ignoring the unknown option "${key}"`);
  }
  const rtcIPv4 = readFamily(given.rtcIPv4);
  const rtcIPv6 = readFamily(given.rtcIPv6);
  const { dtlsCertificateFile, dtlsPrivateKeyFile } = given;
  return {
    numWorkers:
      isInteger(given.numWorkers) && given.numWorkers > 0 ? given.numWorkers : availableParallelism(),
    logLevel: given.logLevel === undefined ? 'debug' : readLogLevel(given.logLevel),
    logTags: readLogTags(given.logTags),
    rtcIPv4,
    rtcIPv6,
    rtcAnnouncedIPv4: rtcIPv4 === false ? undefined : readText(given.rtcAnnouncedIPv4),
    rtcAnnouncedIPv6: rtcIPv6 === false ? undefined : readText(given.rtcAnnouncedIPv6),
    listenInfos: given.webRtcServer === undefined ? undefined : readListenInfos(given.webRtcServer),
    rtcMinPort: isInteger(given.rtcMinPort) && given.rtcMinPort >= 1024 ? given.rtcMinPort : 10_000,
    rtcMaxPort: isInteger(given.rtcMaxPort) && given.rtcMaxPort <= 65_535 ? given.rtcMaxPort : 59_999,
    certificateFiles:
      typeof dtlsCertificateFile === 'string' && typeof dtlsPrivateKeyFile === 'string'
        ? { certificate: dtlsCertificateFile, privateKey: dtlsPrivateKeyFile }
        : undefined,
    iceConsentTimeoutMs: readConsentTimeout(given.iceConsentTimeout) * 1000,
  };
}

/** Throws TypeError if it is none of the three levels, in any case of letters. */
export function readLogLevel(value: unknown): LogLevel {
  const level = levels.find((known) => typeof value === 'string' && known === value.toLowerCase());
  if (level === undefined) throw new TypeError(`logLevel must be one of ${levels.join(', ')}`);
  return level;
}

/** Unknown tags are dropped; not an array means none. */
export function readLogTags(value: unknown): LogTag[] {
  if (!Array.isArray(value)) return [];
  return knownTags.filter((tag) => value.includes(tag));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readFamily(value: unknown): string | boolean {
  if (value === false || value === '') return false;
  return typeof value === 'string' ? value : true;
}

function readConsentTimeout(value: unknown): number {
  if (value === 0) return 0;
  if (typeof value !== 'number' || Number.isNaN(value)) return 30;
  return Math.min(60, Math.max(10, value));
}

function readListenInfos(value: unknown): ListenInfo[] {
  const list = isObject(value) ? value.listenInfos : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError('webRtcServer.listenInfos must be an array of at least one listen info');
  }
  return list.map((info: unknown, i) => {
    const where = `webRtcServer.listenInfos[${i}]`;
    if (!isObject(info)) throw new TypeError(`${where} must be an object`);
    const { protocol, ip, announcedAddress, port } = info;
    if (protocol !== 'udp' && protocol !== 'tcp')
      throw new TypeError(`${where}.protocol must be "udp" or "tcp"`);
    if (typeof ip !== 'string' || ip === '') throw new TypeError(`${where}.ip must be an IP address`);
    if ((ip === '0.0.0.0' || ip === '::') && readText(announcedAddress) === undefined) {
      throw new TypeError(
        `${where}.announcedAddress must be given, because ${ip} can't be reached by endpoints`,
      );
    }
    if (port !== undefined && !(isInteger(port) && port >= 1 && port <= 65_535)) {
      throw new TypeError(`${where}.port must be 1 to 65535`);
    }
    return {
      protocol,
      ip,
      ...(readText(announcedAddress) !== undefined && { announcedAddress: readText(announcedAddress)! }),
      ...(port !== undefined && { port }),
    };
  });
}

function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

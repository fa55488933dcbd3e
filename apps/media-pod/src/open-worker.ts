import { networkInterfaces } from 'node:os';
import type { WorkerCertificate } from '@weir/media-worker';
import { openTcpListener, type TcpListener } from '@weir/udp';
import { discoverAddresses, isPrivate } from './addresses.ts';
import type { Config } from './config.ts';
import { InProcessWorker } from './in-process-worker.ts';
import { LateTcpPort } from './late-tcp-port.ts';
import type { Logger } from './log.ts';
import { type OpenedEngine, openEngine } from './open-engine.ts';
import type { OutsideAddresses } from './outside-addresses.ts';
import type { WorkerPorts } from './worker.ts';

export interface OpenWorkerOptions {
  /** Which of the pod's workers this is, from 0. */
  readonly index: number;
  /** That of all workers: a lease tells one. */
  readonly certificate: WorkerCertificate;
  /** Addresses of this host that others told. */
  readonly outside?: OutsideAddresses | undefined;
  /** Those of the worker in whose place this one comes; by default as in the settings. */
  readonly ports?: WorkerPorts;
}

/**
 * Binds the media ports and makes the worker that serves them.
 *
 * @throws Error that names the setting to change when a port is taken or no address can be announced
 */
export async function openWorker(
  config: Config,
  log: Logger,
  options: OpenWorkerOptions,
): Promise<InProcessWorker> {
  const { index } = options;
  const wanted = config.media.port === 0 ? 0 : config.media.port + index;
  const opened = await openUdp(config, options.ports?.udp ?? wanted);
  const { address: bound } = opened;
  let tcp: TcpListener | undefined;
  try {
    tcp = opened.tcp && (await openTcp(bound, options.ports?.tcp ?? wanted));
  } catch (error) {
    opened.engine.close();
    throw error;
  }
  if (tcp !== undefined) opened.tcp?.attach(tcp);
  try {
    const discovery = discoverAddresses({
      bound,
      tcpPort: tcp?.address.port,
      dualStack: bound.ip === '::',
      announced: config.media.announced?.map(({ ip, at }) => ({
        ip,
        at: at && { ...at, port: at.port + index },
      })),
      outside: options.outside,
      hostIps: config.media.hostIps,
      announceFrom: config.media.announceFrom,
      development: config.development,
      interfaces: networkInterfaces(),
    });
    const shown = discovery.addresses.map((one) => `${one.ip} ${one.protocol} ${one.port}`);
    const worker = new InProcessWorker({
      engine: opened.engine,
      tcp,
      certificate: options.certificate,
      addresses: discovery.addresses,
      ports: { udp: bound.port, tcp: tcp?.address.port },
      buffers: granted(opened),
      consentTimeoutMs: config.media.consentTimeoutMs,
      log,
    });
    log.info(
      {
        engine: worker.engine,
        ...(opened.whyNotNative === undefined ? {} : { whyNotNative: opened.whyNotNative }),
        udp: `${bound.ip} port ${bound.port}`,
        tcp: tcp === undefined ? 'off' : `${tcp.address.ip} port ${tcp.address.port}`,
        receiveBufferBytes: opened.recvBufferBytes,
        sendBufferBytes: opened.sendBufferBytes,
      },
      `media worker ${index} is ready`,
    );
    log.info(
      { from: discovery.source, addresses: shown.join(', ') },
      'endpoints are told to send media here',
    );
    if (!config.development && index === 0 && discovery.addresses.every(({ ip }) => isPrivate(ip))) {
      log.warn(
        'only private addresses are announced: endpoints elsewhere cannot send media here. Set WEIR_ANNOUNCED_ADDRESSES, or let WEIR_CLOUD_METADATA or WEIR_STUN_SERVER find the public one',
      );
    }
    warnOfSmallBuffers(config, opened, log);
    return worker;
  } catch (error) {
    opened.engine.close();
    throw error;
  }
}

async function openUdp(
  config: Config,
  port: number,
): Promise<OpenedEngine & { tcp: LateTcpPort | undefined }> {
  const tcp = config.media.tcp ? new LateTcpPort() : undefined;
  try {
    return { ...(await openEngine(config, port, tcp)), tcp };
  } catch (error) {
    throw explained(error, 'UDP', config.media.ip, port);
  }
}

/** On the number of the UDP port, so that one firewall rule serves both. */
async function openTcp(
  { ip, port: udpPort }: { readonly ip: string; readonly port: number },
  wanted: number,
): Promise<TcpListener> {
  const port = wanted === 0 ? udpPort : wanted;
  try {
    return await openTcpListener({ ip, port });
  } catch (error) {
    if (wanted === 0 && codeOf(error) === 'EADDRINUSE') return await openTcpListener({ ip });
    throw explained(error, 'TCP', ip, port);
  }
}

function explained(error: unknown, protocol: 'UDP' | 'TCP', ip: string | undefined, port: number): Error {
  const code = codeOf(error);
  const off = protocol === 'TCP' ? ', or switch TCP off with WEIR_MEDIA_TCP=off' : '';
  if (code === 'EADDRINUSE') {
    return new Error(
      `${protocol} port ${port} is taken: set WEIR_MEDIA_PORT to another one, or to 0 for any${off}.`,
      {
        cause: error,
      },
    );
  }
  if (code === 'EADDRNOTAVAIL') {
    return new Error(`WEIR_MEDIA_IP=${ip} is not an address of this host.`, { cause: error });
  }
  if (code === 'EACCES') {
    return new Error(
      `${protocol} port ${port} needs privileges: set WEIR_MEDIA_PORT to 1024 or above${off}.`,
      {
        cause: error,
      },
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}

function warnOfSmallBuffers(config: Config, udp: OpenedEngine, log: Logger): void {
  const wanted = { receiveBytes: config.media.receiveBufferBytes, sendBytes: config.media.sendBufferBytes };
  const got = granted(udp);
  if (got.receiveBytes >= wanted.receiveBytes && got.sendBytes >= wanted.sendBytes) return;
  log.warn(
    { wanted, granted: got },
    'the kernel grants smaller socket buffers than wanted; under load it will drop datagrams. Raise net.core.rmem_max and net.core.wmem_max',
  );
}

function granted(udp: OpenedEngine): { receiveBytes: number; sendBytes: number } {
  // Linux answers double of what it grants.
  const factor = process.platform === 'linux' ? 2 : 1;
  return { receiveBytes: udp.recvBufferBytes / factor, sendBytes: udp.sendBufferBytes / factor };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  // The native engine has a code for some errors only.
  if (error.message.includes('Permission denied')) return 'EACCES';
  return 'code' in error ? String(error.code) : '';
}

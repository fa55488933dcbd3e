import { networkInterfaces } from 'node:os';
import { NodeEngine } from '@weir/forwarding';
import { createCertificate } from '@weir/secure-transport';
import { type DgramSocket, openDgramSocket, openTcpListener, type TcpListener } from '@weir/udp';
import { discoverAddresses } from './addresses.ts';
import type { Config } from './config.ts';
import { InProcessWorker } from './in-process-worker.ts';
import type { Logger } from './log.ts';
import type { Worker } from './worker.ts';

/**
 * Binds the media ports and makes the worker that serves them.
 *
 * @throws Error that names the setting to change when a port is taken or no address can be announced
 */
export async function openWorker(config: Config, log: Logger): Promise<Worker> {
  const udp = await openUdp(config);
  const tcp = config.media.tcp ? await openTcp(config, udp) : undefined;
  const bound = udp.address;
  log.info(
    {
      udp: `${bound.ip} port ${bound.port}`,
      tcp: tcp === undefined ? 'off' : `${tcp.address.ip} port ${tcp.address.port}`,
      receiveBufferBytes: udp.recvBufferBytes,
      sendBufferBytes: udp.sendBufferBytes,
    },
    'media ports are open',
  );
  warnOfSmallBuffers(config, udp, log);

  const discovery = discoverAddresses({
    bound,
    tcpPort: tcp?.address.port,
    dualStack: bound.ip === '::',
    announced: config.media.announced,
    hostIps: config.media.hostIps,
    announceFrom: config.media.announceFrom,
    development: config.development,
    interfaces: networkInterfaces(),
  });
  const shown = discovery.addresses.map((one) => `${one.ip} ${one.protocol} ${one.port}`);
  log.info({ from: discovery.source, addresses: shown.join(', ') }, 'endpoints are told to send media here');

  const certificate = createCertificate();
  const worker = new InProcessWorker({
    engine: new NodeEngine(tcp === undefined ? { udp } : { udp, tcp }),
    tcp,
    certificate,
    addresses: discovery.addresses,
    port: bound.port,
    consentTimeoutMs: config.media.consentTimeoutMs,
    log,
  });
  log.info({ engine: worker.engine }, 'media worker is ready');
  return worker;
}

async function openUdp(config: Config): Promise<DgramSocket> {
  const { ip, port, receiveBufferBytes, sendBufferBytes } = config.media;
  const options = { port, recvBufferBytes: receiveBufferBytes, sendBufferBytes };
  try {
    if (ip !== undefined) return await openDgramSocket({ ip, ...options });
    try {
      return await openDgramSocket({ ip: '::', ...options });
    } catch (error) {
      // A host without IPv6.
      if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(codeOf(error))) throw error;
      return await openDgramSocket({ ip: '0.0.0.0', ...options });
    }
  } catch (error) {
    throw explained(error, 'UDP', ip, port);
  }
}

/** On the number of the UDP port, so that one firewall rule serves both. */
async function openTcp(config: Config, udp: DgramSocket): Promise<TcpListener> {
  const { ip, port } = udp.address;
  try {
    return await openTcpListener({ ip, port });
  } catch (error) {
    if (config.media.port === 0 && codeOf(error) === 'EADDRINUSE') return await openTcpListener({ ip });
    udp.close();
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

function warnOfSmallBuffers(config: Config, udp: DgramSocket, log: Logger): void {
  const wanted = { receive: config.media.receiveBufferBytes, send: config.media.sendBufferBytes };
  // Linux answers double of what it grants.
  const factor = process.platform === 'linux' ? 2 : 1;
  const granted = { receive: udp.recvBufferBytes / factor, send: udp.sendBufferBytes / factor };
  if (granted.receive >= wanted.receive && granted.send >= wanted.send) return;
  log.warn(
    { wanted, granted },
    'the kernel grants smaller socket buffers than wanted; under load it will drop datagrams. Raise net.core.rmem_max and net.core.wmem_max',
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

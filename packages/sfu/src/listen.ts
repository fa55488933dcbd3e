import { isIPv4, isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { PodAddress } from '@weir/protocol';
import { type DgramSocket, openDgramSocket, openTcpListener, type TcpListener } from '@weir/udp';
import type { Log } from './log.ts';
import { portRangeOf, portsFrom } from './port-range.ts';
import { random32 } from './random.ts';
import type { ListenInfo, ServerSettings } from './settings.ts';

export interface OpenPorts {
  readonly udp: DgramSocket[];
  readonly tcp: TcpListener[];
  /** As told to endpoints. */
  readonly addresses: PodAddress[];
}

/**
 * Binds the addresses of worker `number` (from 1): one UDP and one TCP port per family, all with the same
 * number where that is free. Rejects with Error if nothing can be bound, or an address was asked for that
 * can't be (object-model.md §3.1).
 */
export async function openPorts(settings: ServerSettings, number: number, log: Log): Promise<OpenPorts> {
  const range = portRangeOf(number, settings.numWorkers, settings.rtcMinPort, settings.rtcMaxPort);
  const infos = settings.listenInfos ?? (await defaultListenInfos(settings, log));
  if (infos.length === 0) throw new Error('no usable IP address: give rtcIPv4 or rtcIPv6');
  const floating = infos.filter(({ port }) => port === undefined);
  const open = await openAtFixedPorts(
    infos.filter(({ port }) => port !== undefined),
    number,
  );
  try {
    if (floating.length > 0) await openAtSamePort(open, floating, portsFrom(range, random32()));
    return open;
  } catch (error) {
    closePorts(open);
    throw error;
  }
}

export function closePorts({ udp, tcp }: OpenPorts): void {
  for (const socket of [...udp, ...tcp]) socket.close();
}

async function openAtFixedPorts(infos: readonly ListenInfo[], number: number): Promise<OpenPorts> {
  const open: OpenPorts = { udp: [], tcp: [], addresses: [] };
  try {
    for (const info of infos) await openOne(open, info, info.port! + number - 1);
    return open;
  } catch (error) {
    closePorts(open);
    throw error;
  }
}

/** Tries port by port until one is free for all. */
async function openAtSamePort(open: OpenPorts, infos: readonly ListenInfo[], ports: Iterable<number>) {
  for (const port of ports) {
    const attempt: OpenPorts = { udp: [], tcp: [], addresses: [] };
    try {
      for (const info of infos) await openOne(attempt, info, port);
      open.udp.push(...attempt.udp);
      open.tcp.push(...attempt.tcp);
      open.addresses.push(...attempt.addresses);
      return;
    } catch (error) {
      closePorts(attempt);
      if (!isPortTaken(error)) throw error;
    }
  }
  throw new Error('no free port in the range of this worker: widen rtcMinPort and rtcMaxPort');
}

async function openOne(open: OpenPorts, { protocol, ip, announcedAddress }: ListenInfo, port: number) {
  if (protocol === 'udp') open.udp.push(await openDgramSocket({ ip, port }));
  else open.tcp.push(await openTcpListener({ ip, port }));
  open.addresses.push({
    ip: announcedAddress ?? ip,
    family: isIPv6(ip) ? 'ipv6' : 'ipv4',
    protocol,
    port,
  });
}

/** UDP/IPv4, UDP/IPv6, TCP/IPv4, TCP/IPv6 as far as `rtcIPv4` and `rtcIPv6` allow. */
async function defaultListenInfos(settings: ServerSettings, log: Log): Promise<ListenInfo[]> {
  const found = [
    { ip: await usableIp('IPv4', settings.rtcIPv4, log), announcedAddress: settings.rtcAnnouncedIPv4 },
    { ip: await usableIp('IPv6', settings.rtcIPv6, log), announcedAddress: settings.rtcAnnouncedIPv6 },
  ];
  return (['udp', 'tcp'] as const).flatMap((protocol) =>
    found.flatMap(({ ip, announcedAddress }): ListenInfo[] => {
      if (ip === undefined) return [];
      return [announcedAddress === undefined ? { protocol, ip } : { protocol, ip, announcedAddress }];
    }),
  );
}

/** @throws Error if the address was given and can't be used. */
async function usableIp(
  family: 'IPv4' | 'IPv6',
  wanted: string | boolean,
  log: Log,
): Promise<string | undefined> {
  if (wanted === false) return undefined;
  const isFamily = family === 'IPv4' ? isIPv4 : isIPv6;
  if (typeof wanted === 'string') {
    if (!isFamily(wanted) || /^(0\.0\.0\.0|[:0]+)$/.test(wanted)) {
      throw new Error(`rtc${family}: "${wanted}" is not an ${family} address to listen on`);
    }
    const refusal = await bindRefusal(wanted);
    if (refusal !== undefined) {
      throw new Error(`rtc${family}: can't bind ${wanted}; give an address of this host`, { cause: refusal });
    }
    return wanted;
  }
  for (const ip of externalIps(family)) {
    if ((await bindRefusal(ip)) === undefined) return ip;
  }
  log.warn(`no bindable ${family} address found; going without`);
  return undefined;
}

function externalIps(family: 'IPv4' | 'IPv6'): string[] {
  return Object.values(networkInterfaces())
    .flatMap((infos) => infos ?? [])
    .filter((info) => info.family === family && !info.internal && !isLinkLocal(info))
    .map(({ address }) => address);
}

/** Can't be bound without naming the interface. */
function isLinkLocal(info: NetworkInterfaceInfo): boolean {
  return info.family === 'IPv6' && info.scopeid !== 0;
}

async function bindRefusal(ip: string): Promise<unknown> {
  try {
    (await openDgramSocket({ ip, port: 0 })).close();
    return undefined;
  } catch (error) {
    return error;
  }
}

function isPortTaken(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EADDRINUSE' || code === 'EACCES';
}

import { BlockList, isIP, isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { PodAddress } from '@weir/protocol';
import type { OutsideAddresses } from './outside-addresses.ts';

/** An address given by hand: for one protocol and port, or, without them, for every bound port. */
export interface AnnouncedAddress {
  readonly ip: string;
  readonly at: { readonly protocol: 'udp' | 'tcp'; readonly port: number } | undefined;
}

export interface DiscoveryInput {
  /** What was really bound. */
  readonly bound: { readonly ip: string; readonly port: number; readonly family: 'ipv4' | 'ipv6' };
  /** undefined = no TCP. */
  readonly tcpPort: number | undefined;
  /** A socket on `::` that also receives IPv4. */
  readonly dualStack: boolean;
  readonly announced: readonly AnnouncedAddress[] | undefined;
  /** What was asked of others; undefined = nobody was asked, or nobody knew. */
  readonly outside: OutsideAddresses | undefined;
  readonly hostIps: readonly string[] | undefined;
  readonly announceFrom: readonly string[] | undefined;
  readonly development: boolean;
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
}

export interface Discovery {
  readonly addresses: readonly PodAddress[];
  /** Which of the fixed order gave them. */
  readonly source:
    | 'WEIR_ANNOUNCED_ADDRESSES'
    | OutsideAddresses['source']
    | 'WEIR_HOST_IPS'
    | 'WEIR_MEDIA_IP'
    | 'network interfaces';
}

/**
 * Reads `WEIR_ANNOUNCED_ADDRESSES`: `192.0.2.7, 192.0.2.8:30001, [2001:db8::7]:30001, 192.0.2.8:443/tcp`.
 *
 * @throws RangeError naming the entry that is no address
 */
export function parseAnnouncedAddresses(text: string): readonly AnnouncedAddress[] {
  const entries = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (entries.length === 0) throw new RangeError('has no address; leave it out to announce the interfaces');
  return entries.map((entry) => {
    if (isIP(entry) !== 0) return { ip: entry, at: undefined };
    const parts = /^(?:\[([^\]]+)\]|([0-9.]+)):([0-9]{1,5})(?:\/(udp|tcp))?$/.exec(entry);
    const ip = parts?.[1] ?? parts?.[2] ?? '';
    const port = Number(parts?.[3]);
    if (isIP(ip) !== (parts?.[1] === undefined ? 4 : 6) || port < 1 || port > 65_535) {
      throw new RangeError(
        `"${entry}" is no address; write 192.0.2.7, 192.0.2.7:30001, [2001:db8::7]:30001 or 192.0.2.7:443/tcp`,
      );
    }
    return { ip, at: { protocol: parts?.[4] === 'tcp' ? 'tcp' : 'udp', port } };
  });
}

/**
 * What endpoints are told to send media to, in a fixed order: given by hand; asked of the node, the cloud or a STUN
 * server (askOutside()); the host's addresses from Kubernetes, which also fill in a family that was not found
 * outside, if they are public; the address that media is bound to; the network interfaces. In development 127.0.0.1 comes
 * last, so that a browser on the same machine connects without any network. A family that the socket
 * cannot receive is left out.
 *
 * @throws RangeError when nothing is left, with the remedy
 */
export function discoverAddresses(input: DiscoveryInput): Discovery {
  const receives = (ip: string) => input.dualStack || (isIPv4(ip) ? 'ipv4' : 'ipv6') === input.bound.family;
  const addressOf = (ip: string, protocol: 'udp' | 'tcp', port: number): PodAddress => ({
    ip,
    family: isIPv4(ip) ? 'ipv4' : 'ipv6',
    protocol,
    port,
  });
  const onEveryPort = (ip: string) => [
    addressOf(ip, 'udp', input.bound.port),
    ...(input.tcpPort === undefined ? [] : [addressOf(ip, 'tcp', input.tcpPort)]),
  ];

  // What somebody wrote down is announced as it stands: a load balancer may translate families.
  if (input.announced !== undefined) {
    return {
      source: 'WEIR_ANNOUNCED_ADDRESSES',
      addresses: input.announced.flatMap(({ ip, at }) =>
        at === undefined ? onEveryPort(ip) : [addressOf(ip, at.protocol, at.port)],
      ),
    };
  }
  const found = firstFound(input);
  const ips = found.ips.filter(receives);
  if (input.development && canReachLoopback(input) && !ips.includes('127.0.0.1')) ips.push('127.0.0.1');
  if (ips.length === 0) {
    throw new RangeError(
      `no address to announce: ${found.source} gave ${found.ips.length === 0 ? 'none' : `only ${found.ips.join(', ')}, which the media socket (${input.bound.family}) cannot receive`}. Set WEIR_ANNOUNCED_ADDRESSES to where endpoints reach UDP port ${input.bound.port}.`,
    );
  }
  return { source: found.source, addresses: ips.flatMap(onEveryPort) };
}

function firstFound(input: DiscoveryInput): { source: Discovery['source']; ips: string[] } {
  const { outside } = input;
  if (outside !== undefined && outside.ips.length > 0) {
    const families = new Set(outside.ips.map(isIPv4));
    const others = (input.hostIps ?? []).filter((ip) => !families.has(isIPv4(ip)) && !isPrivate(ip));
    return { source: outside.source, ips: [...outside.ips, ...others] };
  }
  if (input.hostIps !== undefined && input.hostIps.length > 0) {
    return { source: 'WEIR_HOST_IPS', ips: [...input.hostIps] };
  }
  if (!isUnspecified(input.bound.ip)) return { source: 'WEIR_MEDIA_IP', ips: [input.bound.ip] };
  return { source: 'network interfaces', ips: interfaceAddresses(input.interfaces, input.announceFrom) };
}

/**
 * Addresses of interfaces, IPv4 before IPv6; without internal and link-local ones. `from` restricts them to
 * interface names and networks (CIDR).
 */
export function interfaceAddresses(
  interfaces: DiscoveryInput['interfaces'],
  from: readonly string[] | undefined,
): string[] {
  const names = new Set(from?.filter((one) => !one.includes('/')));
  const networks = new BlockList();
  for (const one of from ?? []) {
    const [net, bits] = one.split('/');
    if (bits !== undefined) networks.addSubnet(net!, Number(bits), isIPv4(net!) ? 'ipv4' : 'ipv6');
  }
  const ips: string[] = [];
  for (const [name, infos] of Object.entries(interfaces)) {
    for (const info of infos ?? []) {
      const chosen =
        from === undefined
          ? !info.internal && !/^(169\.254\.|fe[89ab])/i.test(info.address)
          : names.has(name) || networks.check(info.address, info.family === 'IPv4' ? 'ipv4' : 'ipv6');
      if (chosen && !ips.includes(info.address)) ips.push(info.address);
    }
  }
  return [...ips.filter((one) => isIPv4(one)), ...ips.filter((one) => !isIPv4(one))].slice(0, mostAnnounced);
}

/** Whether `WEIR_ANNOUNCE_FROM` may hold this: the name of an interface, or a network as `10.0.0.0/8`. */
export function isInterfaceOrNetwork(text: string): boolean {
  const [net, bits, more] = text.split('/');
  if (bits === undefined) return /^[A-Za-z0-9._@:-]+$/.test(text);
  const family = isIP(net!);
  return (
    more === undefined &&
    family !== 0 &&
    /^[0-9]{1,3}$/.test(bits) &&
    Number(bits) <= (family === 4 ? 32 : 128)
  );
}

/** Whether a datagram sent to 127.0.0.1 arrives. */
function canReachLoopback(input: DiscoveryInput): boolean {
  return input.bound.ip === '0.0.0.0' || input.bound.ip === '127.0.0.1' || input.dualStack;
}

export function isUnspecified(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

/** Whether only a private network, this link or this host reaches the address. */
export function isPrivate(ip: string): boolean {
  return privateNetworks.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6');
}

const privateNetworks = new BlockList();
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  privateNetworks.addSubnet(net, bits, 'ipv4');
}
for (const [net, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  privateNetworks.addSubnet(net, bits, 'ipv6');
}

/** Each announced address costs every endpoint some connectivity checks. */
const mostAnnounced = 8;

import { readFile } from 'node:fs/promises';

/** What the kernel knows of lost datagrams and stolen time. A value that this system does not give is undefined. */
export interface KernelCounters {
  /** Datagrams dropped because a receive buffer was full, in this network namespace. */
  readonly receiveBufferErrors: number | undefined;
  readonly sendBufferErrors: number | undefined;
  /** Datagrams dropped at the media sockets, in the order of the ports asked for. */
  readonly socketDrops: readonly (number | undefined)[];
  /** Periods in which the CPU limit stopped this container, and for how long. */
  readonly throttledPeriods: number | undefined;
  readonly throttledSeconds: number | undefined;
  readonly conntrackEntries: number | undefined;
  readonly conntrackLimit: number | undefined;
}

/** Reads the counters of Linux; elsewhere every value is undefined. */
export async function readKernelCounters(mediaPorts: readonly number[]): Promise<KernelCounters> {
  const [snmp, snmp6, udp, udp6, cpu, entries, limit] = await Promise.all(
    [
      '/proc/net/snmp',
      '/proc/net/snmp6',
      '/proc/net/udp',
      '/proc/net/udp6',
      '/sys/fs/cgroup/cpu.stat',
      '/proc/sys/net/netfilter/nf_conntrack_count',
      '/proc/sys/net/netfilter/nf_conntrack_max',
    ].map((path) => readFile(path, 'utf8').catch(() => undefined)),
  );
  const udpCounters = parseSnmp(snmp ?? '', 'Udp');
  const throttledMicros = parsePairs(cpu ?? '').get('throttled_usec');
  return {
    receiveBufferErrors: sum(
      udpCounters.get('RcvbufErrors'),
      parsePairs(snmp6 ?? '').get('Udp6RcvbufErrors'),
    ),
    sendBufferErrors: sum(udpCounters.get('SndbufErrors'), parsePairs(snmp6 ?? '').get('Udp6SndbufErrors')),
    socketDrops: mediaPorts.map((port) =>
      sum(parseSocketDrops(udp ?? '', port), parseSocketDrops(udp6 ?? '', port)),
    ),
    throttledPeriods: parsePairs(cpu ?? '').get('nr_throttled'),
    throttledSeconds: throttledMicros === undefined ? undefined : throttledMicros / 1e6,
    conntrackEntries: numberOf(entries),
    conntrackLimit: numberOf(limit),
  };
}

/** `/proc/net/snmp`: a line of names and a line of numbers per protocol. */
export function parseSnmp(text: string, protocol: string): Map<string, number> {
  const [names, values] = text
    .split('\n')
    .filter((line) => line.startsWith(`${protocol}: `))
    .map((line) => line.split(/\s+/).slice(1));
  const counters = new Map<string, number>();
  for (const [index, name] of (names ?? []).entries()) {
    const value = numberOf(values?.[index]);
    if (value !== undefined) counters.set(name, value);
  }
  return counters;
}

/** `/proc/net/udp`: one socket per line, local port in hexadecimal, drops last. Undefined = no such socket. */
export function parseSocketDrops(text: string, port: number): number | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let drops: number | undefined;
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(suffix)) drops = (drops ?? 0) + (numberOf(fields.at(-1)) ?? 0);
  }
  return drops;
}

/** `/proc/net/snmp6`, `cpu.stat`: a name and a number per line. */
export function parsePairs(text: string): Map<string, number> {
  const pairs = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, digits] = line.trim().split(/\s+/);
    const value = numberOf(digits);
    if (name !== undefined && value !== undefined) pairs.set(name, value);
  }
  return pairs;
}

function numberOf(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? '';
  return /^[0-9]+$/.test(trimmed) ? Number(trimmed) : undefined;
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}

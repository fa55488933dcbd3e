import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  type DiscoveryInput,
  discoverAddresses,
  interfaceAddresses,
  isInterfaceOrNetwork,
  isPrivate,
  parseAnnouncedAddresses,
} from './addresses.ts';

const info = (address: string, internal = false): NetworkInterfaceInfo =>
  ({ address, internal, family: address.includes(':') ? 'IPv6' : 'IPv4' }) as NetworkInterfaceInfo;

const interfaces = {
  lo: [info('127.0.0.1', true), info('::1', true)],
  eth0: [info('10.1.2.3'), info('fe80::1'), info('2001:db8::3')],
  eth1: [info('192.0.2.7'), info('169.254.1.1')],
};

const input = (fields: Partial<DiscoveryInput> = {}): DiscoveryInput => ({
  bound: { ip: '::', port: 40_000, family: 'ipv6' },
  tcpPort: undefined,
  dualStack: true,
  announced: undefined,
  outside: undefined,
  hostIps: undefined,
  announceFrom: undefined,
  development: false,
  interfaces,
  ...fields,
});
const ipv4Only = { bound: { ip: '0.0.0.0', port: 40_000, family: 'ipv4' as const }, dualStack: false };
const ips = (fields: Partial<DiscoveryInput>) =>
  discoverAddresses(input(fields)).addresses.map((one) => one.ip);

describe('discoverAddresses', () => {
  it('takes what was given by hand before everything else, with ports of its own', () => {
    const announced = parseAnnouncedAddresses(
      '198.51.100.1, 198.51.100.2:30001, [2001:db8::9]:30002, 198.51.100.3:443/tcp',
    );
    expect(discoverAddresses(input({ announced, tcpPort: 40_001, hostIps: ['10.0.0.1'] }))).toEqual({
      source: 'WEIR_ANNOUNCED_ADDRESSES',
      addresses: [
        { ip: '198.51.100.1', family: 'ipv4', protocol: 'udp', port: 40_000 },
        { ip: '198.51.100.1', family: 'ipv4', protocol: 'tcp', port: 40_001 },
        { ip: '198.51.100.2', family: 'ipv4', protocol: 'udp', port: 30_001 },
        { ip: '2001:db8::9', family: 'ipv6', protocol: 'udp', port: 30_002 },
        { ip: '198.51.100.3', family: 'ipv4', protocol: 'tcp', port: 443 },
      ],
    });
  });

  it('then what was asked outside, and public host addresses of the other family', () => {
    const outside = { source: 'cloud metadata' as const, ips: ['198.51.100.1'] };
    const hostIps = ['10.0.0.4', '2001:db8::4'];
    expect(discoverAddresses(input({ outside, hostIps }))).toMatchObject({
      source: 'cloud metadata',
      addresses: [{ ip: '198.51.100.1' }, { ip: '2001:db8::4' }],
    });
    expect(ips({ outside, hostIps: ['10.0.0.4', 'fd00::4'] })).toEqual(['198.51.100.1']);
    expect(ips({ outside: { ...outside, ips: ['2001:db8::9'] }, hostIps })).toEqual(['2001:db8::9']);
  });

  it('never announces a family that the socket lacks, whoever named it', () => {
    const outside = { source: 'STUN' as const, ips: ['198.51.100.1', '2001:db8::1'] };
    expect(ips({ ...ipv4Only, outside })).toEqual(['198.51.100.1']);
    const ipv6Only = { bound: { ip: '::', port: 40_000, family: 'ipv6' as const }, dualStack: false };
    expect(ips({ ...ipv6Only, outside })).toEqual(['2001:db8::1']);
    expect(ips({ ...ipv6Only, hostIps: ['10.0.0.4', '2001:db8::4'] })).toEqual(['2001:db8::4']);
  });

  it('then the addresses of the node, then the bound one, then the interfaces', () => {
    expect(discoverAddresses(input({ hostIps: ['198.51.100.9'] }))).toMatchObject({
      source: 'WEIR_HOST_IPS',
      addresses: [{ ip: '198.51.100.9', port: 40_000 }],
    });
    const bound = { ip: '10.1.2.3', port: 40_000, family: 'ipv4' as const };
    expect(discoverAddresses(input({ bound, dualStack: false }))).toMatchObject({
      source: 'WEIR_MEDIA_IP',
      addresses: [{ ip: '10.1.2.3' }],
    });
    expect(discoverAddresses(input()).source).toBe('network interfaces');
    expect(ips({})).toEqual(['10.1.2.3', '192.0.2.7', '2001:db8::3']);
  });

  it('chooses interfaces by name and by network', () => {
    expect(ips({ announceFrom: ['eth1'] })).toEqual(['192.0.2.7', '169.254.1.1']);
    expect(ips({ announceFrom: ['10.0.0.0/8', '2001:db8::/32'] })).toEqual(['10.1.2.3', '2001:db8::3']);
  });

  it('leaves out families that the socket cannot receive', () => {
    expect(ips(ipv4Only)).toEqual(['10.1.2.3', '192.0.2.7']);
    expect(ips({ dualStack: false })).toEqual(['2001:db8::3']);
  });

  it('adds 127.0.0.1 in development only, last, and only where it arrives', () => {
    expect(ips({ development: true }).at(-1)).toBe('127.0.0.1');
    expect(ips({ ...ipv4Only, development: true, interfaces: {} })).toEqual(['127.0.0.1']);
    expect(ips({ dualStack: false, development: true })).toEqual(['2001:db8::3']);
    expect(ips({ development: true, announced: parseAnnouncedAddresses('127.0.0.1:5') })).toEqual([
      '127.0.0.1',
    ]);
  });

  it('fails with the remedy when nothing is left', () => {
    expect(() => discoverAddresses(input({ interfaces: {} }))).toThrow(
      /network interfaces gave none.*WEIR_ANNOUNCED_ADDRESSES/,
    );
    expect(() => discoverAddresses(input({ ...ipv4Only, hostIps: ['2001:db8::1'] }))).toThrow(
      'only 2001:db8::1, which the media socket (ipv4) cannot receive',
    );
  });
});

it('isPrivate', () => {
  const closed = [
    '10.1.1.1',
    '172.31.0.1',
    '192.168.9.9',
    '100.64.0.1',
    '169.254.1.1',
    '127.0.0.1',
    'fd00::1',
    'fe80::1',
    '::1',
  ];
  expect(closed.filter((ip) => !isPrivate(ip))).toEqual([]);
  expect(['172.32.0.1', '198.51.100.1', '2001:db8::1', '100.128.0.1'].filter(isPrivate)).toEqual([]);
});

describe('interfaceAddresses', () => {
  it('announces a bounded number', () => {
    const many = { eth0: Array.from({ length: 30 }, (_, index) => info(`10.0.0.${index}`)) };
    expect(interfaceAddresses(many, undefined)).toHaveLength(8);
  });
});

describe('parseAnnouncedAddresses', () => {
  it.each([
    '',
    ' , ',
    'example.org',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '10.0.0.300',
    '[10.0.0.1]:5',
    '10.0.0.1:5/sctp',
  ])('refuses "%s"', (text) => expect(() => parseAnnouncedAddresses(text)).toThrow(RangeError));

  it('reads a bare IPv6 address whole', () => {
    expect(parseAnnouncedAddresses('2001:db8::7')).toEqual([{ ip: '2001:db8::7', at: undefined }]);
  });
});

it('isInterfaceOrNetwork', () => {
  const wrong = ['10.0.0.0/33', '10.0.0/8', 'eth0/8', '::/129', '', 'a b', '10.0.0.0/8/8', '10.0.0.0/'];
  expect(wrong.filter(isInterfaceOrNetwork)).toEqual([]);
  expect(['eth0', 'br-0a1', 'eth0.7', '10.0.0.0/8', '::/0'].every(isInterfaceOrNetwork)).toBe(true);
});

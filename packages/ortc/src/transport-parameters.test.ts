import type { PodAddress } from '@weir/protocol';
import { expect, test } from 'vitest';
import { createIceCredentials, iceCandidates, localDtlsRole, parseRemoteDtlsParameters } from './index.ts';

const addresses: PodAddress[] = [
  { ip: '2001:db8::1', family: 'ipv6', protocol: 'tcp', port: 4 },
  { ip: 'test.foo.com', family: 'ipv4', protocol: 'tcp', port: 3 },
  { ip: '2001:db8::1', family: 'ipv6', protocol: 'udp', port: 2 },
  { ip: 'test.foo.com', family: 'ipv4', protocol: 'udp', port: 1 },
];

test('§6.1 order: UDP before TCP, IPv4 before IPv6', () => {
  const candidates = iceCandidates(addresses);
  expect(candidates.map(({ protocol, family, port }) => [protocol, family, port])).toEqual([
    ['udp', 'ipv4', 1],
    ['udp', 'ipv6', 2],
    ['tcp', 'ipv4', 3],
    ['tcp', 'ipv6', 4],
  ]);
  expect(candidates[0]).toEqual({
    foundation: 'udpcandidate',
    priority: 1078862079,
    ip: 'test.foo.com',
    port: 1,
    protocol: 'udp',
    type: 'host',
    family: 'ipv4',
  });
  expect(candidates[2]).toMatchObject({ foundation: 'tcpcandidate', tcpType: 'passive' });
});

test.for([
  [{}, 1078862079],
  [{ preferIPv4: true }, 1081422079],
  [{ preferUdp: true }, 1080142079],
  [{ preferIPv4: true, preferUdp: true }, 1082702079],
  [{ preferIPv6: true, preferTcp: true }, 1078862079],
  [{ preferIPv4: 'yes' as unknown as boolean }, 1078862079],
] as const)('§6.1 priority of UDP/IPv4 with %j', ([options, priority]) => {
  expect(iceCandidates(addresses, options)[0]?.priority).toBe(priority);
});

test('T7 one candidate per protocol that is wanted, with the announced name', () => {
  const ipv4 = addresses.filter(({ family }) => family === 'ipv4');
  expect(
    iceCandidates(ipv4, { tcp: false }).map(({ ip, protocol, family }) => [ip, protocol, family]),
  ).toEqual([['test.foo.com', 'udp', 'ipv4']]);
  expect(
    iceCandidates(ipv4, { udp: false }).map(({ ip, protocol, family }) => [ip, protocol, family]),
  ).toEqual([['test.foo.com', 'tcp', 'ipv4']]);
});

test('P2 neither UDP nor TCP: no candidate', () => {
  expect(iceCandidates(addresses, { udp: false, tcp: false })).toEqual([]);
});

test('§6.1 several addresses of a group have falling priorities', () => {
  const two = [addresses[3]!, { ...addresses[3]!, ip: '192.0.2.1' }];
  const [first, second] = iceCandidates(two);
  expect(first!.priority - second!.priority).toBe(256);
});

const hex = '0123456789abcdef'.repeat(3).slice(0, 40);

test('D-17 the fingerprint is normalised', () => {
  const colons = hex.match(/../g)!.join(':').toUpperCase();
  for (const value of [hex, colons]) {
    expect(parseRemoteDtlsParameters({ fingerprint: { algorithm: 'sha-1', value } })).toEqual({
      role: 'auto',
      fingerprint: { algorithm: 'sha-1', value: hex },
    });
  }
});

test.for([
  ['T4', { role: 'chicken', fingerprint: { algorithm: 'sha-1', value: hex } }, 'role'],
  ['T5', { role: 'client' }, 'fingerprint'],
  ['T5', { fingerprint: { value: hex } }, 'fingerprint.algorithm'],
  ['T5', { fingerprint: { algorithm: 'sha-1' } }, 'fingerprint.value'],
  ['§6.4', { fingerprint: { algorithm: 'md5', value: hex } }, 'fingerprint.algorithm'],
  ['§6.4', { fingerprint: { algorithm: 'SHA-1', value: hex } }, 'fingerprint.algorithm'],
  ['D-17', { fingerprint: { algorithm: 'sha-256', value: hex } }, 'fingerprint.value'],
  ['D-17', { fingerprint: { algorithm: 'sha-1', value: hex.replace('a', 'x') } }, 'fingerprint.value'],
  ['§6.4', undefined, ''],
] as const)('%s refused: %j', ([, value, field]) => {
  expect(() => parseRemoteDtlsParameters(value)).toThrow(expect.objectContaining({ kind: 'invalid', field }));
});

test('T1 T2 T3 our role against theirs', () => {
  expect(localDtlsRole('server')).toBe('client');
  expect(localDtlsRole('auto')).toBe('client');
  expect(localDtlsRole('client')).toBe('server');
});

test('§6.2 ICE credentials', () => {
  let n = 0;
  const { usernameFragment, password } = createIceCredentials(() => (n++ * 0x9e3779b9) % 2 ** 32);
  expect(usernameFragment).toMatch(/^[0-9a-z]{16}$/);
  expect(password).toMatch(/^[0-9a-z]{32}$/);
  expect(createIceCredentials(() => 2 ** 32 - 1).password).toBe('z'.repeat(32));
});

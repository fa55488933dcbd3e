import type { Fingerprint, IceCredentials, PodAddress } from '@weir/protocol';
import { invalid } from './errors.ts';
import { fingerprintFromSDP } from './extra.ts';
import { isDictionary, requiredText } from './read.ts';

/** §6.1; values that are not booleans count as not given. */
export interface IceCandidateOptions {
  readonly udp?: boolean;
  readonly tcp?: boolean;
  readonly preferIPv4?: boolean;
  readonly preferIPv6?: boolean;
  readonly preferUdp?: boolean;
  readonly preferTcp?: boolean;
}

/** §6.2. */
export interface IceCandidate {
  foundation: string;
  priority: number;
  /** The announced address; may be a host name. */
  ip: string;
  port: number;
  protocol: 'udp' | 'tcp';
  type: 'host';
  tcpType?: 'passive';
  family: 'ipv4' | 'ipv6';
}

/** §6.2 `DtlsLocalParameters`. */
export interface DtlsLocalParameters {
  role: 'auto' | 'client' | 'server';
  /** Lowercase hex without colons by algorithm. */
  fingerprints: Partial<Record<Fingerprint['algorithm'], string>>;
}

/** What a peer told of its DTLS end, checked. */
export interface RemoteDtlsParameters {
  readonly role: 'auto' | 'client' | 'server';
  readonly fingerprint: Fingerprint;
}

/**
 * Candidates of a transport from the addresses it can be reached at: UDP/IPv4, UDP/IPv6, TCP/IPv4,
 * TCP/IPv6, with the priorities of §6.1. A second address of the same group comes right below the first.
 */
export function iceCandidates(
  addresses: readonly PodAddress[],
  options: IceCandidateOptions = {},
): IceCandidate[] {
  const wanted = { udp: options.udp !== false, tcp: options.tcp !== false };
  const candidates: IceCandidate[] = [];
  for (const protocol of ['udp', 'tcp'] as const) {
    if (!wanted[protocol]) continue;
    for (const family of ['ipv4', 'ipv6'] as const) {
      addresses
        .filter((address) => address.protocol === protocol && address.family === family)
        .forEach(({ ip, port }, index) => {
          candidates.push({
            foundation: `${protocol}candidate`,
            priority: 2 ** 24 * 64 + 2 ** 8 * (localPreference(protocol, family, options) - index) + 255,
            ip,
            port,
            protocol,
            type: 'host',
            ...(protocol === 'tcp' ? { tcpType: 'passive' as const } : {}),
            family,
          });
        });
    }
  }
  return candidates;
}

/**
 * The argument of `setRemoteDtlsParameters()` (§6.4, D-17). The fingerprint may have colons and capitals.
 * @throws OrtcError
 */
export function parseRemoteDtlsParameters(value: unknown): RemoteDtlsParameters {
  if (!isDictionary(value)) throw invalid('', 'DTLS parameters must be an object with role and fingerprint');
  const role = value.role === undefined ? 'auto' : roles.find((entry) => entry === value.role);
  if (role === undefined) throw invalid('role', 'must be "auto", "client" or "server"');
  if (!isDictionary(value.fingerprint)) {
    throw invalid('fingerprint', 'is missing; give { algorithm, value } of the certificate');
  }
  const name = requiredText(value.fingerprint.algorithm, 'fingerprint.algorithm');
  const algorithm = algorithms.find((entry) => entry === name);
  if (algorithm === undefined) {
    throw invalid('fingerprint.algorithm', `"${name}" is not known; use one of ${algorithms.join(', ')}`);
  }
  const digest = fingerprintFromSDP(requiredText(value.fingerprint.value, 'fingerprint.value'));
  const digits = hexDigits[algorithm];
  if (digest.length !== digits || !/^[0-9a-f]+$/.test(digest)) {
    throw invalid(
      'fingerprint.value',
      `must be ${digits} hex digits for ${algorithm}, with or without colons`,
    );
  }
  return { role, fingerprint: { algorithm, value: digest } };
}

/** The role we take against a remote one (§6.4): we are the server of a client and else the client. */
export function localDtlsRole(remote: RemoteDtlsParameters['role']): 'client' | 'server' {
  return remote === 'client' ? 'server' : 'client';
}

/**
 * New ICE credentials (§6.2): 16 and 32 characters of [0-9a-z].
 * @param random uniform in [0, 2^32); use a cryptographic source, the password guards the transport
 */
export function createIceCredentials(random: () => number): IceCredentials {
  return { usernameFragment: letters(16, random), password: letters(32, random) };
}

function letters(length: number, random: () => number): string {
  return Array.from({ length }, () => alphabet[Math.floor((random() / 2 ** 32) * alphabet.length)]).join('');
}

function localPreference(
  protocol: 'udp' | 'tcp',
  family: 'ipv4' | 'ipv6',
  options: IceCandidateOptions,
): number {
  const familyPreferred = (family === 'ipv4' ? options.preferIPv4 : options.preferIPv6) === true;
  const protocolPreferred = (protocol === 'udp' ? options.preferUdp : options.preferTcp) === true;
  return 20000 + (familyPreferred ? 10000 : 0) + (protocolPreferred ? 5000 : 0);
}

const roles = ['auto', 'client', 'server'] as const;
const algorithms = ['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512'] as const;
const hexDigits = { 'sha-1': 40, 'sha-224': 56, 'sha-256': 64, 'sha-384': 96, 'sha-512': 128 } as const;
const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

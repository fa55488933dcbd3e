import {
  type Attack,
  EndpointDriver,
  type IceOptions,
  type LinkPolicy,
  TestEndpoint,
  VirtualClock,
  VirtualNetwork,
  type VirtualSocket,
} from '@weir/testing';
import { type Certificate, createCertificate } from '../src/certificate.ts';
import type { ExportedKeys, SecureEndpoint } from '../src/endpoint.ts';
import { createSecureEndpoint } from '../src/secure-endpoint.ts';

export const SFU = { ip: '192.0.2.1', port: 4433 };
export const CLIENT_IP = '198.51.100.7';
export const CREDENTIALS = {
  usernameFragment: 'ourufrag12345678',
  password: 'our-password-of-32-characters-00',
};
export const ID = 'room/1';

export interface CallOptions {
  readonly policy?: LinkPolicy;
  readonly seed?: number;
  /** The client's side of DTLS. */
  readonly clientRole?: 'client' | 'server';
  readonly ice?: IceOptions;
  readonly attack?: Attack;
  /** Leaves it to the test to give DTLS parameters. */
  readonly withoutDtls?: boolean;
  readonly consentTimeoutMs?: number;
  /** Wraps the endpoint, to listen in. */
  readonly wrap?: (endpoint: SecureEndpoint) => SecureEndpoint;
}

/** One SFU transport and one client on a virtual network. */
export interface Call {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly sfu: EndpointDriver;
  readonly client: TestEndpoint;
  readonly socket: VirtualSocket;
  /** All SFU states so far. */
  states(): string[];
  keys(): ExportedKeys | undefined;
  reason(state: 'failed' | 'closed'): string | undefined;
  /** Both ends connected within this time. */
  connects(limitMs?: number): boolean;
}

export const sfuCertificate: Certificate = createCertificate({ commonName: 'sfu' });
export const clientCertificate: Certificate = createCertificate({ commonName: 'client' });

export function startCall(options: CallOptions = {}): Call {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({
    clock,
    seed: options.seed ?? 1,
    policy: options.policy ?? { delayMs: 10 },
  });
  const endpoint = createSecureEndpoint({ certificate: sfuCertificate });
  const sfu = new EndpointDriver(options.wrap?.(endpoint) ?? endpoint, network.bind(SFU.ip, SFU.port), clock);
  const socket = network.bind(CLIENT_IP, 5000);
  const role = options.clientRole ?? 'client';
  const client = new TestEndpoint({
    socket,
    clock,
    remote: { ice: CREDENTIALS, candidates: [SFU], fingerprint: sfuCertificate.fingerprints[2]! },
    role,
    certificate: clientCertificate,
    ...(options.ice && { ice: options.ice }),
    ...(options.attack && { attack: options.attack }),
  });
  const dtls = {
    localRole: role === 'client' ? ('server' as const) : ('client' as const),
    remoteFingerprint: (options.attack?.stolenCertificate ?? clientCertificate).fingerprints[2]!,
  };
  sfu.act((it, now) =>
    it.put(
      ID,
      {
        ice: CREDENTIALS,
        ...(!options.withoutDtls && { dtls }),
        ...(options.consentTimeoutMs !== undefined && { consentTimeoutMs: options.consentTimeoutMs }),
      },
      now,
    ),
  );
  client.start();
  return {
    clock,
    network,
    sfu,
    client,
    socket,
    states: () => sfu.states(ID),
    keys: () =>
      sfu.outputs.flatMap((output) =>
        output.type === 'dtls' && output.state === 'connected' ? [output.keys!] : [],
      )[0],
    reason: (state) =>
      sfu.outputs.flatMap((output) =>
        output.type === 'dtls' && output.state === state ? [output.reason ?? ''] : [],
      )[0],
    connects: (limitMs = 30_000) =>
      clock.runWhile(
        () => client.state !== 'connected' || !sfu.states(ID).includes('dtls connected'),
        limitMs,
      ),
  };
}

import type {
  Fingerprint,
  IceCredentials,
  WireDtlsParameters,
  WireIceCandidate,
  WireIceParameters,
} from '@weir/protocol';
import { fingerprintFromSDP, fingerprintToSDP } from './extra.ts';
import type { IceCandidate, RemoteDtlsParameters } from './transport-parameters.ts';

export function iceParametersToWire({ usernameFragment, password }: IceCredentials): WireIceParameters {
  return { usernameFragment, password, iceLite: true };
}

/** `address` for mediasoup-client 3.24, `ip` for older ones; without `family` (§15.2). */
export function iceCandidatesToWire(candidates: readonly IceCandidate[]): WireIceCandidate[] {
  return candidates.map(({ foundation, priority, ip, port, protocol, type, tcpType }) => ({
    foundation,
    priority,
    address: ip,
    ip,
    port,
    protocol,
    type,
    ...(tcpType === undefined ? {} : { tcpType }),
  }));
}

/**
 * Our DTLS parameters for `createSendTransport()` and `createRecvTransport()`. mediasoup-client puts the
 * last fingerprint verbatim into its SDP, so there is only one: sha-256, or the strongest given.
 *
 * @param role must be `auto` for a new transport, so that the client chooses (§15.3 step 3)
 * @param fingerprints of our certificate, at least one
 */
export function dtlsParametersToWire(
  role: 'auto' | 'client' | 'server',
  fingerprints: readonly Fingerprint[],
): WireDtlsParameters {
  const best =
    fingerprints.find(({ algorithm }) => algorithm === 'sha-256') ??
    [...fingerprints].sort((a, b) => b.value.length - a.value.length)[0];
  if (best === undefined) throw new TypeError('fingerprints must not be empty');
  return { role, fingerprints: [{ algorithm: best.algorithm, value: fingerprintToSDP(best.value) }] };
}

/** A client's DTLS parameters, as the argument of `setRemoteDtlsParameters()`: its first fingerprint. */
export function dtlsParametersFromWire(wire: WireDtlsParameters): RemoteDtlsParameters {
  const first = wire.fingerprints[0];
  if (first === undefined) throw new TypeError('fingerprints must not be empty');
  return {
    role: wire.role ?? 'auto',
    fingerprint: { algorithm: first.algorithm, value: fingerprintFromSDP(first.value) },
  };
}

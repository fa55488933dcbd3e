import { createHmac, createSecretKey } from 'node:crypto';
import type {
  ExportedKeys,
  Remote,
  SecureEndpoint,
  SecureOutput,
  SecureTransportOptions,
} from '../src/endpoint.ts';
import { StunBuilder } from '../src/stun/builder.ts';
import { StunView } from '../src/stun/reader.ts';
import { StunAttribute, StunClass } from '../src/stun/registry.ts';

export const ICE = { usernameFragment: 'ourufrag12345678', password: 'our-password-of-32-characters-00' };

/** A remote address with a key as the engine makes it. */
export function remote(port: number, ip = '192.0.2.7', protocol: 'udp' | 'tcp' = 'udp'): Remote {
  return { key: (protocol === 'tcp' ? 1e9 : 0) + port * 1000 + ip.length, ip, port, protocol };
}

export interface RequestOptions {
  readonly ufrag?: string;
  readonly password?: string;
  readonly useCandidate?: boolean;
  readonly nomination?: number;
  readonly priority?: number | undefined;
  readonly username?: string | undefined;
  readonly controlled?: boolean;
  readonly method?: number;
  readonly integrity?: boolean;
  readonly fingerprint?: boolean;
  /** Adds attributes between integrity and fingerprint. */
  readonly afterIntegrity?: (builder: StunBuilder) => void;
}

const TRANSACTION = Uint8Array.from({ length: 12 }, (_, i) => i + 1);

/** A Binding request as a browser makes it, or with parts left out. */
export function bindingRequest(options: RequestOptions = {}): Uint8Array {
  const builder = new StunBuilder(StunClass.request, TRANSACTION, options.method);
  const username =
    'username' in options ? options.username : `${options.ufrag ?? ICE.usernameFragment}:theirufrag`;
  if (username !== undefined) builder.text(StunAttribute.username, username);
  builder.attribute(
    options.controlled ? StunAttribute.iceControlled : StunAttribute.iceControlling,
    new Uint8Array(8),
  );
  if (options.useCandidate) builder.attribute(StunAttribute.useCandidate, new Uint8Array(0));
  if (options.nomination !== undefined) builder.u32(StunAttribute.nomination, options.nomination);
  const priority = 'priority' in options ? options.priority : 1853824767;
  if (priority !== undefined) builder.u32(StunAttribute.priority, priority);
  if (options.integrity !== false) {
    builder.integrity(createSecretKey(Buffer.from(options.password ?? ICE.password)));
  }
  options.afterIntegrity?.(builder);
  if (options.fingerprint !== false) builder.fingerprint();
  return builder.finish();
}

/** What a response says, in a form to compare. */
export function readResponse(data: Uint8Array, password: string = ICE.password): string {
  const view = new StunView();
  if (!view.read(data)) return 'not STUN';
  if (view.messageClass === StunClass.error) return `error ${view.errorCode}`;
  if (view.messageClass !== StunClass.success) return `class ${view.messageClass}`;
  if (!view.verifyIntegrity(createSecretKey(Buffer.from(password)))) return 'success without integrity';
  const mapped = view.xorMappedAddress();
  return `success ${mapped?.ip}:${mapped?.port}${view.hasFingerprint ? '' : ' without fingerprint'}`;
}

export function drain(endpoint: SecureEndpoint): SecureOutput[] {
  const outputs: SecureOutput[] = [];
  for (let output = endpoint.poll(); output; output = endpoint.poll()) outputs.push(output);
  return outputs;
}

/** Outputs as words, for comparison; datagrams are named by what they are. */
export function words(outputs: readonly SecureOutput[]): string[] {
  return outputs.map(wordsOf);
}

function wordsOf(output: SecureOutput): string {
  switch (output.type) {
    case 'transmit': {
      const what = output.data[0]! <= 3 ? readResponse(output.data) : `dtls ${output.data[0]}`;
      return `transmit ${output.to.port} ${what}`;
    }
    case 'tuple':
    case 'path-added':
    case 'path-removed':
      return `${output.type} ${output.remote.port}`;
    case 'ice':
    case 'dtls':
      return `${output.type} ${output.state}`;
    case 'closed':
      return 'closed';
  }
}

export function putTransport(
  endpoint: SecureEndpoint,
  id = 'room/1',
  options: Partial<SecureTransportOptions> = {},
): void {
  endpoint.put(id, { ice: ICE, ...options }, 0);
}

/** The two ends of an association hold the same keys, crosswise. */
export function fitTogether(a: ExportedKeys, b: ExportedKeys): boolean {
  const hex = (bytes: Uint8Array): string => createHmac('sha256', 'x').update(bytes).digest('hex');
  return (
    a.profile === b.profile &&
    hex(a.localKey) === hex(b.remoteKey) &&
    hex(a.localSalt) === hex(b.remoteSalt) &&
    hex(a.remoteKey) === hex(b.localKey) &&
    hex(a.remoteSalt) === hex(b.localSalt)
  );
}

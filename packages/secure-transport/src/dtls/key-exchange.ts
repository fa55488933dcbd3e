import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Alert, DtlsError } from './alert.ts';
import { concat } from './wire.ts';

/** Named groups (RFC 8422 §5.1.1) in our order of preference. */
export const Group = { x25519: 29, secp256r1: 23 } as const;
export const GROUPS: readonly number[] = [Group.x25519, Group.secp256r1];

/** One ephemeral key of ECDHE; used once. */
export class EphemeralKey {
  readonly group: number;
  /** As it goes into a key exchange message. */
  readonly publicBytes: Uint8Array;
  readonly #privateKey: KeyObject;

  constructor(group: number) {
    this.group = group;
    const pair = group === Group.x25519 ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', P256);
    this.#privateKey = pair.privateKey;
    const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
    this.publicBytes = Uint8Array.from(spki.subarray(spkiPrefix(group).length));
  }

  /**
   * The pre-master secret. Throws DtlsError(illegal_parameter) for bytes that are no point of the group, or
   * one of small order (RFC 8422 §5.11).
   */
  agree(peerPublicBytes: Uint8Array): Uint8Array {
    const length = this.group === Group.x25519 ? 32 : 65;
    try {
      if (peerPublicBytes.length !== length || (length === 65 && peerPublicBytes[0] !== 4)) {
        throw new RangeError(`a public key of group ${this.group} has ${length} bytes`);
      }
      const key = Buffer.from(concat(spkiPrefix(this.group), peerPublicBytes));
      const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
      return diffieHellman({ privateKey: this.#privateKey, publicKey });
    } catch (cause) {
      throw new DtlsError(Alert.illegalParameter, 'the peer sent an unusable key exchange key', { cause });
    }
  }
}

/** What stands before the raw key in a SubjectPublicKeyInfo of the group. */
function spkiPrefix(group: number): Uint8Array {
  return group === Group.x25519 ? X25519_SPKI : P256_SPKI;
}

const P256 = { namedCurve: 'prime256v1' };
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');
const P256_SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

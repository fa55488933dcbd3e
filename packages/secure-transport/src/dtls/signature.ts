import { constants, type KeyObject, sign, verify } from 'node:crypto';

interface SchemeInfo {
  readonly hash: string;
  readonly keyType: 'ec' | 'rsa';
  readonly pss?: boolean;
}

/** Signature schemes (RFC 8446 §4.2.3; the first seven also name TLS 1.2 pairs) we accept. No SHA-1. */
const SCHEMES = new Map<number, SchemeInfo>([
  [0x0403, { hash: 'sha256', keyType: 'ec' }],
  [0x0503, { hash: 'sha384', keyType: 'ec' }],
  [0x0603, { hash: 'sha512', keyType: 'ec' }],
  [0x0804, { hash: 'sha256', keyType: 'rsa', pss: true }],
  [0x0401, { hash: 'sha256', keyType: 'rsa' }],
  [0x0501, { hash: 'sha384', keyType: 'rsa' }],
  [0x0601, { hash: 'sha512', keyType: 'rsa' }],
]);

export const SIGNATURE_SCHEMES: readonly number[] = [...SCHEMES.keys()];

/** Our scheme for a key, given what the peer accepts; undefined if nothing fits. */
export function chooseScheme(keyType: 'ecdsa' | 'rsa', offered: readonly number[]): number | undefined {
  const ours = keyType === 'ecdsa' ? [0x0403] : [0x0401, 0x0804];
  return ours.find((scheme) => offered.includes(scheme));
}

/** `scheme` comes from `chooseScheme`. */
export function signWith(scheme: number, key: KeyObject, data: Uint8Array): Uint8Array {
  const info = SCHEMES.get(scheme)!;
  return sign(info.hash, data, { key, ...encodingOf(info) });
}

/** False for a wrong signature, an unknown scheme, or one that does not fit the key. */
export function verifyWith(scheme: number, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const info = SCHEMES.get(scheme);
  if (!info || key.asymmetricKeyType !== info.keyType) return false;
  try {
    return verify(info.hash, data, { key, ...encodingOf(info) }, signature);
  } catch {
    return false;
  }
}

function encodingOf(info: SchemeInfo): object {
  if (info.keyType === 'ec') return { dsaEncoding: 'der' };
  return info.pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { padding: constants.RSA_PKCS1_PADDING };
}

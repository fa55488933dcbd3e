import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import {
  derBitString,
  derExplicit,
  derInteger,
  derObjectId,
  derSequence,
  derSet,
  derTime,
  derUtf8,
} from './der.ts';
import type { RemoteFingerprint } from './endpoint.ts';

/** A DTLS certificate with its private key, in a form that can be stored and posted to another thread. */
export interface Certificate {
  readonly certPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
  /** All five algorithms, sha-1 first, sha-512 last. */
  readonly fingerprints: readonly Fingerprint[];
}

/** One of `fingerprints`, and what a remote endpoint tells of itself. */
export type Fingerprint = RemoteFingerprint;

export const FINGERPRINT_ALGORITHMS = ['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512'] as const;

export interface CreateCertificateOptions {
  readonly commonName?: string;
  /** WebRTC trusts the fingerprint and ignores the dates, so the defaults are fixed: 2020 to 2049. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Source of the serial number. */
  readonly random?: (size: number) => Uint8Array;
}

/** Makes an ECDSA P-256 key and a self-signed certificate for it (RFC 8827 §6.5). */
export function createCertificate(options: CreateCertificateOptions = {}): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const random = options.random ?? ((size) => randomBytes(size));
  const serial = Uint8Array.from(random(16));
  serial[0] = (serial[0]! & 0x7f) | 0x40; // positive, and always 16 bytes long
  const name = derSequence(
    derSet(derSequence(derObjectId('2.5.4.3'), derUtf8(options.commonName ?? 'weir'))),
  );
  const ecdsaWithSha256 = derSequence(derObjectId('1.2.840.10045.4.3.2'));
  const toBeSigned = derSequence(
    derExplicit(0, derInteger(Uint8Array.of(2))), // version 3
    derInteger(serial),
    ecdsaWithSha256,
    name,
    derSequence(
      derTime(options.notBefore ?? new Date(Date.UTC(2020, 0, 1))),
      derTime(options.notAfter ?? new Date(Date.UTC(2049, 11, 31))),
    ),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', toBeSigned, { key: privateKey, dsaEncoding: 'der' });
  const der = derSequence(toBeSigned, ecdsaWithSha256, derBitString(signature));
  return {
    certPem: new X509Certificate(der).toString(),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    fingerprints: allFingerprints(der),
  };
}

/**
 * Takes a certificate and key in PEM, as read from files. The first certificate of a chain is used. Throws
 * Error if either can't be read, they don't belong together, or the key is neither EC P-256 nor RSA.
 */
export function loadCertificate(pem: { certPem: string; keyPem: string }): Certificate {
  const { der } = openCertificate(pem);
  return { certPem: pem.certPem, keyPem: pem.keyPem, fingerprints: allFingerprints(der) };
}

/** What the handshake needs of a certificate. */
export interface LocalCertificate {
  readonly der: Uint8Array;
  readonly privateKey: KeyObject;
  readonly keyType: 'ecdsa' | 'rsa';
}

/** Parses the PEM once for all handshakes; throws as `loadCertificate`. */
export function openCertificate(pem: { certPem: string; keyPem: string }): LocalCertificate {
  const certificate = parse('certificate', () => new X509Certificate(pem.certPem));
  const privateKey = parse('private key', () => createPrivateKey(pem.keyPem));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error('the DTLS private key does not belong to the certificate: give matching PEM files');
  }
  return { der: certificate.raw, privateKey, keyType: keyTypeOf(privateKey) };
}

/** The fingerprint of a DER certificate, lowercase hex without colons. */
export function fingerprintOf(der: Uint8Array, algorithm: Fingerprint['algorithm']): string {
  return createHash(algorithm.replace('-', '')).update(der).digest('hex');
}

function allFingerprints(der: Uint8Array): Fingerprint[] {
  return FINGERPRINT_ALGORITHMS.map((algorithm) => ({ algorithm, value: fingerprintOf(der, algorithm) }));
}

function keyTypeOf(key: KeyObject): 'ecdsa' | 'rsa' {
  if (key.asymmetricKeyType === 'rsa') return 'rsa';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ecdsa';
  throw new Error(`a DTLS key must be EC P-256 or RSA, not ${key.asymmetricKeyType}`);
}

function parse<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`the DTLS ${what} is not valid PEM`, { cause });
  }
}

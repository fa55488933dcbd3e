import { X509Certificate } from 'node:crypto';
import { Alert, DtlsError } from './alert.ts';
import { GROUPS } from './key-exchange.ts';
import { SIGNATURE_SCHEMES } from './signature.ts';
import { ByteReader, concat, uint8, uint16, vector } from './wire.ts';

export function writeCertificate(der: Uint8Array): Uint8Array {
  return vector(3, vector(3, der));
}

/** The first certificate of the list; undefined if the peer sent none. */
export function readCertificate(body: Uint8Array): X509Certificate | undefined {
  const reader = new ByteReader(body);
  const list = new ByteReader(reader.vector(3));
  reader.end();
  if (list.remaining === 0) return undefined;
  const der = list.vector(3);
  try {
    const certificate = new X509Certificate(der);
    // Reading the key now shows here, not later, that it is a kind we don't know.
    void certificate.publicKey;
    return certificate;
  } catch (cause) {
    throw new DtlsError(Alert.badCertificate, 'the certificate of the peer is malformed', { cause });
  }
}

export interface ServerKeyExchange {
  readonly group: number;
  readonly publicBytes: Uint8Array;
  readonly scheme: number;
  readonly signature: Uint8Array;
  /** ServerECDHParams, the signed part. */
  readonly params: Uint8Array;
}

/** RFC 8422 §5.4 */
export function serverKeyExchangeParams(group: number, publicBytes: Uint8Array): Uint8Array {
  return concat(uint8(NAMED_CURVE), uint16(group), vector(1, publicBytes));
}

export function writeServerKeyExchange(
  params: Uint8Array,
  scheme: number,
  signature: Uint8Array,
): Uint8Array {
  return concat(params, uint16(scheme), vector(2, signature));
}

export function readServerKeyExchange(body: Uint8Array): ServerKeyExchange {
  const reader = new ByteReader(body);
  const curveType = reader.uint(1);
  const group = reader.uint(2);
  if (curveType !== NAMED_CURVE || !GROUPS.includes(group)) {
    throw new DtlsError(Alert.illegalParameter, 'the server chose a group that was not offered');
  }
  const publicBytes = reader.vector(1);
  const params = body.subarray(0, body.length - reader.remaining);
  const scheme = reader.uint(2);
  const signature = reader.vector(2);
  reader.end();
  return { group, publicBytes, scheme, signature, params };
}

/** Asks for an ECDSA or RSA certificate, of whoever it may be (RFC 5246 §7.4.4). */
export function writeCertificateRequest(): Uint8Array {
  const RSA_SIGN = 1;
  const ECDSA_SIGN = 64;
  return concat(
    vector(1, uint8(ECDSA_SIGN), uint8(RSA_SIGN)),
    vector(2, ...SIGNATURE_SCHEMES.map(uint16)),
    vector(2),
  );
}

/** The signature schemes the server accepts. */
export function readCertificateRequest(body: Uint8Array): number[] {
  const reader = new ByteReader(body);
  reader.vector(1);
  const schemes = reader.uint16List();
  reader.vector(2);
  reader.end();
  return schemes;
}

export function writeClientKeyExchange(publicBytes: Uint8Array): Uint8Array {
  return vector(1, publicBytes);
}

export function readClientKeyExchange(body: Uint8Array): Uint8Array {
  const reader = new ByteReader(body);
  const publicBytes = reader.vector(1);
  reader.end();
  return publicBytes;
}

export function writeCertificateVerify(scheme: number, signature: Uint8Array): Uint8Array {
  return concat(uint16(scheme), vector(2, signature));
}

export function readCertificateVerify(body: Uint8Array): { scheme: number; signature: Uint8Array } {
  const reader = new ByteReader(body);
  const scheme = reader.uint(2);
  const signature = reader.vector(2);
  reader.end();
  return { scheme, signature };
}

const NAMED_CURVE = 3;

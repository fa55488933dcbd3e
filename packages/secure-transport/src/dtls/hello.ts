import { Alert, DtlsError } from './alert.ts';
import { GROUPS } from './key-exchange.ts';
import { DTLS_1_2 } from './record.ts';
import { SIGNATURE_SCHEMES } from './signature.ts';
import { SRTP_PROFILES } from './srtp-profile.ts';
import { ByteReader, concat, uint8, uint16, vector } from './wire.ts';

/** RFC 5289 §3.2; RFC 8827 §6.5 asks every endpoint for the first. */
export const CipherSuite = { ecdheEcdsaAes128Gcm: 0xc02b, ecdheRsaAes128Gcm: 0xc02f } as const;

const Extension = {
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  extendedMasterSecret: 23,
  renegotiationInfo: 0xff01,
} as const;

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 §3.3) */
const RENEGOTIATION_SCSV = 0x00ff;

export interface ClientHello {
  readonly random: Uint8Array;
  readonly cookie: Uint8Array;
  readonly cipherSuites: readonly number[];
  /** Defaults of RFC 8422 and RFC 5246 are filled in when an extension is absent. */
  readonly groups: readonly number[];
  readonly signatureSchemes: readonly number[];
  readonly srtpProfiles: readonly number[];
  readonly extendedMasterSecret: boolean;
  readonly secureRenegotiation: boolean;
  readonly pointFormats: boolean;
}

/** Throws DtlsError for what is malformed, older than DTLS 1.2, or asks for a renegotiation. */
export function readClientHello(body: Uint8Array): ClientHello {
  const reader = new ByteReader(body);
  const version = reader.uint(2);
  if (version >> 8 !== 0xfe || version > DTLS_1_2) {
    throw new DtlsError(Alert.protocolVersion, 'the client speaks no DTLS 1.2');
  }
  const random = Uint8Array.from(reader.take(32));
  reader.vector(1); // session id: nothing is resumed
  const cookie = Uint8Array.from(reader.vector(1));
  const cipherSuites = reader.uint16List();
  if (!reader.vector(1).includes(0)) {
    throw new DtlsError(Alert.illegalParameter, 'the client refuses to do without compression');
  }
  const extensions = readExtensions(reader);
  const list = (type: number): number[] | undefined => {
    const value = extensions.get(type);
    return value && new ByteReader(value).uint16List();
  };
  const renegotiation = extensions.get(Extension.renegotiationInfo);
  if (renegotiation && new ByteReader(renegotiation).vector(1).length > 0) {
    throw new DtlsError(Alert.handshakeFailure, 'the client asks for a renegotiation');
  }
  return {
    random,
    cookie,
    cipherSuites,
    groups: list(Extension.supportedGroups) ?? [GROUPS[1]!],
    signatureSchemes: list(Extension.signatureAlgorithms) ?? [],
    srtpProfiles: list(Extension.useSrtp) ?? [],
    extendedMasterSecret: extensions.has(Extension.extendedMasterSecret),
    secureRenegotiation: renegotiation !== undefined || cipherSuites.includes(RENEGOTIATION_SCSV),
    pointFormats: extensions.has(Extension.ecPointFormats),
  };
}

export function writeClientHello(random: Uint8Array, cookie: Uint8Array): Uint8Array {
  const extensions = [
    extension(Extension.supportedGroups, vector(2, ...GROUPS.map(uint16))),
    extension(Extension.ecPointFormats, vector(1, uint8(0))),
    extension(Extension.signatureAlgorithms, vector(2, ...SIGNATURE_SCHEMES.map(uint16))),
    extension(Extension.useSrtp, useSrtp(SRTP_PROFILES.map((profile) => profile.id))),
    extension(Extension.extendedMasterSecret),
    extension(Extension.renegotiationInfo, vector(1)),
  ];
  const suites = [CipherSuite.ecdheEcdsaAes128Gcm, CipherSuite.ecdheRsaAes128Gcm];
  return concat(
    uint16(DTLS_1_2),
    random,
    vector(1),
    vector(1, cookie),
    vector(2, ...suites.map(uint16)),
    vector(1, uint8(0)),
    vector(2, ...extensions),
  );
}

export interface ServerHello {
  readonly random: Uint8Array;
  readonly cipherSuite: number;
  readonly srtpProfile: number | undefined;
  readonly extendedMasterSecret: boolean;
}

export function readServerHello(body: Uint8Array): ServerHello {
  const reader = new ByteReader(body);
  if (reader.uint(2) !== DTLS_1_2) throw new DtlsError(Alert.protocolVersion, 'the server chose no DTLS 1.2');
  const random = Uint8Array.from(reader.take(32));
  reader.vector(1);
  const cipherSuite = reader.uint(2);
  if (reader.uint(1) !== 0) throw new DtlsError(Alert.illegalParameter, 'the server chose a compression');
  const extensions = readExtensions(reader);
  const renegotiation = extensions.get(Extension.renegotiationInfo);
  if (renegotiation && new ByteReader(renegotiation).vector(1).length > 0) {
    throw new DtlsError(Alert.handshakeFailure, 'the server speaks of an earlier handshake');
  }
  const srtp = extensions.get(Extension.useSrtp);
  const profiles = srtp ? new ByteReader(srtp).uint16List() : [];
  return {
    random,
    cipherSuite,
    srtpProfile: profiles.length === 1 ? profiles[0] : undefined,
    extendedMasterSecret: extensions.has(Extension.extendedMasterSecret),
  };
}

/** `hello` says which extensions may be answered (RFC 5246 §7.4.1.4). */
export function writeServerHello(
  random: Uint8Array,
  cipherSuite: number,
  srtpProfile: number,
  hello: ClientHello,
): Uint8Array {
  const extensions = [extension(Extension.useSrtp, useSrtp([srtpProfile]))];
  if (hello.extendedMasterSecret) extensions.push(extension(Extension.extendedMasterSecret));
  if (hello.secureRenegotiation) extensions.push(extension(Extension.renegotiationInfo, vector(1)));
  if (hello.pointFormats) extensions.push(extension(Extension.ecPointFormats, vector(1, uint8(0))));
  return concat(uint16(DTLS_1_2), random, vector(1), uint16(cipherSuite), uint8(0), vector(2, ...extensions));
}

export function writeHelloVerifyRequest(cookie: Uint8Array): Uint8Array {
  // DTLS 1.0 in this one message, whatever is spoken later (RFC 6347 §4.2.1).
  return concat(uint16(0xfeff), vector(1, cookie));
}

/** The cookie. */
export function readHelloVerifyRequest(body: Uint8Array): Uint8Array {
  const reader = new ByteReader(body);
  reader.uint(2);
  return Uint8Array.from(reader.vector(1));
}

function readExtensions(reader: ByteReader): Map<number, Uint8Array> {
  const extensions = new Map<number, Uint8Array>();
  if (reader.remaining === 0) return extensions;
  const block = new ByteReader(reader.vector(2));
  reader.end();
  while (block.remaining > 0) {
    const type = block.uint(2);
    if (extensions.has(type)) throw new DtlsError(Alert.decodeError, 'a hello has an extension twice');
    extensions.set(type, block.vector(2));
  }
  return extensions;
}

function extension(type: number, ...content: Uint8Array[]): Uint8Array {
  return concat(uint16(type), vector(2, ...content));
}

/** Profiles and an empty MKI (RFC 5764 §4.1.1). */
function useSrtp(profiles: readonly number[]): Uint8Array {
  return concat(vector(2, ...profiles.map(uint16)), vector(1));
}

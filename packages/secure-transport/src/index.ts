export {
  type Certificate,
  type CreateCertificateOptions,
  createCertificate,
  FINGERPRINT_ALGORITHMS,
  type Fingerprint,
  fingerprintOf,
  type LocalCertificate,
  loadCertificate,
  openCertificate,
} from './certificate.ts';
export { DtlsConnection, type DtlsOptions, type DtlsOutput, type DtlsState } from './dtls/connection.ts';
export type * from './endpoint.ts';
export { createSecureEndpoint, type SecureEndpointOptions } from './secure-endpoint.ts';
export { StunBuilder } from './stun/builder.ts';
export { StunView } from './stun/reader.ts';
export { STUN_BINDING, StunAttribute, StunClass } from './stun/registry.ts';

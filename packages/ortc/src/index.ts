export { codecMatches, kindMatches } from './codec-match.ts';
export { canonicalName, isFeatureCodec, isMediaCodec, isRtxCodec } from './codec-names.ts';
export { defaultMediaCodecs, type RoomMediaCodec } from './default-media-codecs.ts';
export type * from './dictionaries.ts';
export { OrtcError } from './errors.ts';
export * as extra from './extra.ts';
export { fingerprintFromSDP, fingerprintToSDP, paramFromSDP, paramToSDP } from './extra.ts';
export {
  addToListener,
  createListenerTables,
  dumpListener,
  type ListenerKeys,
  type ListenerTables,
  listenerKeys,
  removeFromListener,
  ridKey,
} from './listener-tables.ts';
export { parseRtpParameters } from './parse-parameters.ts';
export { commonFeedback, effectivePeerCapabilities, parsePeerCapabilities } from './peer-capabilities.ts';
export {
  type ReceiverParameters,
  type ReceiverType,
  receiverParameters,
  receiverType,
} from './receiver-parameters.ts';
export { capabilitiesOfKind, roomCapabilities, rtxOf } from './room-capabilities.ts';
export { parseScalabilityMode, type ScalabilityMode } from './scalability-mode.ts';
export {
  type SenderIdentity,
  type SenderParameters,
  type SenderSource,
  senderParameters,
} from './sender-parameters.ts';
export {
  getSupportedRtpCapabilities,
  type SupportedCodec,
  type SupportedRtpCapabilities,
  uris as headerExtensionUris,
} from './supported.ts';
export {
  createIceCredentials,
  type DtlsLocalParameters,
  type IceCandidate,
  type IceCandidateOptions,
  iceCandidates,
  localDtlsRole,
  parseRemoteDtlsParameters,
  type RemoteDtlsParameters,
} from './transport-parameters.ts';
export { capabilitiesFromWire, capabilitiesToWire, mediaCodecFromWire } from './wire-capabilities.ts';
export { fieldToWire, rtpParametersFromWire, rtpParametersToWire } from './wire-parameters.ts';
export {
  dtlsParametersFromWire,
  dtlsParametersToWire,
  iceCandidatesToWire,
  iceParametersToWire,
} from './wire-transport.ts';

/** The RTP dictionaries of object-model.md §10, in effective (validated, normalised) form. */

export type MediaKind = 'audio' | 'video' | 'depth';

/** Values the model allows in codec and extension parameters (§10.3). */
export type ParameterValue = boolean | number | string | number[];
export type Parameters = Record<string, ParameterValue>;

export interface RtcpFeedback {
  type: string;
  /** `null` when there is none. */
  parameter: string | null;
}

/** One dictionary for codec capability (room, peer) and codec parameters (receive). */
export interface RtpCodecParameters {
  /** Capabilities only. `''` = all kinds (room codecs). */
  kind?: MediaKind | '';
  name: string;
  payloadType: number;
  clockRate: number;
  numChannels?: number;
  maxptime?: number;
  ptime?: number;
  rtcpFeedback: RtcpFeedback[];
  parameters: Parameters;
}

export type ExtensionDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export interface RtpHeaderExtension {
  kind: MediaKind | '';
  uri: string;
  preferredId: number;
  preferredEncrypt: boolean;
  /** Seen from us; default sendrecv. */
  direction: ExtensionDirection;
}

export interface RtpCapabilities {
  codecs: RtpCodecParameters[];
  headerExtensions: RtpHeaderExtension[];
  fecMechanisms: string[];
}

export interface RtpHeaderExtensionParameters {
  uri: string;
  id: number;
  encrypt: boolean;
  parameters: Parameters;
}

export interface RtpEncodingParameters {
  ssrc?: number;
  codecPayloadType?: number;
  rtx?: { ssrc?: number };
  fec?: { mechanism: string; ssrc?: number };
  resolutionScale?: number;
  framerateScale?: number;
  maxFramerate?: number;
  active: boolean;
  /** RID. */
  encodingId?: string;
  dependencyEncodingIds?: string[];
  // Kept from v3 shapes (§15.2).
  scalabilityMode?: string;
  maxBitrate?: number;
  dtx?: boolean;
  adaptivePtime?: boolean;
  priority?: string;
  networkPriority?: string;
}

export interface RtcpParameters {
  cname?: string;
  ssrc?: number;
  reducedSize: boolean;
}

export interface RtpParameters {
  muxId?: string;
  codecs: RtpCodecParameters[];
  encodings: RtpEncodingParameters[];
  headerExtensions: RtpHeaderExtensionParameters[];
  rtcp?: RtcpParameters;
  userParameters: Record<string, unknown>;
}

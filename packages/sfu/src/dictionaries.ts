import type {
  MediaKind,
  ParameterValue,
  RtcpParameters,
  RtpEncodingParameters,
  RtpHeaderExtensionParameters,
} from '@weir/ortc';

/**
 * What the application gives; effective dictionaries, with every default filled in, can be given again.
 * JavaScript callers are checked at run time by the same rules (object-model.md §10).
 */
interface RtpCodec {
  /** `audio/opus`, `video/VP8` …; letters in any case. */
  name: string;
  /** Hertz. */
  clockRate: number;
  /** Default 1; opus has 2. */
  numChannels?: number;
  /** Milliseconds. */
  maxptime?: number;
  ptime?: number;
  /** Names in camelCase: `profileLevelId`, `packetizationMode`, `apt`. */
  parameters?: Record<string, ParameterValue>;
  rtcpFeedback?: { type: string; parameter?: string | null }[];
}

/** One codec of a room. */
export interface RoomCodec extends RtpCodec {
  /** `''`: all kinds. */
  kind: MediaKind | '';
  /** 0 to 127; default: the next free dynamic one. */
  payloadType?: number;
}

/** One codec of a peer. */
export interface PeerCodec extends RtpCodec {
  kind: MediaKind | '';
  /** 0 to 127. */
  payloadType: number;
}

/** What an endpoint can receive, or send. */
export interface PeerCapabilities {
  /** Default: none. */
  codecs?: PeerCodec[];
  headerExtensions?: {
    /** Default `''`: all kinds. */
    kind?: MediaKind | '';
    uri: string;
    preferredId: number;
    preferredEncrypt?: boolean;
  }[];
  fecMechanisms?: string[];
}

/** One codec of what an endpoint sends. */
export interface SentCodec extends RtpCodec {
  /** Ignored: the receiver's kind counts. */
  kind?: MediaKind | '';
  /** As it stands in the packets, 0 to 127. */
  payloadType: number;
}

/** What an endpoint sends. */
export interface SentRtpParameters {
  /** The MID. */
  muxId?: string;
  codecs: SentCodec[];
  /** Default: one encoding with the first media codec. */
  encodings?: Partial<RtpEncodingParameters>[];
  headerExtensions?: (Pick<RtpHeaderExtensionParameters, 'uri' | 'id'> &
    Partial<RtpHeaderExtensionParameters>)[];
  rtcp?: Partial<RtcpParameters>;
  /** Copied to every sender. */
  userParameters?: Record<string, unknown>;
}

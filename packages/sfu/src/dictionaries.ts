import type {
  MediaKind,
  ParameterValue,
  RtcpParameters,
  RtpEncodingParameters,
  RtpHeaderExtensionParameters,
} from '@weir/ortc';

/**
 * One codec, as the application gives it; effective dictionaries, with every default filled in, can be given again.
 * JavaScript callers are checked at run time by the same rules (object-model.md §10).
 */
export interface RtpCodec {
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
  /** Default: none. Those the room does not know are dropped. */
  headerExtensions?: PeerHeaderExtension[];
  fecMechanisms?: string[];
}

/** One RTP header extension of a peer. */
export interface PeerHeaderExtension {
  /** Default `''`: all kinds. */
  kind?: MediaKind | '';
  uri: string;
  /** 1 to 14 for one-byte headers, up to 255 for two-byte headers; the room's id counts. */
  preferredId: number;
  preferredEncrypt?: boolean;
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

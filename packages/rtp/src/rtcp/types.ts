/** RTCP packet types (RFC 3550 §12.1, RFC 4585 §6.1, RFC 3611). */
export const RtcpType = {
  senderReport: 200,
  receiverReport: 201,
  sdes: 202,
  bye: 203,
  app: 204,
  transportFeedback: 205,
  payloadFeedback: 206,
  extendedReport: 207,
} as const;

/** FMT of transport-layer feedback (205). */
export const TransportFeedbackFormat = {
  nack: 1,
  tmmbr: 3,
  tmmbn: 4,
  tllei: 7,
  ecn: 8,
  transportWide: 15,
} as const;

/** FMT of payload-specific feedback (206). */
export const PayloadFeedbackFormat = {
  pli: 1,
  sli: 2,
  rpsi: 3,
  fir: 4,
  tstr: 5,
  tstn: 6,
  vbcm: 7,
  lei: 8,
  afb: 15,
} as const;

export interface ReportBlock {
  /** The stream that is reported on. */
  readonly ssrc: number;
  /** 0…255 in 1/256. */
  readonly fractionLost: number;
  /** Signed 24 bits. */
  readonly totalLost: number;
  /** Highest sequence number with its rollovers, 32 bits. */
  readonly extendedHighestSequence: number;
  readonly jitter: number;
  /** Middle 32 bits of the last sender report's NTP time; 0 = none. */
  readonly lastSenderReport: number;
  /** 1/65536 s. */
  readonly delaySinceLastSenderReport: number;
}

export interface SenderReportPacket {
  readonly type: 'sr';
  readonly ssrc: number;
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly rtpTimestamp: number;
  readonly packetCount: number;
  readonly octetCount: number;
  readonly reports: readonly ReportBlock[];
}

export interface ReceiverReportPacket {
  readonly type: 'rr';
  readonly ssrc: number;
  readonly reports: readonly ReportBlock[];
}

/** Item types: 1 CNAME, 2 NAME, 3 EMAIL, 4 PHONE, 5 LOC, 6 TOOL, 7 NOTE, 8 PRIV. */
export interface SdesItem {
  readonly type: number;
  readonly value: string;
}

export interface SdesChunk {
  readonly ssrc: number;
  readonly items: readonly SdesItem[];
}

export interface SdesPacket {
  readonly type: 'sdes';
  readonly chunks: readonly SdesChunk[];
}

export interface ByePacket {
  readonly type: 'bye';
  readonly ssrcs: readonly number[];
  readonly reason?: string;
}

interface Feedback {
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
}

export interface NackItem {
  readonly packetId: number;
  /** Bit i set: packetId + i + 1 is lost too. */
  readonly bitmask: number;
}

export interface NackPacket extends Feedback {
  readonly type: 'nack';
  readonly items: readonly NackItem[];
}

export interface TmmbrItem {
  readonly ssrc: number;
  /** A multiple of a power of two of at most 17 bits: rounded down when written. */
  readonly bitrateBps: number;
  /** Bytes per packet, 9 bits. */
  readonly overhead: number;
}

export interface TmmbrPacket extends Feedback {
  readonly type: 'tmmbr' | 'tmmbn';
  readonly items: readonly TmmbrItem[];
}

export interface TlleiPacket extends Feedback {
  readonly type: 'tllei';
  readonly items: readonly NackItem[];
}

export interface EcnItem {
  readonly sequenceNumber: number;
  readonly ect0Counter: number;
  readonly ect1Counter: number;
  readonly ecnCeCounter: number;
  readonly notEctCounter: number;
  readonly lostPackets: number;
  readonly duplicatedPackets: number;
}

export interface EcnPacket extends Feedback {
  readonly type: 'ecn';
  readonly items: readonly EcnItem[];
}

export interface PliPacket extends Feedback {
  readonly type: 'pli';
}

export interface SliItem {
  /** 13 bits. */
  readonly first: number;
  /** 13 bits. */
  readonly number: number;
  /** 6 bits. */
  readonly pictureId: number;
}

export interface SliPacket extends Feedback {
  readonly type: 'sli';
  readonly items: readonly SliItem[];
}

export interface RpsiPacket extends Feedback {
  readonly type: 'rpsi';
  readonly payloadType: number;
  /** Whole bytes of the native bit string. */
  readonly bitString: Uint8Array;
}

export interface FirItem {
  readonly ssrc: number;
  readonly sequenceNumber: number;
}

export interface FirPacket extends Feedback {
  readonly type: 'fir';
  readonly items: readonly FirItem[];
}

export interface TstItem {
  readonly ssrc: number;
  readonly sequenceNumber: number;
  /** 5 bits. */
  readonly index: number;
}

export interface TstPacket extends Feedback {
  readonly type: 'tstr' | 'tstn';
  readonly items: readonly TstItem[];
}

export interface VbcmItem {
  readonly ssrc: number;
  readonly sequenceNumber: number;
  readonly payloadType: number;
  readonly value: Uint8Array;
}

export interface VbcmPacket extends Feedback {
  readonly type: 'vbcm';
  readonly items: readonly VbcmItem[];
}

export interface LeiPacket extends Feedback {
  readonly type: 'lei';
  readonly ssrcs: readonly number[];
}

export interface RembPacket extends Feedback {
  readonly type: 'remb';
  /** Rounded down to 18 significant bits when written. */
  readonly bitrateBps: number;
  readonly ssrcs: readonly number[];
}

/** Application layer feedback that is no REMB. */
export interface AfbPacket extends Feedback {
  readonly type: 'afb';
  readonly data: Uint8Array;
}

/** Transport-wide feedback; its contents are read by TransportFeedback. */
export interface TransportCcPacket extends Feedback {
  readonly type: 'transport-cc';
  /** The feedback control information, after the two SSRCs. */
  readonly data: Uint8Array;
}

/** APP, XR and whatever else lies in 192…223: kept, not understood. */
export interface OpaqueRtcpPacket {
  readonly type: 'opaque';
  readonly packetType: number;
  /** The five bits of count or format. */
  readonly count: number;
  readonly data: Uint8Array;
}

export type RtcpPacket =
  | SenderReportPacket
  | ReceiverReportPacket
  | SdesPacket
  | ByePacket
  | NackPacket
  | TmmbrPacket
  | TlleiPacket
  | EcnPacket
  | PliPacket
  | SliPacket
  | RpsiPacket
  | FirPacket
  | TstPacket
  | VbcmPacket
  | LeiPacket
  | RembPacket
  | AfbPacket
  | TransportCcPacket
  | OpaqueRtcpPacket;

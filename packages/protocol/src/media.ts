import { z } from 'zod';

/**
 * What a media worker is told, and what it tells. A room's wanted media state is a set of specs; an
 * update replaces or removes some of them. Updates are idempotent and ordered by the room's version, so
 * repeating, reordering or losing one never harms: a worker that misses a step asks for the whole.
 */
const id = z.number().int().positive();
const payloadType = z.number().int().min(0).max(127);
const ssrc = z.number().int().min(1).max(0xffffffff);

export const MediaKind = z.enum(['audio', 'video', 'depth']);
export type MediaKind = z.infer<typeof MediaKind>;

export const IceCredentials = z.object({ usernameFragment: z.string(), password: z.string() });
export type IceCredentials = z.infer<typeof IceCredentials>;

export const Fingerprint = z.object({
  algorithm: z.enum(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']),
  /** Lowercase hex without colons. */
  value: z.string(),
});
export type Fingerprint = z.infer<typeof Fingerprint>;

export const WebRtcTransportSpec = z.object({
  id,
  type: z.literal('webrtc'),
  peerId: id,
  ice: IceCredentials,
  /** Still accepted until the first valid request with `ice` (D-15). */
  previousIce: IceCredentials.optional(),
  /** Absent until setRemoteDtlsParameters(). `localRole` is ours. */
  dtls: z.object({ localRole: z.enum(['client', 'server']), remoteFingerprint: Fingerprint }).optional(),
  udp: z.boolean(),
  tcp: z.boolean(),
  /** Bits per second; 0 = no limit. */
  maxIncomingBitrate: z.number().int().nonnegative(),
  maxOutgoingBitrate: z.number().int().nonnegative(),
  minOutgoingBitrate: z.number().int().nonnegative(),
  initialOutgoingBitrate: z.number().int().nonnegative(),
});
export type WebRtcTransportSpec = z.infer<typeof WebRtcTransportSpec>;

/** RTP and RTCP without ICE and DTLS, for ffmpeg, GStreamer and the like. */
export const PlainTransportSpec = z.object({
  id,
  type: z.literal('plain'),
  peerId: id,
  /** Learn the remote address from the first packet. */
  comedia: z.boolean(),
  rtcpMux: z.boolean(),
  remote: z
    .object({ ip: z.string(), port: z.number().int(), rtcpPort: z.number().int().optional() })
    .optional(),
  maxIncomingBitrate: z.number().int().nonnegative(),
});
export type PlainTransportSpec = z.infer<typeof PlainTransportSpec>;

export const TransportSpec = z.discriminatedUnion('type', [WebRtcTransportSpec, PlainTransportSpec]);
export type TransportSpec = z.infer<typeof TransportSpec>;

/** Feedback messages that both ends agreed on for a codec. */
export const FeedbackSpec = z.object({
  nack: z.boolean(),
  pli: z.boolean(),
  fir: z.boolean(),
  remb: z.boolean(),
  transportCc: z.boolean(),
});
export type FeedbackSpec = z.infer<typeof FeedbackSpec>;

export const CodecSpec = z.object({
  /** As it stands in the packets of this endpoint. */
  payloadType,
  /** The room's payload type for the same codec; what senders use. */
  roomPayloadType: payloadType,
  mimeType: z.string(),
  clockRate: z.number().int().positive(),
  channels: z.number().int().positive(),
  /** For rtx: the endpoint's payload type it repairs. */
  apt: payloadType.optional(),
  feedback: FeedbackSpec,
});
export type CodecSpec = z.infer<typeof CodecSpec>;

export const ExtensionSpec = z.object({ uri: z.string(), id: z.number().int().min(1).max(255) });
export type ExtensionSpec = z.infer<typeof ExtensionSpec>;

export const EncodingSpec = z.object({
  ssrc: ssrc.optional(),
  rid: z.string().optional(),
  rtxSsrc: ssrc.optional(),
  codecPayloadType: payloadType.optional(),
  scalabilityMode: z.string().optional(),
  dtx: z.boolean().optional(),
  maxBitrate: z.number().int().nonnegative().optional(),
});
export type EncodingSpec = z.infer<typeof EncodingSpec>;

export const ReceiverSpec = z.object({
  id,
  peerId: id,
  transportId: id.nullable(),
  kind: MediaKind,
  mid: z.string().optional(),
  /** The endpoint's payload types and extension ids. */
  codecs: z.array(CodecSpec),
  headerExtensions: z.array(ExtensionSpec),
  /** Low to high, as published. */
  encodings: z.array(EncodingSpec),
  cname: z.string(),
  paused: z.boolean(),
  /** Minimum milliseconds between two key frame requests to the endpoint; 0 = default throttling. */
  keyFrameRequestDelayMs: z.number().int().nonnegative(),
  /** Sound that is forwarded however quiet it is, and takes nobody's place (maxLoudestAudio). */
  alwaysForward: z.boolean().optional(),
});
export type ReceiverSpec = z.infer<typeof ReceiverSpec>;

export const LayersSpec = z.object({
  spatialLayer: z.number().int().nonnegative(),
  temporalLayer: z.number().int().nonnegative().optional(),
});
export type LayersSpec = z.infer<typeof LayersSpec>;

/**
 * How readily one sender changes its layers. Margins are shares of what the layer costs, so 0.12 = 12 %. What is absent is
 * as in `defaultHysteresis`; a layer that is far too big for the path goes at once in any case.
 */
export const HysteresisSpec = z
  .strictObject({
    /** So much beyond the cost of a better layer must be there before it is taken: 0 to 2. */
    upMargin: z.number().min(0).max(2),
    /** So much too big the present layer may be and is kept: 0 to 0.5. */
    downMargin: z.number().min(0).max(0.5),
    /** No better layer so soon after one was given up, milliseconds: 0 to 120000. */
    upHoldMs: z.number().int().min(0).max(120_000),
    /** A layer that is a little too big is kept so long, milliseconds: 0 to 30000. One clearly too big, 40 % of it. */
    downHoldMs: z.number().int().min(0).max(30_000),
  })
  .partial();
export type HysteresisSpec = z.infer<typeof HysteresisSpec>;

/** Layers grow by factors of three, and encoders vary by a tenth: less to spare flaps, more wastes the path. */
export const defaultHysteresis: Hysteresis = {
  upMargin: 0.12,
  downMargin: 0.08,
  upHoldMs: 700,
  downHoldMs: 1500,
};

/** `HysteresisSpec` with its defaults. */
export interface Hysteresis {
  readonly upMargin: number;
  readonly downMargin: number;
  readonly upHoldMs: number;
  readonly downHoldMs: number;
}

/** What holds where these were set. */
export function hysteresisOf(set: HysteresisSpec = {}): Hysteresis {
  const { upMargin, downMargin, upHoldMs, downHoldMs } = defaultHysteresis;
  return {
    upMargin: set.upMargin ?? upMargin,
    downMargin: set.downMargin ?? downMargin,
    upHoldMs: set.upHoldMs ?? upHoldMs,
    downHoldMs: set.downHoldMs ?? downHoldMs,
  };
}

export const SenderSpec = z.object({
  id,
  peerId: id,
  receiverId: id,
  transportId: id.nullable(),
  kind: MediaKind,
  mid: z.string().optional(),
  ssrc,
  rtxSsrc: ssrc.optional(),
  /** Payload types here are the room's; a codec is matched to the receiver's by `roomPayloadType`. */
  codecs: z.array(CodecSpec),
  headerExtensions: z.array(ExtensionSpec),
  cname: z.string(),
  /** available && bound && !disabled (object-model.md §8.4). Nothing is forwarded while false. */
  active: z.boolean(),
  preferredLayers: LayersSpec.optional(),
  /** 1 = default; greater gets bitrate first. */
  priority: z.number().int().min(1).max(255),
  /** Absent = `defaultHysteresis`. */
  hysteresis: HysteresisSpec.optional(),
});
export type SenderSpec = z.infer<typeof SenderSpec>;

export const RoomMediaUpdate = z.object({
  roomId: z.string(),
  /** The room's version after this update. */
  version: z.number().int().nonnegative(),
  /** The version this update starts from; null = this is the whole wanted state. */
  base: z.number().int().nonnegative().nullable(),
  put: z.object({
    transports: z.array(TransportSpec),
    receivers: z.array(ReceiverSpec),
    senders: z.array(SenderSpec),
  }),
  remove: z.object({ transports: z.array(id), receivers: z.array(id), senders: z.array(id) }),
  /** Senders for which a key frame is asked once. */
  keyFrames: z.array(id),
  /** Which of the pod's media workers has the room; absent = the one that a hash tells (docs/decisions/0030). */
  worker: z.number().int().nonnegative().optional(),
  /** Only so many receivers of sound are forwarded, the loudest (docs/decisions/0045); absent = all. */
  maxLoudestAudio: z.number().int().positive().optional(),
});
export type RoomMediaUpdate = z.infer<typeof RoomMediaUpdate>;

export const TransportTuple = z.object({
  localIP: z.string(),
  localPort: z.number().int(),
  remoteIP: z.string(),
  remotePort: z.number().int(),
  protocol: z.enum(['udp', 'tcp']),
});
export type TransportTuple = z.infer<typeof TransportTuple>;

const of = { roomId: z.string() };

/** What happened at the media side. In the order it happened, per transport. */
export const MediaHappening = z.discriminatedUnion('type', [
  z.object({ ...of, type: z.literal('transport.tuple'), transportId: id, tuple: TransportTuple }),
  z.object({
    ...of,
    type: z.literal('transport.ice'),
    transportId: id,
    state: z.enum(['connected', 'completed', 'disconnected']),
  }),
  z.object({
    ...of,
    type: z.literal('transport.dtls'),
    transportId: id,
    state: z.enum(['connecting', 'connected', 'failed', 'closed']),
    /** PEM, with `connected`. */
    remoteCert: z.string().optional(),
    /** Why, with `failed` and `closed`; for logs. */
    reason: z.string().optional(),
  }),
  /** The transport died by itself, after its state happening; the worker has already dropped it. */
  z.object({ ...of, type: z.literal('transport.closed'), transportId: id, reason: z.string() }),
  z.object({
    ...of,
    type: z.literal('receiver.score'),
    receiverId: id,
    scores: z.array(
      z.object({
        encodingIdx: z.number().int(),
        ssrc: z.number().int(),
        rid: z.string().optional(),
        score: z.number().int().min(0).max(10),
      }),
    ),
  }),
  /**
   * Which spatial layers of a receiver anybody has a use for: what viewers get, what their bitrate might soon give
   * them, and what they would fall back to. All of them are told when the receiver is bound to a transport, as its
   * publisher may have heard something else of another pod; then what changes: a layer that is needed again is told at
   * once, one that is not only after a while. Others need not be sent. Until it is told anything all are wanted.
   */
  z.object({
    ...of,
    type: z.literal('receiver.wantedlayers'),
    receiverId: id,
    /** Encodings of simulcast, or layers within the one stream, rising; empty = nobody takes it at all. */
    spatialLayers: z.array(z.number().int().nonnegative()).max(16),
  }),
  z.object({
    ...of,
    type: z.literal('receiver.videoorientation'),
    receiverId: id,
    camera: z.boolean(),
    flip: z.boolean(),
    rotation: z.number().int(),
  }),
  z.object({
    ...of,
    type: z.literal('sender.score'),
    senderId: id,
    score: z.number().int().min(0).max(10),
    receiverScore: z.number().int().min(0).max(10),
  }),
  z.object({ ...of, type: z.literal('sender.layers'), senderId: id, layers: LayersSpec.nullable() }),
  z.object({
    ...of,
    type: z.literal('audio.levels'),
    /** dBov, 0 (loudest) to -127; averaged over the last 500 ms, loudest first. */
    levels: z.array(z.object({ receiverId: id, audioLevel: z.number().int().min(-127).max(0) })),
  }),
  /** Somebody else is the dominant speaker of what this worker has of the room. */
  z.object({ ...of, type: z.literal('audio.speaker'), receiverId: id }),
]);
export type MediaHappening = z.infer<typeof MediaHappening>;

import { z } from 'zod';
import { Cursor, PeerId, PeerName, ReceiverId, RoomId, SenderId, TransportId } from './ids.ts';
import { HysteresisSpec, LayersSpec, TransportTuple } from './media.ts';
import {
  WireDtlsParameters,
  WireIceCandidate,
  WireIceParameters,
  WireMediaKind,
  WireRtpCapabilities,
  WireRtpCodecCapability,
  WireRtpCodecParameters,
  WireRtpParameters,
} from './rtp.ts';
import { RoomWebhook } from './webhooks.ts';

/** Bodies and answers of the public HTTP API (architecture.md §3). */

/** Whatever the application wants to keep with an object; at most 4 KiB of JSON. */
export const AppData = z
  .record(z.string(), z.json())
  .refine((value) => JSON.stringify(value).length <= 4096, 'must be at most 4096 characters of JSON');
export type AppData = z.infer<typeof AppData>;

export const IceServer = z.object({
  urls: z.union([z.string(), z.array(z.string())]),
  username: z.string().optional(),
  credential: z.string().optional(),
});
export type IceServer = z.infer<typeof IceServer>;

// ---- rooms

export const CreateRoomRequest = z.object({
  /** Chosen by the application, or made by Weir. */
  id: RoomId.optional(),
  /** Default: opus, VP8, VP9, H264 (baseline and constrained baseline), AV1. */
  mediaCodecs: z.array(WireRtpCodecCapability).max(64).optional(),
  maxPeers: z.number().int().min(1).max(10_000).default(100),
  /** The room closes when nobody has been in it for so long; 0 = never. */
  emptyTtlSeconds: z
    .number()
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(300),
  /** The room closes after so long whatever happens; 0 = never. */
  maxDurationSeconds: z
    .number()
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(0),
  /** Only so many receivers of sound are forwarded, the loudest of them; 0 = all (docs/audio.md). */
  maxLoudestAudio: z.number().int().min(0).max(100).default(0),
  metadata: AppData.default({}),
  /** Called with what happens in this room, besides the webhooks of the deployment. */
  webhook: RoomWebhook.optional(),
});
export type CreateRoomRequest = z.infer<typeof CreateRoomRequest>;

export const RoomView = z.object({
  id: RoomId,
  rtpCapabilities: WireRtpCapabilities,
  maxPeers: z.number().int(),
  emptyTtlSeconds: z.number().int(),
  maxDurationSeconds: z.number().int(),
  maxLoudestAudio: z.number().int(),
  metadata: AppData,
  peerCount: z.number().int(),
  createdAt: z.number().int(),
});
export type RoomView = z.infer<typeof RoomView>;

export const UpdateRoomRequest = z
  .object({
    maxPeers: z.number().int().min(1).max(10_000),
    emptyTtlSeconds: z
      .number()
      .int()
      .min(0)
      .max(30 * 86_400),
    maxDurationSeconds: z
      .number()
      .int()
      .min(0)
      .max(30 * 86_400),
    /** Only so many receivers of sound are forwarded, the loudest of them; 0 = all (docs/audio.md). */
    maxLoudestAudio: z.number().int().min(0).max(100),
    metadata: AppData,
    /** null = none any more. */
    webhook: RoomWebhook.nullable(),
  })
  .partial();
export type UpdateRoomRequest = z.infer<typeof UpdateRoomRequest>;

export const RoomList = z.object({ rooms: z.array(RoomView), next: z.string().optional() });
export type RoomList = z.infer<typeof RoomList>;

// ---- peers

export const PeerInfo = z.object({ id: PeerId, name: PeerName, appData: AppData });
export type PeerInfo = z.infer<typeof PeerInfo>;

export const JoinRequest = z.object({
  /** Default: the name in the token. */
  name: PeerName.optional(),
  /** What to do if a living peer has the name. `replace` closes that peer. */
  onTakenName: z.enum(['reject', 'replace']).default('reject'),
  /** Sets the capabilities in the same step; else PUT …/capabilities later. */
  rtpCapabilities: WireRtpCapabilities.optional(),
  sendRtpCapabilities: WireRtpCapabilities.optional(),
  appData: AppData.default({}),
});
export type JoinRequest = z.infer<typeof JoinRequest>;

export const CapabilitiesRequest = z.object({
  rtpCapabilities: WireRtpCapabilities,
  /** What the endpoint may send, if it differs (object-model.md D-12). */
  sendRtpCapabilities: WireRtpCapabilities.optional(),
});
export type CapabilitiesRequest = z.infer<typeof CapabilitiesRequest>;

export const CapabilitiesAnswer = z.object({ rtpCapabilities: WireRtpCapabilities });
export type CapabilitiesAnswer = z.infer<typeof CapabilitiesAnswer>;

// ---- transports

export const CreateTransportRequest = z.object({
  /** What the client means to do with it; mediasoup-client transports go one way. */
  direction: z.enum(['send', 'recv', 'both']).default('both'),
  /** `plain`: RTP and RTCP without ICE and DTLS, for ffmpeg and the like. Default: webrtc. */
  type: z.enum(['webrtc', 'plain']).optional(),
  /** Plain only: learn the remote address from the first packet instead of PUT …/plain. Default: false. */
  comedia: z.boolean().optional(),
  /** Plain only: RTCP on the RTP port. Default: true. */
  rtcpMux: z.boolean().optional(),
  udp: z.boolean().optional(),
  tcp: z.boolean().optional(),
  preferIPv4: z.boolean().optional(),
  preferIPv6: z.boolean().optional(),
  preferUdp: z.boolean().optional(),
  preferTcp: z.boolean().optional(),
  appData: AppData.default({}),
});
export type CreateTransportRequest = z.infer<typeof CreateTransportRequest>;

export const TransportView = z.object({
  id: TransportId,
  direction: z.enum(['send', 'recv', 'both']),
  iceParameters: WireIceParameters,
  iceCandidates: z.array(WireIceCandidate),
  dtlsParameters: WireDtlsParameters,
  iceState: z.enum(['new', 'connected', 'completed', 'disconnected', 'closed']),
  dtlsState: z.enum(['new', 'connecting', 'connected', 'failed', 'closed']),
  iceSelectedTuple: TransportTuple.optional(),
  iceServers: z.array(IceServer),
  appData: AppData,
});
export type TransportView = z.infer<typeof TransportView>;

/** Answer to creating a transport of type `plain`. */
export const PlainTransportView = z.object({
  id: TransportId,
  type: z.literal('plain'),
  direction: z.enum(['send', 'recv', 'both']),
  /** Where to send RTP, and RTCP too: the pod has one port for all. Empty and 0 once the pod is gone. */
  ip: z.string(),
  port: z.number().int(),
  rtcpMux: z.boolean(),
  comedia: z.boolean(),
  /** Where media goes; absent until it was told (PUT …/plain) or learnt (comedia). */
  remote: z
    .object({ ip: z.string(), port: z.number().int(), rtcpPort: z.number().int().optional() })
    .optional(),
  appData: AppData,
});
export type PlainTransportView = z.infer<typeof PlainTransportView>;

/** PUT …/transports/{t}/plain: where to send RTP, and RTCP if it is not muxed (`rtcpPort`, needed exactly then). */
export const ConnectPlainTransportRequest = z.object({
  ip: z
    .string()
    .refine(
      (text) => z.ipv4().safeParse(text).success || z.ipv6().safeParse(text).success,
      'must be an IPv4 or IPv6 address',
    ),
  port: z.number().int().min(1).max(65535),
  rtcpPort: z.number().int().min(1).max(65535).optional(),
});
export type ConnectPlainTransportRequest = z.infer<typeof ConnectPlainTransportRequest>;

export const ConnectTransportRequest = z.object({ dtlsParameters: WireDtlsParameters });
export type ConnectTransportRequest = z.infer<typeof ConnectTransportRequest>;

export const IceRestartAnswer = z.object({ iceParameters: WireIceParameters });
export type IceRestartAnswer = z.infer<typeof IceRestartAnswer>;

/** POST …/transports/{t}/check: what became of the pod of a transport on which nothing comes any more. */
export const TransportCheckAnswer = z.object({
  /**
   * `alive`: it answers, so the fault is on the way there or at the source. `silent`: it does not answer signaling;
   * go on asking while nothing comes. `lost`: the transport is closed, build another.
   */
  pod: z.enum(['alive', 'silent', 'lost']),
});
export type TransportCheckAnswer = z.infer<typeof TransportCheckAnswer>;

export const UpdateTransportRequest = z
  .object({
    /** Bits per second, 0 removes the limit; 1…9999 counts as 10000 (D-14). */
    maxIncomingBitrate: z.number().int().min(0).max(0xffffffff),
    maxOutgoingBitrate: z.number().int().min(0).max(0xffffffff),
    minOutgoingBitrate: z.number().int().min(0).max(0xffffffff),
  })
  .partial();
export type UpdateTransportRequest = z.infer<typeof UpdateTransportRequest>;

// ---- receivers (a client's producers)

export const CreateReceiverRequest = z.object({
  kind: WireMediaKind,
  transportId: TransportId,
  rtpParameters: WireRtpParameters,
  paused: z.boolean().default(false),
  keyFrameRequestDelayMs: z.number().int().min(0).max(60_000).default(0),
  /** Sound only: forwarded however quiet it is, beside the `maxLoudestAudio` of the room. */
  alwaysForward: z.boolean().default(false),
  appData: AppData.default({}),
});
export type CreateReceiverRequest = z.infer<typeof CreateReceiverRequest>;

export const ReceiverView = z.object({
  id: ReceiverId,
  peerId: PeerId,
  kind: WireMediaKind,
  type: z.enum(['simple', 'simulcast', 'svc']),
  transportId: TransportId.nullable(),
  /** Effective parameters; absent until receive() succeeded. */
  rtpParameters: WireRtpParameters.optional(),
  paused: z.boolean(),
  /** Forwarded however quiet it is; only there when true. */
  alwaysForward: z.boolean().optional(),
  appData: AppData,
});
export type ReceiverView = z.infer<typeof ReceiverView>;

export const SetReceiverParametersRequest = z.object({ rtpParameters: WireRtpParameters });
export type SetReceiverParametersRequest = z.infer<typeof SetReceiverParametersRequest>;

/** PUT …/receivers/{r}/transport: the same track on another transport, as it is sent there. */
export const MoveReceiverRequest = z.object({ transportId: TransportId, rtpParameters: WireRtpParameters });
export type MoveReceiverRequest = z.infer<typeof MoveReceiverRequest>;

export const UpdateReceiverRequest = z
  .object({ paused: z.boolean(), transportId: TransportId, appData: AppData })
  .partial();
export type UpdateReceiverRequest = z.infer<typeof UpdateReceiverRequest>;

// ---- senders (a client's consumers)

export const SenderView = z.object({
  id: SenderId,
  /** `<id>.<n>`, new at each binding to a transport: pass it to mediasoup-client's consume() (D-41). */
  consumerId: z.string(),
  /** The receiver it forwards: mediasoup-client's producerId. */
  receiverId: ReceiverId,
  /** The peer whose media this is. */
  sourcePeerId: PeerId,
  sourcePeerName: PeerName,
  kind: WireMediaKind,
  type: z.enum(['simple', 'simulcast', 'svc']),
  transportId: TransportId.nullable(),
  /** Empty `codecs` means that the peer can't play it: do not consume. */
  rtpParameters: WireRtpParameters.extend({ codecs: z.array(WireRtpCodecParameters) }),
  active: z.boolean(),
  enabled: z.boolean(),
  receiverPaused: z.boolean(),
  preferredLayers: LayersSpec.optional(),
  currentLayers: LayersSpec.optional(),
  priority: z.number().int(),
  /** What was set; absent = the defaults. */
  hysteresis: HysteresisSpec.optional(),
  /** Of the receiver. */
  appData: AppData,
});
export type SenderView = z.infer<typeof SenderView>;

export const UpdateSenderRequest = z
  .object({
    /** Binds to this transport of the same peer; null unbinds. */
    transportId: TransportId.nullable(),
    enabled: z.boolean(),
    preferredLayers: LayersSpec.nullable(),
    priority: z.number().int().min(1).max(255),
    /** How readily layers change: takes the place of what was set before; null = the defaults. */
    hysteresis: HysteresisSpec.nullable(),
  })
  .partial();
export type UpdateSenderRequest = z.infer<typeof UpdateSenderRequest>;

/** PUT …/senders/{s}/transport. */
export const MoveSenderRequest = z.object({
  transportId: TransportId,
  /** Whether media has come there, so that the old transport need not be sent it any more. */
  done: z.boolean().default(false),
});
export type MoveSenderRequest = z.infer<typeof MoveSenderRequest>;

/** What to consume on the transport that a sender moves to, and whether it is sent there only. */
export const MoveSenderAnswer = SenderView.extend({ moved: z.boolean() });
export type MoveSenderAnswer = z.infer<typeof MoveSenderAnswer>;

export const SenderList = z.object({ senders: z.array(SenderView) });
export type SenderList = z.infer<typeof SenderList>;

// ---- the whole view of one peer

export const Snapshot = z.object({
  /** The position in the log at which this view is true. */
  cursor: Cursor,
  room: RoomView,
  self: PeerInfo,
  rtpCapabilities: WireRtpCapabilities.optional(),
  /** The others, in join order. */
  peers: z.array(PeerInfo),
  transports: z.array(TransportView),
  /** Transports of type `plain`; absent if the peer has none. */
  plainTransports: z.array(PlainTransportView).optional(),
  receivers: z.array(ReceiverView),
  senders: z.array(SenderView),
});
export type Snapshot = z.infer<typeof Snapshot>;

export const JoinAnswer = z.object({ peer: PeerInfo, snapshot: Snapshot, iceServers: z.array(IceServer) });
export type JoinAnswer = z.infer<typeof JoinAnswer>;

// ---- tokens

/** Claims of a token under the key `weir`. */
export const Grants = z.object({
  /** A room id, or a pattern with `*` at its end. */
  room: z.string().min(1).max(65),
  /** The only name this token may join with; absent = any. */
  name: PeerName.optional(),
  publish: z.array(WireMediaKind).default(['audio', 'video']),
  subscribe: z.boolean().default(true),
  /** May create, list, change and close rooms and remove peers. */
  admin: z.boolean().default(false),
});
export type Grants = z.infer<typeof Grants>;

export const StatsAnswer = z.object({
  /** RTC stats objects, as mediasoup names them. */
  stats: z.array(z.record(z.string(), z.unknown())),
});
export type StatsAnswer = z.infer<typeof StatsAnswer>;

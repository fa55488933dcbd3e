import type { RtpCapabilities, RtpParameters } from '@weir/ortc';
import type { Fingerprint, HysteresisSpec, IceCredentials, LayersSpec, TransportTuple } from '@weir/protocol';

/**
 * The state of one room: plain data, one record per object, each stored as one row by `@weir/db`. Maps
 * keep creation order. Closed objects are gone from it.
 */
export interface RoomState {
  readonly id: string;
  /** Rises by one with each decision that changes anything. */
  version: number;
  closed: boolean;
  readonly capabilities: RtpCapabilities;
  /** Only so many receivers of sound are forwarded, the loudest; 0 = all. */
  maxLoudestAudio: number;
  readonly peers: Map<number, PeerRecord>;
  readonly transports: Map<number, TransportRecord>;
  readonly receivers: Map<number, ReceiverRecord>;
  readonly senders: Map<number, SenderRecord>;
}

export interface PeerRecord {
  readonly id: number;
  readonly name: string;
  /** Effective; undefined until setCapabilities() succeeded. */
  readonly capabilities?: RtpCapabilities;
  /**
   * What receive() is matched against (D-12): the codecs the peer may send, with the feedback it listed.
   * Set together with `capabilities`.
   */
  readonly sendCapabilities?: RtpCapabilities;
  readonly appData: Record<string, unknown>;
}

export interface TransportRecord {
  readonly id: number;
  readonly peerId: number;
  readonly type: 'webrtc' | 'plain';
  /** The client's view; object-model transports are 'both'. */
  readonly direction: 'send' | 'recv' | 'both';
  /** The pod that carries it; `''` in process. */
  readonly podId: string;
  /** Which of the pod's media workers, the same for all transports of a room there; absent = by the hash of the room. */
  readonly worker?: number;
  readonly ice: IceCredentials;
  readonly previousIce?: IceCredentials;
  readonly udp: boolean;
  readonly tcp: boolean;
  readonly dtlsLocalRole: 'auto' | 'client' | 'server';
  readonly dtlsRemoteFingerprint?: Fingerprint;
  readonly iceState: 'new' | 'connected' | 'completed' | 'disconnected' | 'closed';
  readonly iceSelectedTuple?: TransportTuple;
  readonly dtlsState: 'new' | 'connecting' | 'connected' | 'failed' | 'closed';
  readonly dtlsRemoteCert?: string;
  /** When its peer last said that no media comes and the pod could not be asked; milliseconds since 1970. */
  readonly silentAt?: number;
  readonly maxIncomingBitrate: number;
  readonly maxOutgoingBitrate: number;
  readonly minOutgoingBitrate: number;
  readonly initialOutgoingBitrate: number;
  /** Next `muxId` to hand out to a sender bound here (D-37). */
  readonly nextMid: number;
  /** Plain transports only. */
  readonly plain?: {
    readonly comedia: boolean;
    readonly rtcpMux: boolean;
    readonly remote?: { readonly ip: string; readonly port: number; readonly rtcpPort?: number };
  };
  readonly appData: Record<string, unknown>;
}

export interface ReceiverRecord {
  readonly id: number;
  readonly peerId: number;
  readonly kind: 'audio' | 'video' | 'depth';
  /** null once the bound transport closed (D-20). */
  readonly transportId: number | null;
  /** Effective, with the endpoint's payload types and extension ids (D-33); undefined until receive(). */
  readonly rtpParameters?: RtpParameters;
  /** Wire payload type -> room payload type, and wire extension id -> room extension id. */
  readonly payloadTypes: Readonly<Record<string, number>>;
  readonly extensionIds: Readonly<Record<string, number>>;
  readonly type: 'simple' | 'simulcast' | 'svc';
  readonly paused: boolean;
  readonly keyFrameRequestDelayMs: number;
  /** Sound that does not take part in the choice of the loudest: it is forwarded always. */
  readonly alwaysForward?: boolean;
  /** Where it is sent as well, while its peer moves to another pod (docs/decisions/0040). */
  readonly next?: NextReceiverBinding;
  readonly appData: Record<string, unknown>;
}

/** What a receiver becomes when its peer has moved: the same track on a transport of another pod. */
export type NextReceiverBinding = Required<
  Pick<ReceiverRecord, 'rtpParameters' | 'payloadTypes' | 'extensionIds' | 'type'>
> & { readonly transportId: number };

/** What a sender becomes when its peer has moved. */
export type NextSenderBinding = Required<Pick<SenderRecord, 'mid' | 'bindings'>> & {
  readonly transportId: number;
};

export interface SenderRecord {
  readonly id: number;
  /** The peer that gets the media. */
  readonly peerId: number;
  readonly receiverId: number;
  /** null at birth and after its transport closed. */
  readonly transportId: number | null;
  readonly ssrc: number;
  /** Reserved at birth; used if RTX is negotiated. */
  readonly rtxSsrc: number;
  /** muxId of the current binding. */
  readonly mid?: string;
  /** Number of bindings so far; the `n` of the consumer id (D-41). */
  readonly bindings: number;
  /** After reduction at least one encoding is left. */
  readonly available: boolean;
  readonly disabled: boolean;
  readonly preferredLayers?: LayersSpec;
  readonly currentLayers?: LayersSpec;
  readonly priority: number;
  readonly hysteresis?: HysteresisSpec;
  /** Where it goes as well, while its peer moves to another pod (docs/decisions/0040). */
  readonly next?: NextSenderBinding;
  /** Derived by §11.7 at birth and at each receive(); includes ssrc, rtx ssrc and muxId. */
  readonly rtpParameters: RtpParameters;
}

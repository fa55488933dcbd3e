import type { LoadedRoom, RoomSummary } from '@weir/db';
import {
  capabilitiesOfKind,
  capabilitiesToWire,
  dtlsParametersToWire,
  type IceCandidateOptions,
  iceCandidates,
  iceCandidatesToWire,
  iceParametersToWire,
  type RtpCapabilities,
  rtpParametersToWire,
} from '@weir/ortc';
import { addressesOfRoom } from '@weir/pod-control';
import type {
  AppData,
  Cursor,
  IceServer,
  MoveSenderAnswer,
  PeerId,
  PeerInfo,
  PlainTransportView,
  PodLease,
  ReceiverId,
  ReceiverView,
  RoomId,
  RoomView,
  SenderId,
  SenderView,
  Snapshot,
  TransportId,
  TransportView,
  WireRtpCapabilities,
} from '@weir/protocol';
import {
  isActive,
  type PeerRecord,
  type ReceiverRecord,
  type RoomState,
  type SenderRecord,
  type TransportRecord,
} from '@weir/room';

/** Records as they stand in answers and events. Ids become text (object-model.md §15.1). */

/** What of a pod's lease stands in views; undefined once the pod is gone. */
export type PodAddresses = (podId: string) => Pick<PodLease, 'addresses' | 'fingerprints'> | undefined;

export interface ViewContext {
  readonly pod: PodAddresses;
  readonly iceServers: readonly IceServer[];
}

export function roomView(room: LoadedRoom): RoomView {
  return summaryView({
    id: room.id,
    details: room.details,
    peerCount: room.state.peers.size,
    createdAt: room.createdAt,
  });
}

export function summaryView({ id, details, peerCount, createdAt }: RoomSummary): RoomView {
  return {
    id: id as RoomId,
    rtpCapabilities: roomCapabilitiesView(details.capabilities),
    maxPeers: details.maxPeers,
    emptyTtlSeconds: details.emptyTtlSeconds,
    maxDurationSeconds: details.maxDurationSeconds,
    maxLoudestAudio: details.maxLoudestAudio ?? 0,
    metadata: details.metadata as AppData,
    peerCount,
    createdAt,
  };
}

/** What `device.load()` takes: audio and video, each codec with its RTX (§15.3 step 1). */
function roomCapabilitiesView(capabilities: RtpCapabilities): WireRtpCapabilities {
  const audio = capabilitiesToWire(capabilitiesOfKind(capabilities, 'audio'));
  const video = capabilitiesToWire(capabilitiesOfKind(capabilities, 'video'));
  return {
    codecs: [...audio.codecs, ...video.codecs],
    headerExtensions: [...audio.headerExtensions, ...video.headerExtensions],
  };
}

export function peerInfo(peer: PeerRecord): PeerInfo {
  return { id: String(peer.id) as PeerId, name: peer.name, appData: peer.appData as AppData };
}

/** What candidates come first. Known only when a transport is created. */
export type CandidatePreferences = { readonly [K in keyof IceCandidateOptions]: boolean | undefined };

function definedOnly(preferences: CandidatePreferences): IceCandidateOptions {
  return Object.fromEntries(Object.entries(preferences).filter(([, value]) => value !== undefined));
}

export function transportView(
  roomId: string,
  transport: TransportRecord,
  context: ViewContext,
  preferences: CandidatePreferences = {},
): TransportView {
  const pod = context.pod(transport.podId);
  const { udp, tcp } = transport;
  return {
    id: String(transport.id) as TransportId,
    direction: transport.direction,
    iceParameters: iceParametersToWire(transport.ice),
    iceCandidates: iceCandidatesToWire(
      iceCandidates(addressesOfRoom(pod?.addresses ?? [], roomId, transport.worker), {
        ...definedOnly(preferences),
        udp,
        tcp,
      }),
    ),
    dtlsParameters:
      pod === undefined
        ? { role: 'auto', fingerprints: [] }
        : dtlsParametersToWire(transport.dtlsLocalRole, pod.fingerprints),
    iceState: transport.iceState,
    dtlsState: transport.dtlsState,
    ...(transport.iceSelectedTuple === undefined ? {} : { iceSelectedTuple: transport.iceSelectedTuple }),
    iceServers: [...context.iceServers],
    appData: transport.appData as AppData,
  };
}

/** Of a transport of type `plain`. It shares the port that the room has on its pod. */
export function plainTransportView(
  roomId: string,
  transport: TransportRecord,
  context: ViewContext,
  preferences: CandidatePreferences = {},
): PlainTransportView {
  const { comedia, rtcpMux, remote } = transport.plain!;
  const learnt = transport.iceSelectedTuple;
  const [best] = iceCandidates(
    addressesOfRoom(context.pod(transport.podId)?.addresses ?? [], roomId, transport.worker),
    {
      ...definedOnly(preferences),
      udp: true,
      tcp: false,
    },
  ).toSorted((a, b) => b.priority - a.priority);
  return {
    id: String(transport.id) as TransportId,
    type: 'plain',
    direction: transport.direction,
    ip: best?.ip ?? '',
    port: best?.port ?? 0,
    rtcpMux,
    comedia,
    ...(remote !== undefined
      ? { remote: { ...remote } }
      : learnt === undefined
        ? {}
        : { remote: { ip: learnt.remoteIP, port: learnt.remotePort } }),
    appData: transport.appData as AppData,
  };
}

/** The view that fits the transport's type. */
export function viewOfTransport(
  roomId: string,
  transport: TransportRecord,
  context: ViewContext,
  preferences: CandidatePreferences = {},
): TransportView | PlainTransportView {
  const view = transport.type === 'plain' ? plainTransportView : transportView;
  return view(roomId, transport, context, preferences);
}

/** Receivers of kind `depth` are never on the wire (§15.1 rule 4); signaling makes none. */
export function receiverView(receiver: ReceiverRecord): ReceiverView {
  return {
    id: String(receiver.id) as ReceiverId,
    peerId: String(receiver.peerId) as PeerId,
    kind: receiver.kind as ReceiverView['kind'],
    type: receiver.type,
    transportId: receiver.transportId === null ? null : (String(receiver.transportId) as TransportId),
    ...(receiver.rtpParameters === undefined
      ? {}
      : { rtpParameters: rtpParametersToWire(receiver.rtpParameters) }),
    paused: receiver.paused,
    ...(receiver.alwaysForward ? { alwaysForward: true } : {}),
    appData: receiver.appData as AppData,
  };
}

export function senderView(
  sender: SenderRecord,
  receiver: ReceiverRecord,
  source: Pick<PeerRecord, 'id' | 'name'>,
): SenderView {
  return {
    id: String(sender.id) as SenderId,
    consumerId: `${sender.id}.${sender.bindings}`,
    receiverId: String(sender.receiverId) as ReceiverId,
    sourcePeerId: String(source.id) as PeerId,
    sourcePeerName: source.name,
    kind: receiver.kind as SenderView['kind'],
    type: receiver.type,
    transportId: sender.transportId === null ? null : (String(sender.transportId) as TransportId),
    rtpParameters: rtpParametersToWire(sender.rtpParameters),
    active: isActive(sender),
    enabled: !sender.disabled,
    receiverPaused: receiver.paused,
    ...(sender.preferredLayers === undefined ? {} : { preferredLayers: sender.preferredLayers }),
    ...(sender.currentLayers === undefined ? {} : { currentLayers: sender.currentLayers }),
    priority: sender.priority,
    ...(sender.hysteresis === undefined ? {} : { hysteresis: sender.hysteresis }),
    appData: receiver.appData as AppData,
  };
}

/** A sender of the state; its receiver and that receiver's peer are there as long as it is. */
export function senderViewOf(state: RoomState, sender: SenderRecord): SenderView {
  const receiver = state.receivers.get(sender.receiverId)!;
  return senderView(sender, receiver, state.peers.get(receiver.peerId)!);
}

/** A sender where it moves to, or where it is if it does not move. */
export function senderViewThere(state: RoomState, sender: SenderRecord): MoveSenderAnswer {
  const { next, rtpParameters } = sender;
  const there =
    next === undefined
      ? sender
      : { ...sender, ...next, rtpParameters: { ...rtpParameters, muxId: next.mid } };
  return { ...senderViewOf(state, there), moved: next === undefined };
}

/** The whole view of one peer at the log position `cursor`. */
export function snapshotView(
  room: LoadedRoom,
  peerId: number,
  cursor: number,
  context: ViewContext,
): Snapshot {
  const { state } = room;
  const self = state.peers.get(peerId)!;
  const own = <R extends { readonly peerId: number }>(records: ReadonlyMap<number, R>) =>
    [...records.values()].filter((record) => record.peerId === peerId);
  const transports = own(state.transports);
  const plain = transports.filter(({ type }) => type === 'plain');
  return {
    cursor: String(cursor) as Cursor,
    room: roomView(room),
    self: peerInfo(self),
    ...(self.capabilities === undefined ? {} : { rtpCapabilities: capabilitiesToWire(self.capabilities) }),
    peers: [...state.peers.values()].filter((peer) => peer.id !== peerId).map(peerInfo),
    transports: transports
      .filter(({ type }) => type === 'webrtc')
      .map((transport) => transportView(room.id, transport, context)),
    ...(plain.length === 0
      ? {}
      : { plainTransports: plain.map((transport) => plainTransportView(room.id, transport, context)) }),
    receivers: own(state.receivers).map(receiverView),
    senders: own(state.senders).map((sender) => senderViewOf(state, sender)),
  };
}

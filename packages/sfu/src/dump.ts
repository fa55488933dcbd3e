import {
  dumpListener,
  type IceCandidate,
  type MediaKind,
  type RtpCapabilities,
  type RtpParameters,
} from '@weir/ortc';
import type { InspectAnswer } from '@weir/protocol';
import { listenerTablesOf } from '@weir/room';
import type { Peer } from './peer.ts';
import type { Room } from './room.ts';
import type { RoomRuntime } from './room-runtime.ts';
import type { RtpReceiver } from './rtp-receiver.ts';
import type { RtpSender } from './rtp-sender.ts';
import type {
  DtlsLocalParameters,
  DtlsState,
  IceParameters,
  IceSelectedTuple,
  IceState,
  Transport,
} from './transport.ts';
import type { Worker } from './worker.ts';

/** Shapes of object-model.md §12. Ids in fields are numbers, ids as keys are decimal text. */

export interface ServerDump {
  workers: { workerId: string; rooms: RoomDump[] }[];
}

export interface RoomDump {
  roomId: number;
  capabilities: RtpCapabilities;
  peers: PeerDump[];
  /** An entry exists from the first `receive()` until the receiver closes. */
  mapRtpReceiverRtpSenders: Record<string, number[]>;
  mapRtpSenderRtpReceiver: Record<string, number>;
  audioLevelsEventEnabled: boolean;
}

export interface PeerDump {
  peerId: number;
  peerName: string;
  /** Absent until set. */
  capabilities?: RtpCapabilities;
  transports: TransportDump[];
  rtpReceivers: RtpReceiverDump[];
  rtpSenders: RtpSenderDump[];
}

/** Key to receiver id. */
export type RtpListenerDump = Record<
  'ssrcTable' | 'muxIdTable' | 'ptTable' | 'ridTable',
  Record<string, number>
>;

export interface TransportDump {
  transportId: number;
  iceRole: 'controlled';
  iceLocalParameters: IceParameters;
  iceLocalCandidates: IceCandidate[];
  /** Absent if none. */
  iceSelectedTuple?: IceSelectedTuple;
  iceState: IceState;
  /** The role in use, also before `setRemoteDtlsParameters()`. */
  dtlsLocalParameters: DtlsLocalParameters;
  dtlsState: DtlsState;
  useRemb: boolean;
  /** 0 = none. */
  maxBitrate: number;
  /** Last value told to the endpoint. */
  effectiveMaxBitrate: number;
  rtpListener: RtpListenerDump;
}

export interface RtpReceiverDump {
  rtpReceiverId: number;
  kind: MediaKind;
  rtpParameters: RtpParameters | null;
  hasTransport: boolean;
  paused: boolean;
  rtpRawEventEnabled: boolean;
  rtpObjectEventEnabled: boolean;
  rtpStreams: Record<string, unknown>[];
}

export interface RtpSenderDump {
  rtpSenderId: number;
  kind: MediaKind;
  rtpParameters: RtpParameters | null;
  hasTransport: boolean;
  active: boolean;
  supportedPayloadTypes: number[];
  /** Absent if nothing was sent. */
  rtpStream?: Record<string, unknown>;
}

export async function dumpServer(
  workers: ReadonlyMap<Worker, ReadonlyMap<string, Room>>,
): Promise<ServerDump> {
  return {
    workers: await Promise.all(
      [...workers].map(async ([worker, rooms]) => ({
        workerId: worker.id,
        // A room that closes meanwhile is left out.
        rooms: (await Promise.allSettled([...rooms.values()].map((room) => room.dump()))).flatMap((result) =>
          result.status === 'fulfilled' ? [result.value] : [],
        ),
      })),
    ),
  };
}

export async function dumpRoom(runtime: RoomRuntime, audioLevelsEventEnabled: boolean): Promise<RoomDump> {
  const senders = [...runtime.objects.senders.values()];
  const answer = await inspectAll(runtime);
  const received = [...runtime.objects.receivers.values()].filter(
    (receiver) => receiver.rtpParameters !== undefined,
  );
  return {
    roomId: runtime.id,
    capabilities: runtime.state.capabilities,
    peers: [...runtime.objects.peers.values()].map((peer) => peerDump(peer, answer, runtime)),
    mapRtpReceiverRtpSenders: Object.fromEntries(
      received.map((receiver) => [
        receiver.id,
        senders.filter((sender) => sender.associatedRtpReceiver === receiver).map(({ id }) => id),
      ]),
    ),
    mapRtpSenderRtpReceiver: Object.fromEntries(
      senders.map((sender) => [sender.id, sender.associatedRtpReceiver.id]),
    ),
    audioLevelsEventEnabled,
  };
}

export async function dumpPeer(peer: Peer, runtime: RoomRuntime): Promise<PeerDump> {
  return peerDump(peer, await inspectAll(runtime), runtime);
}

export async function dumpTransport(transport: Transport, runtime: RoomRuntime): Promise<TransportDump> {
  return transportDump(transport, await runtime.inspect('dump', { transports: [transport.id] }), runtime);
}

export async function dumpReceiver(receiver: RtpReceiver, runtime: RoomRuntime): Promise<RtpReceiverDump> {
  return receiverDump(receiver, await runtime.inspect('dump', { receivers: [receiver.id] }));
}

export async function dumpSender(sender: RtpSender, runtime: RoomRuntime): Promise<RtpSenderDump> {
  return senderDump(sender, await runtime.inspect('dump', { senders: [sender.id] }));
}

function inspectAll(runtime: RoomRuntime): Promise<InspectAnswer> {
  return runtime.inspect('dump', {
    transports: [...runtime.objects.transports.keys()],
    receivers: [...runtime.objects.receivers.keys()],
    senders: [...runtime.objects.senders.keys()],
  });
}

function peerDump(peer: Peer, answer: InspectAnswer, runtime: RoomRuntime): PeerDump {
  const { capabilities } = peer;
  return {
    peerId: peer.id,
    peerName: peer.name,
    ...(capabilities !== undefined && { capabilities }),
    transports: peer.transports.map((transport) => transportDump(transport, answer, runtime)),
    rtpReceivers: peer.rtpReceivers.map((receiver) => receiverDump(receiver, answer)),
    rtpSenders: peer.rtpSenders.map((sender) => senderDump(sender, answer)),
  };
}

function transportDump(transport: Transport, answer: InspectAnswer, runtime: RoomRuntime): TransportDump {
  const media = answer.transports[transport.id] ?? {};
  const tuple = transport.iceSelectedTuple;
  const { role, fingerprints } = transport.dtlsLocalParameters;
  return {
    transportId: transport.id,
    iceRole: transport.iceRole,
    iceLocalParameters: transport.iceLocalParameters,
    iceLocalCandidates: transport.iceLocalCandidates,
    ...(tuple !== undefined && { iceSelectedTuple: tuple }),
    iceState: transport.iceState,
    // DTLS that began before the endpoint was known has us as server.
    dtlsLocalParameters: {
      role: role === 'auto' && transport.dtlsState !== 'new' ? 'server' : role,
      fingerprints,
    },
    dtlsState: transport.dtlsState,
    useRemb: media.useRemb === true,
    maxBitrate: transport.maxIncomingBitrate,
    effectiveMaxBitrate: typeof media.effectiveMaxBitrate === 'number' ? media.effectiveMaxBitrate : 0,
    rtpListener: listenerDump(transport, media.rtpListener as Partial<RtpListenerDump> | undefined, runtime),
  };
}

/** What the receivers' parameters say, and the SSRCs that were learnt from packets. */
function listenerDump(
  transport: Transport,
  learnt: Partial<RtpListenerDump> | undefined,
  runtime: RoomRuntime,
): RtpListenerDump {
  const declared = dumpListener(listenerTablesOf(runtime.state, transport.id));
  return { ...declared, ssrcTable: { ...learnt?.ssrcTable, ...declared.ssrcTable } };
}

function receiverDump(receiver: RtpReceiver, answer: InspectAnswer): RtpReceiverDump {
  const media = answer.receivers[receiver.id]?.[0] ?? {};
  return {
    rtpReceiverId: receiver.id,
    kind: receiver.kind,
    rtpParameters: receiver.rtpParameters ?? null,
    hasTransport: receiver.transport !== undefined,
    paused: receiver.paused,
    rtpRawEventEnabled: receiver.listenerCount('rtpraw') > 0,
    rtpObjectEventEnabled: receiver.listenerCount('rtpobject') > 0,
    rtpStreams: Array.isArray(media.rtpStreams) ? media.rtpStreams : [],
  };
}

function senderDump(sender: RtpSender, answer: InspectAnswer): RtpSenderDump {
  const media = answer.senders[sender.id]?.[0] ?? {};
  return {
    rtpSenderId: sender.id,
    kind: sender.kind,
    rtpParameters: sender.rtpParameters,
    hasTransport: sender.transport !== undefined,
    active: sender.active,
    supportedPayloadTypes: sender.rtpParameters.codecs.map(({ payloadType }) => payloadType),
    ...(typeof media.rtpStream === 'object' &&
      media.rtpStream !== null && { rtpStream: media.rtpStream as Record<string, unknown> }),
  };
}

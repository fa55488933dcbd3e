import {
  capabilitiesToWire,
  getSupportedRtpCapabilities as getSupported,
  type RtpCodecParameters,
} from '@weir/ortc';
import type { WireRtpCapabilities } from '@weir/protocol';
import { InvalidStateError, UnsupportedError } from './errors.ts';
import { createWorker } from './in-process-worker.ts';
import { Server as ServerObject } from './server.ts';
import type { ServerOptions } from './settings.ts';

/**
 * Starts media workers; to be called without `new`. It never throws: what is wrong with the options or the
 * machine is told by the server's `close` event, at least one turn of the event loop later.
 */
export function Server(options?: ServerOptions): ServerObject {
  return new ServerObject(options, createWorker);
}

export type Server = ServerObject;

/** The classes that methods throw or reject with, beside TypeError and Error. */
export const errors = { InvalidStateError, UnsupportedError };

/** All codecs and header extensions that a room can carry, in the shape of mediasoup-client. */
export function getSupportedRtpCapabilities(): WireRtpCapabilities {
  const { codecs, headerExtensions, fecMechanisms } = getSupported();
  const wire = capabilitiesToWire({
    codecs: codecs as RtpCodecParameters[],
    headerExtensions,
    fecMechanisms,
  });
  return {
    ...wire,
    codecs: wire.codecs.map(({ preferredPayloadType, ...codec }) => ({
      ...codec,
      ...(preferredPayloadType !== undefined && { preferredPayloadType }),
    })),
  };
}

export type { IceCandidate, MediaKind, RtpCapabilities, RtpCodecParameters, RtpParameters } from '@weir/ortc';
export { extra } from '@weir/ortc';
export type {
  ActiveSpeakerObserver,
  ActiveSpeakerObserverEvents,
  ActiveSpeakerObserverOptions,
} from './active-speaker-observer.ts';
export type {
  AudioLevelObserver,
  AudioLevelObserverEvents,
  AudioLevelObserverOptions,
  AudioVolume,
} from './audio-level-observer.ts';
export type {
  PeerCapabilities,
  PeerCodec,
  PeerHeaderExtension,
  RoomCodec,
  RtpCodec,
  SentCodec,
  SentRtpParameters,
} from './dictionaries.ts';
export type {
  PeerDump,
  RoomDump,
  RtpListenerDump,
  RtpReceiverDump,
  RtpSenderDump,
  ServerDump,
  TransportDump,
} from './dump.ts';
export type { CommonEvents } from './emitter.ts';
export type { InvalidStateError, UnsupportedError } from './errors.ts';
export type { LogEntry, LogLevel, LogSink, LogTag } from './log.ts';
export type { Peer, PeerEvents } from './peer.ts';
export type { PlainTransport, PlainTransportOptions, PlainTransportRemote } from './plain-transport.ts';
export type { AudioLevelInfo, Room, RoomEvents, RoomOptions } from './room.ts';
export type { RtpObject } from './rtp-object.ts';
export type { RtpObserverEvents } from './rtp-observer.ts';
export type {
  RtpReceiver,
  RtpReceiverEvents,
  RtpReceiverOptions,
  StreamScore,
  VideoOrientation,
} from './rtp-receiver.ts';
export type { RtpSender, RtpSenderEvents, RtpSenderScore } from './rtp-sender.ts';
export type { ServerEvents } from './server.ts';
export type { ListenInfo, ServerOptions, ServerUpdateableSettings } from './settings.ts';
export type {
  DtlsLocalParameters,
  DtlsRole,
  DtlsState,
  FingerprintAlgorithm,
  IceParameters,
  IceSelectedTuple,
  IceState,
  RemoteDtlsParameters,
  Transport,
  TransportEvents,
  TransportOptions,
} from './transport.ts';
export type {
  AppData,
  Layers,
  PeerId,
  RoomId,
  RtpReceiverId,
  RtpSenderId,
  TransportId,
  TransportTuple,
} from './types.ts';
export type { WorkerResourceUsage } from './worker.ts';

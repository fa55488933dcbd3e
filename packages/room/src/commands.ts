import type { RtpCapabilities, RtpParameters } from '@weir/ortc';
import type { Fingerprint, HysteresisSpec, IceCredentials, LayersSpec, TransportTuple } from '@weir/protocol';

/**
 * Everything that can be asked of a room, or that happens to it. Ids of new objects are chosen by the
 * caller (`unusedId(state, env)`), so that a command can be repeated. Inputs of type `unknown` are
 * validated by the room (they are the application's); all else is trusted.
 */
export type RoomCommand =
  | { type: 'room.close'; error?: string }
  /** Forwards only so many receivers of sound, the loudest; 0 = all. */
  | { type: 'room.setMaxLoudestAudio'; maxLoudestAudio: unknown }
  | { type: 'peer.join'; peerId: number; name: string; replace?: boolean; appData?: Record<string, unknown> }
  | { type: 'peer.setCapabilities'; peerId: number; capabilities: unknown; sendCapabilities?: unknown }
  | { type: 'peer.close'; peerId: number; reason?: string }
  | { type: 'transport.create'; peerId: number; transportId: number; options: CreateTransportOptions }
  | {
      type: 'transport.connect';
      transportId: number;
      /** RemoteDtlsParameters of §6.2, unchecked. A repeat with the same fingerprint succeeds if `repeatable`. */
      parameters: unknown;
      repeatable?: boolean;
    }
  | {
      type: 'transport.connectPlain';
      transportId: number;
      remote: { ip: string; port: number; rtcpPort?: number };
    }
  | { type: 'transport.restartIce'; transportId: number; ice: IceCredentials }
  | {
      type: 'transport.setBitrates';
      transportId: number;
      maxIncomingBitrate?: unknown;
      maxOutgoingBitrate?: unknown;
      minOutgoingBitrate?: unknown;
    }
  /** `closeReceivers`: close the receivers bound to it too (§15.3 step 13); v1's close only unbinds. */
  | { type: 'transport.close'; transportId: number; closeReceivers?: boolean; reason?: string }
  | {
      type: 'receiver.create';
      peerId: number;
      receiverId: number;
      kind: unknown;
      /** null: born unbound, because the transport closed while the command waited for its turn. */
      transportId: number | null;
      appData?: Record<string, unknown>;
      paused?: boolean;
      keyFrameRequestDelayMs?: number;
      alwaysForward?: boolean;
    }
  | { type: 'receiver.receive'; receiverId: number; rtpParameters: unknown }
  | { type: 'receiver.setTransport'; receiverId: number; transportId: number }
  /**
   * Takes it to a transport with other parameters. From one pod to another it is received on both until no sender
   * needs the old one any more; else it is there at once (docs/decisions/0040).
   */
  | { type: 'receiver.move'; receiverId: number; transportId: number; rtpParameters: unknown }
  | { type: 'receiver.pause'; receiverId: number }
  | { type: 'receiver.resume'; receiverId: number }
  | { type: 'receiver.setAppData'; receiverId: number; appData: Record<string, unknown> }
  | { type: 'receiver.close'; receiverId: number; reason?: string }
  | {
      type: 'sender.setTransport';
      senderId: number;
      /** null unbinds. */
      transportId: number | null;
      /** Makes a new binding (`bindings`, `mid`) even on the same transport: a consumer is offered again (D-41). */
      rebind?: boolean;
      /** The MID that the endpoint chose itself (WHEP); default: the next of the transport's counter. */
      mid?: string;
    }
  /**
   * Takes it to a transport. From one pod to another it is sent on both until `done`; else it is there at once.
   * Asking again changes nothing.
   */
  | { type: 'sender.move'; senderId: number; transportId: number; done?: boolean }
  | { type: 'sender.enable'; senderId: number; emit?: boolean }
  | { type: 'sender.disable'; senderId: number; emit?: boolean }
  | { type: 'sender.setPreferredLayers'; senderId: number; layers: LayersSpec | null }
  | { type: 'sender.setPriority'; senderId: number; priority: number }
  /** Takes the place of what was set before; null = the defaults. */
  | { type: 'sender.setHysteresis'; senderId: number; hysteresis: HysteresisSpec | null }
  | { type: 'sender.requestKeyFrame'; senderId: number }
  // What the media side reports. Unknown ids are ignored: the object closed meanwhile.
  | { type: 'transport.iceChanged'; transportId: number; state: 'connected' | 'completed' | 'disconnected' }
  | { type: 'transport.tupleChanged'; transportId: number; tuple: TransportTuple }
  | {
      type: 'transport.dtlsChanged';
      transportId: number;
      state: 'connecting' | 'connected' | 'failed' | 'closed';
      remoteCert?: string;
    }
  /** The peer says that nothing comes any more. No event: it is the peer that knows. */
  | { type: 'transport.silent'; transportId: number; at: number }
  | { type: 'transport.died'; transportId: number; reason: string }
  | { type: 'sender.layersChanged'; senderId: number; layers: LayersSpec | null };

export interface CreateTransportOptions {
  type?: 'webrtc' | 'plain';
  direction?: 'send' | 'recv' | 'both';
  podId: string;
  worker?: number | undefined;
  ice: IceCredentials;
  udp: boolean;
  tcp: boolean;
  initialOutgoingBitrate?: number;
  plain?: { comedia: boolean; rtcpMux: boolean };
  appData?: Record<string, unknown>;
}

/** Random and unused values the room needs while it decides (sender ids, SSRCs, cnames). */
export interface RoomEnvironment {
  /** Uniform in [0, 2^32). */
  random(): number;
  /** Whether an id is in use outside this room (sfu: in the process); default: never. */
  idTaken?(id: number): boolean;
}

/** What one command means: nothing has changed yet. `evolve(state, decision.changes)` makes it so. */
export interface Decision {
  /** In the order they must be stored. */
  readonly changes: readonly RoomChange[];
  /** In the order they must be heard (object-model.md). */
  readonly events: readonly RoomEvent[];
  /** Senders whose source should send a key frame (D-23 and sender.requestKeyFrame). */
  readonly keyFrames: readonly number[];
}

import type { PeerRecord, ReceiverRecord, SenderRecord, TransportRecord } from './state.ts';

/**
 * One row to write or to delete; at most one per object in a decision. `quiet`: what the media side is told
 * of the object is as before. `moved`: the receiver's transport changed, so its senders may now belong to
 * other pods.
 */
export type RoomChange =
  | { readonly put: 'peer'; readonly record: PeerRecord; readonly quiet?: true }
  | { readonly put: 'transport'; readonly record: TransportRecord; readonly quiet?: true }
  | {
      readonly put: 'receiver';
      readonly record: ReceiverRecord;
      readonly quiet?: true;
      readonly moved?: true;
    }
  | { readonly put: 'sender'; readonly record: SenderRecord; readonly quiet?: true }
  | { readonly remove: 'peer' | 'transport' | 'receiver' | 'sender'; readonly id: number }
  | { readonly set: 'room'; readonly maxLoudestAudio: number }
  | { readonly close: 'room' };

export type ObjectKind = 'room' | 'peer' | 'transport' | 'rtpreceiver' | 'rtpsender';

/**
 * One event of one object; the id of the room is 0 here. `peerId`: whose log it belongs to; null for events of the room, which every
 * living peer except `exceptPeerId` hears. Records in `data` are those after the decision, or, for
 * `close`, the last ones.
 */
export type RoomEvent = {
  readonly target: { readonly kind: ObjectKind; readonly id: number };
  readonly peerId: number | null;
  readonly exceptPeerId?: number;
} & (
  | { readonly type: 'newpeer'; readonly peer: PeerRecord }
  | { readonly type: 'peerclose'; readonly peer: PeerRecord; readonly reason?: string }
  | { readonly type: 'capabilities'; readonly capabilities: RtpCapabilities }
  | { readonly type: 'newtransport'; readonly transport: TransportRecord }
  | { readonly type: 'newrtpreceiver'; readonly receiver: ReceiverRecord }
  | { readonly type: 'newrtpsender'; readonly sender: SenderRecord; readonly receiver: ReceiverRecord }
  | { readonly type: 'close'; readonly reason?: string; readonly error?: string }
  | { readonly type: 'iceselectedtuplechange'; readonly tuple: TransportTuple }
  | { readonly type: 'icestatechange'; readonly state: TransportRecord['iceState'] }
  | { readonly type: 'dtlsstatechange'; readonly state: TransportRecord['dtlsState'] }
  | { readonly type: 'parameters'; readonly rtpParameters: RtpParameters }
  | { readonly type: 'parameterschange'; readonly rtpParameters: RtpParameters; readonly active?: boolean }
  | { readonly type: 'transport'; readonly transportId: number }
  | { readonly type: 'activechange'; readonly active: boolean }
  | { readonly type: 'receiverpause' | 'receiverresume' }
  | { readonly type: 'layerschange'; readonly layers: LayersSpec | null }
);

export type { Fingerprint };

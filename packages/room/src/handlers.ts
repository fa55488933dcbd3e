import type { RoomCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import { RoomError } from './errors.ts';
import type { PeerRecord, ReceiverRecord, SenderRecord, TransportRecord } from './state.ts';

/** One function per command: it changes the draft, or refuses with a RoomError. */
export type Handlers = {
  readonly [T in RoomCommand['type']]: (draft: Draft, command: Extract<RoomCommand, { type: T }>) => void;
};

export function roomClosed(): RoomError {
  return new RoomError('room-closed', 'InvalidStateError', 'the room is closed; create another');
}

/** An object that is not there was closed, or never was: both are InvalidStateError to the caller (§1.2). */
export function peerOf(draft: Draft, id: number): PeerRecord {
  const peer = draft.get('peer', id);
  if (peer !== undefined) return peer;
  throw new RoomError('peer-not-found', 'InvalidStateError', `the peer ${id} is closed; join again`, {
    field: 'peerId',
  });
}

export function transportOf(draft: Draft, id: number): TransportRecord {
  const transport = draft.get('transport', id);
  if (transport !== undefined) return transport;
  throw new RoomError(
    'transport-not-found',
    'InvalidStateError',
    `the transport ${id} is closed; create another`,
    { field: 'transportId' },
  );
}

/** The transport with this id, if it belongs to the peer. */
export function ownTransportOf(draft: Draft, id: number, peerId: number, message: string): TransportRecord {
  const transport = transportOf(draft, id);
  if (transport.peerId === peerId) return transport;
  throw new RoomError('transport-not-found', 'Error', message, { field: 'transportId' });
}

export function receiverOf(draft: Draft, id: number): ReceiverRecord {
  const receiver = draft.get('receiver', id);
  if (receiver !== undefined) return receiver;
  throw new RoomError('receiver-not-found', 'InvalidStateError', `the receiver ${id} is closed`, {
    field: 'receiverId',
  });
}

export function senderOf(draft: Draft, id: number): SenderRecord {
  const sender = draft.get('sender', id);
  if (sender !== undefined) return sender;
  throw new RoomError('sender-not-found', 'InvalidStateError', `the sender ${id} is closed`, {
    field: 'senderId',
  });
}

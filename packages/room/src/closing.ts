import type { RoomCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import { peerOf, receiverOf, transportOf } from './handlers.ts';
import { arriveReceiver, arriveSender, forgetMovesTo } from './moves.ts';
import { isActive, unbound } from './sender-state.ts';
import type { PeerRecord, ReceiverRecord, SenderRecord, TransportRecord } from './state.ts';

type Command<T extends RoomCommand['type']> = Extract<RoomCommand, { type: T }>;

/**
 * The close cascade (§1.6): what belongs to the closed object first, in order of creation, then its own
 * `close`, and when all that is done the senders in other peers whose receiver died (D-5).
 */
export function closeRoom(draft: Draft, { error }: Command<'room.close'>): void {
  if (draft.closed) return;
  for (const peer of draft.all('peer')) dropPeer(draft, peer, 'room-closed');
  draft.closeRoom();
  draft.emit({
    target: { kind: 'room', id: 0 },
    peerId: null,
    type: 'close',
    reason: 'room-closed',
    ...(error === undefined ? {} : { error }),
  });
}

export function closePeer(draft: Draft, { peerId, reason }: Command<'peer.close'>): void {
  closePeerRecord(draft, peerOf(draft, peerId), reason);
}

export function closePeerRecord(draft: Draft, peer: PeerRecord, reason?: string): void {
  const receivers = dropPeer(draft, peer, reason);
  dropSendersOf(draft, receivers);
  draft.emit({
    target: { kind: 'room', id: 0 },
    peerId: null,
    type: 'peerclose',
    peer,
    ...(reason === undefined ? {} : { reason }),
  });
}

export function closeTransport(draft: Draft, command: Command<'transport.close'>): void {
  const transport = transportOf(draft, command.transportId);
  // Those that are on their way to another one only lose where they were.
  const receivers = command.closeReceivers
    ? draft.of('receiver', 'transportId', transport.id).filter(({ next }) => next === undefined)
    : [];
  for (const receiver of receivers) dropReceiver(draft, receiver, command.reason);
  closeTransportRecord(draft, transport, command.reason);
  dropSendersOf(draft, receivers);
}

/** Receivers and senders that were bound to it live on, unbound, or where they were moving to. */
export function closeTransportRecord(draft: Draft, transport: TransportRecord, reason?: string): void {
  forgetMovesTo(draft, transport);
  const arrived = draft
    .of('receiver', 'transportId', transport.id)
    .filter(({ next }) => next !== undefined)
    .map(({ id }) => id);
  for (const receiver of draft.of('receiver', 'transportId', transport.id)) {
    if (receiver.next === undefined) {
      draft.put('receiver', { ...receiver, transportId: null }, { moved: true });
    }
  }
  const all = draft.of('sender', 'transportId', transport.id);
  const senders = all.filter(({ next }) => next === undefined);
  for (const sender of senders) draft.put('sender', unbound(sender));
  dropTransport(draft, transport, reason);
  for (const id of arrived) arriveReceiver(draft, id);
  for (const { id, next } of all) if (next !== undefined) arriveSender(draft, id);
  for (const sender of senders) {
    if (!isActive(sender)) continue;
    draft.emit({
      target: { kind: 'rtpsender', id: sender.id },
      peerId: sender.peerId,
      type: 'activechange',
      active: false,
    });
  }
}

export function closeReceiver(draft: Draft, { receiverId, reason }: Command<'receiver.close'>): void {
  const receiver = receiverOf(draft, receiverId);
  dropReceiver(draft, receiver, reason);
  dropSendersOf(draft, [receiver]);
}

/** @returns the receivers that are gone, whose senders in other peers are still to be dropped */
function dropPeer(draft: Draft, peer: PeerRecord, reason?: string): ReceiverRecord[] {
  for (const transport of draft.of('transport', 'peerId', peer.id)) dropTransport(draft, transport);
  const receivers = draft.of('receiver', 'peerId', peer.id);
  for (const receiver of receivers) dropReceiver(draft, receiver);
  for (const sender of draft.of('sender', 'peerId', peer.id)) dropSender(draft, sender);
  draft.remove('peer', peer.id);
  draft.emit({ target: { kind: 'peer', id: peer.id }, peerId: peer.id, type: 'close', ...why(reason) });
  return receivers;
}

function dropTransport(draft: Draft, { id, peerId }: TransportRecord, reason?: string): void {
  draft.remove('transport', id);
  draft.emit({ target: { kind: 'transport', id }, peerId, type: 'close', ...why(reason) });
}

function dropReceiver(draft: Draft, { id, peerId }: ReceiverRecord, reason?: string): void {
  draft.remove('receiver', id);
  draft.emit({ target: { kind: 'rtpreceiver', id }, peerId, type: 'close', ...why(reason) });
}

function dropSender(draft: Draft, { id, peerId }: SenderRecord): void {
  draft.remove('sender', id);
  draft.emit({ target: { kind: 'rtpsender', id }, peerId, type: 'close' });
}

function dropSendersOf(draft: Draft, receivers: readonly ReceiverRecord[]): void {
  for (const receiver of receivers) {
    for (const sender of draft.of('sender', 'receiverId', receiver.id)) dropSender(draft, sender);
  }
}

function why(reason: string | undefined): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

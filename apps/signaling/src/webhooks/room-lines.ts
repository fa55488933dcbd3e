import type { NewRoomEvent } from '@weir/db';
import type { RoomChange, RoomEvent, RoomState } from '@weir/room';
import { peerInfo } from '../views.ts';

/**
 * What of a step of the room its application hears, in the order it happened.
 *
 * @param before the state that was decided on, @param after the state after it
 */
export function roomLines(
  { events, changes }: { readonly events: readonly RoomEvent[]; readonly changes: readonly RoomChange[] },
  before: RoomState,
  after: RoomState,
): NewRoomEvent[] {
  const lines = events.flatMap((event) => lineOf(event, before, after));
  // Pausing is told to senders, of which there may be none.
  for (const change of changes) {
    if (!('put' in change) || change.put !== 'receiver') continue;
    const receiver = after.receivers.get(change.record.id);
    const was = before.receivers.get(change.record.id);
    if (receiver === undefined || was === undefined || was.paused === receiver.paused) continue;
    lines.push({
      type: receiver.paused ? 'receiver.paused' : 'receiver.resumed',
      data: receiverData(receiver),
    });
  }
  return lines;
}

function lineOf(event: RoomEvent, before: RoomState, after: RoomState): NewRoomEvent[] {
  if (event.type === 'newpeer') return [{ type: 'peer.joined', data: peerInfo(event.peer) }];
  if (event.type === 'newrtpreceiver') {
    const receiver = after.receivers.get(event.receiver.id) ?? event.receiver;
    return [{ type: 'receiver.created', data: receiverData(receiver) }];
  }
  if (event.type !== 'close') return [];
  const why = event.reason === undefined ? {} : { reason: event.reason };
  const { kind, id } = event.target;
  if (kind === 'room') return [{ type: 'room.closed', data: { reason: event.error ?? 'closed' } }];
  if (kind === 'peer') {
    const peer = before.peers.get(id) ?? after.peers.get(id);
    return peer === undefined ? [] : [{ type: 'peer.left', data: { ...peerInfo(peer), ...why } }];
  }
  if (kind === 'rtpreceiver') {
    const receiver = before.receivers.get(id);
    return receiver === undefined
      ? []
      : [{ type: 'receiver.closed', data: { ...receiverData(receiver), ...why } }];
  }
  return [];
}

function receiverData({
  id,
  peerId,
  kind,
  appData,
}: {
  readonly id: number;
  readonly peerId: number;
  readonly kind: string;
  readonly appData: unknown;
}): Record<string, unknown> {
  return { id: String(id), peerId: String(peerId), kind, appData };
}

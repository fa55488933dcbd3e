import { addToListener, createListenerTables, type ListenerTables } from '@weir/ortc';
import { indexOf } from './room-index.ts';
import type { ReceiverRecord, RoomState, SenderRecord, TransportRecord } from './state.ts';

/** A peer's transports, in order of creation. */
export function transportsOf(state: RoomState, peerId: number): TransportRecord[] {
  return pick(state.transports, indexOf(state).transportsByPeer.get(peerId));
}

/** A peer's receivers, in order of creation. */
export function receiversOf(state: RoomState, peerId: number): ReceiverRecord[] {
  return pick(state.receivers, indexOf(state).receiversByPeer.get(peerId));
}

/** A peer's senders, in order of creation. */
export function sendersOf(state: RoomState, peerId: number): SenderRecord[] {
  return pick(state.senders, indexOf(state).sendersByPeer.get(peerId));
}

/** The senders that forward a receiver, in order of creation. */
export function sendersOfReceiver(state: RoomState, receiverId: number): SenderRecord[] {
  return pick(state.senders, indexOf(state).sendersByReceiver.get(receiverId));
}

/** Who gets what comes in on a transport (§11.6); for `transport.dump()`. */
export function listenerTablesOf(state: RoomState, transportId: number): ListenerTables {
  const tables = createListenerTables();
  for (const receiver of pick(state.receivers, indexOf(state).receiversByTransport.get(transportId))) {
    if (receiver.rtpParameters !== undefined) addToListener(tables, receiver.id, receiver.rtpParameters);
  }
  return tables;
}

function pick<R>(records: ReadonlyMap<number, R>, ids: ReadonlySet<number> | undefined): R[] {
  return [...(ids ?? [])].map((id) => records.get(id)!);
}

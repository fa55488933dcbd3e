import type { PeerRecord, ReceiverRecord, RoomState, SenderRecord, TransportRecord } from '@weir/room';
import { ProblemError } from '../problem.ts';

/** Objects of one peer, as the path names them: those of another peer are not there. */

/** A turn, or a room that was only read. */
interface Holder {
  readonly state: RoomState;
}

/** @throws ProblemError `peer-closed` if the peer left after the request was let in */
export function ownPeer(room: Holder, peer: string): PeerRecord {
  const record = room.state.peers.get(Number(peer));
  if (record === undefined) throw new ProblemError('peer-closed', `Peer ${peer} has left: join again.`);
  return record;
}

/** @throws ProblemError `transport-not-found` */
export function ownTransport(room: Holder, peer: string, transport: string, field?: string): TransportRecord {
  return own(room, room.state.transports, 'transport', peer, transport, field);
}

/** @throws ProblemError `receiver-not-found` */
export function ownReceiver(room: Holder, peer: string, receiver: string): ReceiverRecord {
  return own(room, room.state.receivers, 'receiver', peer, receiver);
}

/** @throws ProblemError `sender-not-found` */
export function ownSender(room: Holder, peer: string, sender: string): SenderRecord {
  return own(room, room.state.senders, 'sender', peer, sender);
}

function own<R extends { readonly peerId: number }>(
  room: Holder,
  records: ReadonlyMap<number, R>,
  kind: 'transport' | 'receiver' | 'sender',
  peer: string,
  id: string,
  field?: string,
): R {
  ownPeer(room, peer);
  const record = records.get(Number(id));
  if (record !== undefined && record.peerId === Number(peer)) return record;
  throw new ProblemError(`${kind}-not-found`, `Peer ${peer} has no ${kind} ${id}: ${remedies[kind]}.`, {
    field,
  });
}

const remedies = {
  transport: 'create one with POST …/transports',
  receiver: 'create one with POST …/receivers',
  sender: 'GET …/senders lists those there are',
};

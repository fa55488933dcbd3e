import type { PeerRecord, ReceiverRecord, SenderRecord, TransportRecord } from '@weir/room';
import { ProblemError } from '../problem.ts';
import type { Turn } from './turn.ts';

/** Objects of one peer, as the path names them: those of another peer are not there. */

/** @throws ProblemError `peer-closed` if the peer left after the request was let in */
export function ownPeer(turn: Turn, peer: string): PeerRecord {
  const record = turn.state.peers.get(Number(peer));
  if (record === undefined) throw new ProblemError('peer-closed', `Peer ${peer} has left: join again.`);
  return record;
}

/** @throws ProblemError `transport-not-found` */
export function ownTransport(turn: Turn, peer: string, transport: string, field?: string): TransportRecord {
  return own(turn, turn.state.transports, 'transport', peer, transport, field);
}

/** @throws ProblemError `receiver-not-found` */
export function ownReceiver(turn: Turn, peer: string, receiver: string): ReceiverRecord {
  return own(turn, turn.state.receivers, 'receiver', peer, receiver);
}

/** @throws ProblemError `sender-not-found` */
export function ownSender(turn: Turn, peer: string, sender: string): SenderRecord {
  return own(turn, turn.state.senders, 'sender', peer, sender);
}

function own<R extends { readonly peerId: number }>(
  turn: Turn,
  records: ReadonlyMap<number, R>,
  kind: 'transport' | 'receiver' | 'sender',
  peer: string,
  id: string,
  field?: string,
): R {
  ownPeer(turn, peer);
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

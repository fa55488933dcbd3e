import type { RoomChange } from './commands.ts';
import type { PeerRecord, ReceiverRecord, RoomState, SenderRecord, TransportRecord } from './state.ts';

/**
 * Who belongs to whom, derived from the records so that a decision touches only what it is about. Never
 * stored; made when a state is first decided on and kept up by `evolve`.
 */
export interface RoomIndex {
  /** Order of creation over all kinds of objects. */
  readonly ranks: Map<number, number>;
  nextRank: number;
  readonly peerByName: Map<string, number>;
  readonly transportsByPeer: Groups;
  readonly receiversByPeer: Groups;
  readonly receiversByTransport: Groups;
  readonly sendersByPeer: Groups;
  readonly sendersByReceiver: Groups;
  readonly sendersByTransport: Groups;
  /** Receivers that have a `next`. */
  readonly moving: Set<number>;
  /** Of all senders, RTX included. */
  readonly ssrcs: Set<number>;
}

type Groups = Map<number, Set<number>>;

const indexes = new WeakMap<RoomState, RoomIndex>();

export function indexOf(state: RoomState): RoomIndex {
  const known = indexes.get(state);
  if (known !== undefined) return known;
  const index: RoomIndex = {
    ranks: new Map(),
    nextRank: 0,
    peerByName: new Map(),
    transportsByPeer: new Map(),
    receiversByPeer: new Map(),
    receiversByTransport: new Map(),
    sendersByPeer: new Map(),
    sendersByReceiver: new Map(),
    sendersByTransport: new Map(),
    moving: new Set(),
    ssrcs: new Set(),
  };
  for (const record of state.peers.values()) notePeer(index, undefined, record);
  for (const record of state.transports.values()) noteTransport(index, undefined, record);
  for (const record of state.receivers.values()) noteReceiver(index, undefined, record);
  for (const record of state.senders.values()) noteSender(index, undefined, record);
  indexes.set(state, index);
  return index;
}

/** Hands the index on to a copy that takes the state's place; the old state gets a new one when needed. */
export function adoptIndex(state: RoomState, copy: RoomState): void {
  const index = indexes.get(state);
  if (index === undefined) return;
  indexes.delete(state);
  indexes.set(copy, index);
}

/** To be called before the change is made. */
export function noteChange(index: RoomIndex, state: RoomState, change: RoomChange): void {
  if ('close' in change || 'set' in change) return;
  const kind = 'put' in change ? change.put : change.remove;
  const id = 'put' in change ? change.record.id : change.id;
  const next = 'put' in change ? change.record : undefined;
  switch (kind) {
    case 'peer':
      notePeer(index, state.peers.get(id), next as PeerRecord | undefined);
      break;
    case 'transport':
      noteTransport(index, state.transports.get(id), next as TransportRecord | undefined);
      break;
    case 'receiver':
      noteReceiver(index, state.receivers.get(id), next as ReceiverRecord | undefined);
      break;
    case 'sender':
      noteSender(index, state.senders.get(id), next as SenderRecord | undefined);
      break;
  }
}

function notePeer(index: RoomIndex, before: PeerRecord | undefined, after: PeerRecord | undefined): void {
  rank(index, before, after);
  if (before !== undefined && index.peerByName.get(before.name) === before.id) {
    index.peerByName.delete(before.name);
  }
  if (after !== undefined) index.peerByName.set(after.name, after.id);
}

function noteTransport(
  index: RoomIndex,
  before: TransportRecord | undefined,
  after: TransportRecord | undefined,
): void {
  const id = rank(index, before, after);
  regroup(index.transportsByPeer, id, before?.peerId, after?.peerId);
}

function noteReceiver(
  index: RoomIndex,
  before: ReceiverRecord | undefined,
  after: ReceiverRecord | undefined,
): void {
  const id = rank(index, before, after);
  regroup(index.receiversByPeer, id, before?.peerId, after?.peerId);
  regroup(index.receiversByTransport, id, before?.transportId, after?.transportId);
  if (after?.next === undefined) index.moving.delete(id);
  else index.moving.add(id);
}

function noteSender(
  index: RoomIndex,
  before: SenderRecord | undefined,
  after: SenderRecord | undefined,
): void {
  const id = rank(index, before, after);
  regroup(index.sendersByPeer, id, before?.peerId, after?.peerId);
  regroup(index.sendersByReceiver, id, before?.receiverId, after?.receiverId);
  regroup(index.sendersByTransport, id, before?.transportId, after?.transportId);
  if (before !== undefined) {
    index.ssrcs.delete(before.ssrc);
    index.ssrcs.delete(before.rtxSsrc);
  }
  if (after !== undefined) index.ssrcs.add(after.ssrc).add(after.rtxSsrc);
}

function rank(
  index: RoomIndex,
  before: { id: number } | undefined,
  after: { id: number } | undefined,
): number {
  const id = (after ?? before)?.id ?? 0;
  if (after === undefined) index.ranks.delete(id);
  else if (before === undefined) index.ranks.set(id, index.nextRank++);
  return id;
}

function regroup(
  groups: Groups,
  id: number,
  before: number | null | undefined,
  after: number | null | undefined,
): void {
  if (before === after) return;
  if (before != null) {
    const group = groups.get(before);
    group?.delete(id);
    if (group?.size === 0) groups.delete(before);
  }
  if (after != null) {
    const group = groups.get(after);
    if (group === undefined) groups.set(after, new Set([id]));
    else group.add(id);
  }
}

import type { PeerRecord, RoomChange, RoomState } from '@weir/room';
import type { Driver } from '../src/drivers/driver.ts';
import type { LoadedRoom, NewEvent, RoomCommit, RoomDetails, RoomStore } from '../src/index.ts';

export const details: RoomDetails = {
  capabilities: { codecs: [], headerExtensions: [], fecMechanisms: [] },
  maxPeers: 10,
  emptyTtlSeconds: 0,
  maxDurationSeconds: 0,
  metadata: {},
};

export async function createRoom(
  driver: Driver,
  store: RoomStore,
  id: string,
  now = 1000,
): Promise<LoadedRoom> {
  const previous = await store.load(id);
  await driver.write(store.createStatements({ id, details, expiresAt: null }, previous, now));
  store.forget(id);
  return (await store.load(id))!;
}

export function peer(id: number): PeerRecord {
  return { id, name: `peer ${id}`, appData: { number: id } };
}

/** Makes a commit of changes, as the room's decisions would. */
export function commitOf(
  room: LoadedRoom,
  changes: readonly RoomChange[],
  events: readonly NewEvent[] = [],
  rest: Partial<RoomCommit> = {},
): RoomCommit {
  const next: RoomState = { ...room.state, peers: new Map(room.state.peers) };
  const joined = new Map();
  for (const change of changes) {
    if ('put' in change && change.put === 'peer') {
      next.peers.set(change.record.id, change.record);
      joined.set(change.record.id, {
        tokenId: `token ${change.record.id}`,
        tokenSubject: 'me',
        tokenExpiresAt: 5,
      });
    } else if ('remove' in change && change.remove === 'peer') next.peers.delete(change.id);
    else if ('close' in change) next.closed = true;
  }
  return { room, next, changes, events, media: false, expiresAt: room.expiresAt, joined, ...rest };
}

/** Loads, commits what `make` says and answers the room as it is then. */
export async function commit(
  driver: Driver,
  store: RoomStore,
  roomId: string,
  make: (room: LoadedRoom) => RoomCommit,
  now = 2000,
): Promise<LoadedRoom> {
  const made = make((await store.load(roomId))!);
  await driver.write(store.commitStatements(made, now));
  return store.committed(made, now);
}

export function event(peerId: number, data: Record<string, unknown>, coalesceKey?: string): NewEvent {
  return {
    peerId,
    type: coalesceKey === undefined ? 'activechange' : 'score',
    target: { kind: 'rtpsender', id: '12345678' },
    data,
    ...(coalesceKey === undefined ? {} : { coalesceKey }),
  };
}

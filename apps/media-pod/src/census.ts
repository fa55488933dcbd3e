import type { MediaHappening, MediaUpdateAnswer, RoomMediaUpdate } from '@weir/protocol';

export interface CensusCount {
  readonly transports: number;
  readonly receivers: number;
  readonly senders: number;
}

interface RoomCensus {
  version: number;
  readonly transports: Set<number>;
  readonly receivers: Set<number>;
  readonly senders: Set<number>;
  /** Peer of each transport that is wanted, dead ones included. */
  readonly peers: Map<number, number>;
  /** Transports that died by themselves and are still wanted; the worker does not raise them again. */
  readonly dead: Set<number>;
}

/** How much a pod's workers hold, counted from what it was told and what it tells: for load, capacity and drain. */
export class Census {
  readonly #rooms = new Map<string, RoomCensus>();
  #transports = 0;
  #receivers = 0;
  #senders = 0;

  get count(): CensusCount {
    return { transports: this.#transports, receivers: this.#receivers, senders: this.#senders };
  }

  get rooms(): number {
    return this.#rooms.size;
  }

  /** Whose transport it is; undefined = it is not known here. */
  peerOf(roomId: string, transportId: number): number | undefined {
    return this.#rooms.get(roomId)?.peers.get(transportId);
  }

  /** How many of the rooms are such. */
  roomsWhere(isOne: (roomId: string) => boolean): number {
    let rooms = 0;
    for (const roomId of this.#rooms.keys()) if (isOne(roomId)) rooms += 1;
    return rooms;
  }

  /** After the worker answered an update. What it did not take (missed step, older than it holds) counts nothing. */
  noteUpdate(update: RoomMediaUpdate, answer: MediaUpdateAnswer): void {
    if (!answer.applied || answer.version !== update.version) return;
    const known = this.#rooms.get(update.roomId);
    if (known !== undefined && known.version >= update.version) return;
    const room: RoomCensus =
      known !== undefined && update.base !== null
        ? known
        : {
            version: 0,
            transports: new Set(),
            receivers: new Set(),
            senders: new Set(),
            peers: new Map(),
            dead: known?.dead ?? new Set(),
          };
    this.#forget(known);
    room.version = update.version;
    for (const kind of ['transports', 'receivers', 'senders'] as const) {
      for (const spec of update.put[kind]) room[kind].add(spec.id);
      for (const id of update.remove[kind]) room[kind].delete(id);
    }
    for (const { id, peerId } of update.put.transports) room.peers.set(id, peerId);
    for (const id of update.remove.transports) room.peers.delete(id);
    for (const id of room.dead) {
      // Removed, or not in the whole state: its id is no longer wanted.
      if (update.remove.transports.includes(id) || (update.base === null && !room.transports.has(id))) {
        room.dead.delete(id);
      } else {
        room.transports.delete(id);
      }
    }
    if (room.transports.size + room.receivers.size + room.senders.size + room.dead.size === 0) {
      this.#rooms.delete(update.roomId);
      return;
    }
    this.#rooms.set(update.roomId, room);
    this.#transports += room.transports.size;
    this.#receivers += room.receivers.size;
    this.#senders += room.senders.size;
  }

  /** A transport that died by itself is gone before signaling says so. */
  noteHappening(happening: MediaHappening): void {
    if (happening.type !== 'transport.closed') return;
    const room = this.#rooms.get(happening.roomId);
    if (!room?.transports.delete(happening.transportId)) return;
    room.dead.add(happening.transportId);
    this.#transports -= 1;
  }

  /** After a worker died: its rooms are no longer here. Answers the transports that were alive. */
  forgetRooms(isGone: (roomId: string) => boolean): { roomId: string; transportId: number }[] {
    const gone: { roomId: string; transportId: number }[] = [];
    for (const [roomId, room] of this.#rooms) {
      if (!isGone(roomId)) continue;
      for (const transportId of room.transports) gone.push({ roomId, transportId });
      this.#forget(room);
      this.#rooms.delete(roomId);
    }
    return gone;
  }

  #forget(room: RoomCensus | undefined): void {
    if (room === undefined) return;
    this.#transports -= room.transports.size;
    this.#receivers -= room.receivers.size;
    this.#senders -= room.senders.size;
  }
}

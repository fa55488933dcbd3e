/**
 * Tells readers that a log has grown. Losing every call costs time only: readers look again by themselves
 * every `pollMs`.
 */
export interface WakeUps {
  /** How often readers look without being woken, in milliseconds. */
  readonly pollMs: number;
  /** Some events were appended; `peerIds` undefined = to anybody in the room. */
  wake(roomId: string, peerIds?: readonly number[]): void;
  /** Calls back at each wake-up of one peer's log until the answered function is called. */
  listen(roomId: string, peerId: number, onWake: () => void): () => void;
  close(): Promise<void>;
}

/** Listeners of this process. */
export class Listeners {
  readonly #byRoom = new Map<string, Map<number, Set<() => void>>>();

  add(roomId: string, peerId: number, onWake: () => void): () => void {
    const room = this.#byRoom.get(roomId) ?? new Map<number, Set<() => void>>();
    this.#byRoom.set(roomId, room);
    const peer = room.get(peerId) ?? new Set();
    room.set(peerId, peer);
    const listener = () => onWake();
    peer.add(listener);
    return () => {
      peer.delete(listener);
      if (peer.size === 0 && room.get(peerId) === peer) room.delete(peerId);
      if (room.size === 0 && this.#byRoom.get(roomId) === room) this.#byRoom.delete(roomId);
    };
  }

  call(roomId: string, peerIds?: readonly number[]): void {
    const room = this.#byRoom.get(roomId);
    if (room === undefined) return;
    const sets = peerIds === undefined ? [...room.values()] : peerIds.map((peerId) => room.get(peerId));
    for (const set of sets) for (const listener of [...(set ?? [])]) listener();
  }

  /** Everybody looks: something may have been missed. */
  callAll(): void {
    for (const roomId of [...this.#byRoom.keys()]) this.call(roomId);
  }
}

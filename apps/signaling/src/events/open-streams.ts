/** A stream that is open here. */
export interface OpenStream {
  /** Ends it as after its time: the client may come again with its cursor. */
  end(): void;
}

/**
 * The event streams each peer has open on this instance, so that nobody can pile them up. One is for use; one may
 * have just been lost without our noticing, one is for another tab or a tool. A new one is let in and the oldest
 * ended, because the old ones are likely those that nobody reads.
 */
export class OpenStreams {
  readonly #most: number;
  readonly #byPeer = new Map<string, Set<OpenStream>>();

  constructor(most = streamsPerPeer) {
    this.#most = most;
  }

  /** Adds a stream; answers how to forget it. */
  add(roomId: string, peerId: number, stream: OpenStream): () => void {
    const key = `${roomId} ${peerId}`;
    const open = this.#byPeer.get(key) ?? new Set();
    this.#byPeer.set(key, open);
    open.add(stream);
    const forget = () => {
      open.delete(stream);
      if (open.size === 0 && this.#byPeer.get(key) === open) this.#byPeer.delete(key);
    };
    for (const oldest of [...open].slice(0, Math.max(0, open.size - this.#most))) {
      open.delete(oldest);
      oldest.end();
    }
    return forget;
  }
}

const streamsPerPeer = 3;

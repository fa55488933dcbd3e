import type { RoomEnvironment } from './commands.ts';
import type { RoomState } from './state.ts';

const firstId = 10_000_000;
const lastId = 99_999_999;

/** A random id of eight digits that no object of the room has (§1.2, D-1). */
export function unusedId(state: RoomState, env: RoomEnvironment): number {
  return drawId(env, (id) => idInUse(state, id));
}

export function idInUse({ peers, transports, receivers, senders }: RoomState, id: number): boolean {
  return peers.has(id) || transports.has(id) || receivers.has(id) || senders.has(id);
}

/** Draws until `taken` and the environment agree. */
export function drawId(env: RoomEnvironment, taken: (id: number) => boolean): number {
  for (;;) {
    const id = firstId + Math.floor((env.random() / 2 ** 32) * (lastId - firstId + 1));
    if (!taken(id) && env.idTaken?.(id) !== true) return id;
  }
}

/** A random SSRC; never 0, and never 1234, which is mediasoup-client's probator (§15.5). */
export function drawSsrc(env: RoomEnvironment, taken: (ssrc: number) => boolean): number {
  for (;;) {
    const ssrc = Math.floor(env.random()) >>> 0;
    if (ssrc !== 0 && ssrc !== 1234 && !taken(ssrc)) return ssrc;
  }
}

import type { LoadedRoom } from '@weir/db';
import type { RoomMediaUpdate } from '@weir/protocol';
import { fullMediaState, isEmptyUpdate, type RoomChange, type RoomState, toMediaUpdate } from '@weir/room';

/** What pods are to be told after a commit. */
export interface MediaOrder {
  readonly roomId: string;
  readonly updates: readonly { readonly podId: string; readonly update: RoomMediaUpdate }[];
}

/**
 * The updates that bring every pod of a room from the media version of `room` to the next one; undefined when
 * pods need not know of the changes.
 */
export function mediaOrder(
  room: LoadedRoom,
  next: RoomState,
  changes: readonly RoomChange[],
  keyFrames: readonly number[],
): MediaOrder | undefined {
  if (changes.length === 0 && keyFrames.length === 0) return undefined;
  const base = room.mediaVersion;
  const before = podsOf(room.state);
  const updates = [...new Set([...before, ...podsOf(next)])].map((podId) => {
    // A pod that is new to the room has no version to start from.
    const update = before.has(podId)
      ? toMediaUpdate(next, { changes, keyFrames }, { podId, base, version: base + 1 })
      : wholeUpdate(next, base + 1, podId);
    return { podId, update };
  });
  // All or none, so that every pod of the room is at the same version.
  if (updates.every(({ update }) => isEmptyUpdate(update, changes))) return undefined;
  return { roomId: room.id, updates };
}

/** All that a pod must hold of a room. */
export function wholeUpdate(state: RoomState, version: number, podId: string): RoomMediaUpdate {
  return fullMediaState(state, { podId, version });
}

function podsOf(state: RoomState): Set<string> {
  return new Set([...state.transports.values()].map((transport) => transport.podId));
}

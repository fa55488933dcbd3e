import type { ReceiverSpec, RoomMediaUpdate, SenderSpec, TransportSpec } from '@weir/protocol';

/** The wanted media state of one room as it was told last. */
export interface WantedRoom {
  version: number;
  readonly transports: Map<number, TransportSpec>;
  readonly receivers: Map<number, ReceiverSpec>;
  readonly senders: Map<number, SenderSpec>;
}

/** What to do so that what is becomes what is wanted. Removals come first, in the order senders, receivers, transports. */
export interface MediaChanges {
  readonly remove: { transports: number[]; receivers: number[]; senders: number[] };
  readonly put: { transports: TransportSpec[]; receivers: ReceiverSpec[]; senders: SenderSpec[] };
}

/** Versions of rooms that have become empty, so that a late old update can't bring them back. */
const maxForgotten = 4096;

/** How an update relates to what is held. */
export type UpdateVerdict =
  /** Follows what is held, or is the whole state and not older. */
  | 'apply'
  /** Older, or a repeat: nothing to do. */
  | 'ignore'
  /** Starts from another version than the one held: the whole state is needed. */
  | 'mismatch';

/** Keeps the wanted state of all rooms and works out what an update changes (docs/decisions/0002). */
export class WantedState {
  readonly #rooms = new Map<string, WantedRoom>();
  readonly #forgotten = new Map<string, number>();

  /** Version held; 0 for a room never heard of. */
  version(roomId: string): number {
    return this.#rooms.get(roomId)?.version ?? this.#forgotten.get(roomId) ?? 0;
  }

  versions(): Record<string, number> {
    const versions: Record<string, number> = {};
    for (const [roomId, room] of this.#rooms) versions[roomId] = room.version;
    return versions;
  }

  get(roomId: string): WantedRoom | undefined {
    return this.#rooms.get(roomId);
  }

  judge(update: RoomMediaUpdate): UpdateVerdict {
    const held = this.version(update.roomId);
    if (update.version < held) return 'ignore';
    // The whole state of the same version may repair something, so it is looked at.
    if (update.base === null) return 'apply';
    if (update.version === held) return 'ignore';
    return update.base === held ? 'apply' : 'mismatch';
  }

  /** Takes the update and answers what really changes: specs equal to those held are left out. */
  take(update: RoomMediaUpdate): MediaChanges {
    const { roomId } = update;
    const room: WantedRoom = this.#rooms.get(roomId) ?? {
      version: 0,
      transports: new Map(),
      receivers: new Map(),
      senders: new Map(),
    };
    const whole = update.base === null;
    const changes: MediaChanges = {
      remove: {
        transports: removed(room.transports, update.put.transports, update.remove.transports, whole),
        receivers: removed(room.receivers, update.put.receivers, update.remove.receivers, whole),
        senders: removed(room.senders, update.put.senders, update.remove.senders, whole),
      },
      put: {
        transports: changed(room.transports, update.put.transports),
        receivers: changed(room.receivers, update.put.receivers),
        senders: changed(room.senders, update.put.senders),
      },
    };
    room.version = update.version;
    this.#forgotten.delete(roomId);
    if (room.transports.size + room.receivers.size + room.senders.size > 0) {
      this.#rooms.set(roomId, room);
    } else {
      this.#rooms.delete(roomId);
      this.#forgotten.set(roomId, update.version);
      if (this.#forgotten.size > maxForgotten) {
        for (const oldest of this.#forgotten.keys()) {
          this.#forgotten.delete(oldest);
          break;
        }
      }
    }
    return changes;
  }
}

/** Deletes what goes and answers the ids that really were there. */
function removed<Spec extends { id: number }>(
  held: Map<number, Spec>,
  put: readonly Spec[],
  remove: readonly number[],
  whole: boolean,
): number[] {
  const going = new Set(remove);
  if (whole) {
    const stays = new Set(put.map((spec) => spec.id));
    for (const id of held.keys()) if (!stays.has(id)) going.add(id);
  }
  return [...going].filter((id) => held.delete(id));
}

function changed<Spec extends { id: number }>(held: Map<number, Spec>, put: readonly Spec[]): Spec[] {
  return put.filter((spec) => {
    const before = held.get(spec.id);
    held.set(spec.id, spec);
    return before === undefined || JSON.stringify(before) !== JSON.stringify(spec);
  });
}

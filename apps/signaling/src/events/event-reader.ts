import type { EventLog, LogPage, RoomStore, StoredEvent } from '@weir/db';
import { type AccessStore, StoreUnavailableError } from '@weir/db';
import type { Cursor, LogEvent, PeerId, Snapshot } from '@weir/protocol';
import { snapshotView, type ViewContext } from '../views.ts';

/** What a reader gets for its cursor. */
export interface ReadPage {
  readonly events: readonly LogEvent[];
  /** Where to go on. */
  readonly cursor: number;
  /** The peer has left and everything was read. */
  readonly ended: boolean;
  /** More is there already. */
  readonly more: boolean;
  readonly lastSeq: number;
  readonly lastSeenAt: number;
  readonly readerId: string;
}

/** Reads peers' logs. Holds nothing: every page is made of the cursor and the database. */
export class EventReader {
  readonly #log: EventLog;
  readonly #store: RoomStore;
  readonly #access: AccessStore;
  readonly #context: () => Promise<ViewContext>;
  readonly #now: () => number;

  constructor(parts: {
    log: EventLog;
    store: RoomStore;
    access: AccessStore;
    context: () => Promise<ViewContext>;
    now: () => number;
  }) {
    this.#log = parts.log;
    this.#store = parts.store;
    this.#access = parts.access;
    this.#context = parts.context;
    this.#now = parts.now;
  }

  /** Up to `limit` events after `after`; a single `reset` if some of them are forgotten. Undefined = no such peer. */
  async page(roomId: string, peerId: number, after: number, limit: number): Promise<ReadPage | undefined> {
    const page = await this.#log.read(roomId, peerId, after, limit);
    if (page === undefined) return undefined;
    if (page.closedAt === null && (after < page.logFloor || after > page.lastSeq)) {
      const snapshot = await this.snapshot(roomId, peerId, await this.#context());
      if (snapshot !== undefined) return this.#reset(snapshot, peerId, page);
      // It left meanwhile: what is kept of its log is all there is to say.
      return await this.page(roomId, peerId, after, limit);
    }
    const events = page.events.map(logEvent);
    const cursor = page.events.at(-1)?.seq ?? after;
    return {
      events,
      cursor,
      ended: page.closedAt !== null && cursor >= page.lastSeq,
      more: cursor < page.lastSeq,
      lastSeq: page.lastSeq,
      lastSeenAt: page.lastSeenAt,
      readerId: page.readerId,
    };
  }

  /** The peer's whole view with the cursor at which it is true; undefined if it is not there any more. */
  async snapshot(roomId: string, peerId: number, context: ViewContext): Promise<Snapshot | undefined> {
    for (let attempt = 1; attempt <= maxSnapshotAttempts; attempt += 1) {
      // Version and cursor at one point in time; a room of just that version goes with the cursor.
      const { room, peer } = await this.#access.check({ tokenId: '', roomId, peerId });
      if (room === undefined || peer === undefined || peer.closedAt !== null) return undefined;
      const loaded = await this.#store.load(roomId, room.version);
      if (loaded?.state.version !== room.version || !loaded.state.peers.has(peerId)) continue;
      return snapshotView(loaded, peerId, peer.lastSeq, context);
    }
    throw new StoreUnavailableError(`Room ${roomId} changes too quickly to be seen as a whole`);
  }

  #reset(snapshot: Snapshot, peerId: number, page: LogPage): ReadPage {
    const cursor = Number(snapshot.cursor);
    const reset: LogEvent = {
      cursor: snapshot.cursor,
      type: 'reset',
      target: { kind: 'peer', id: String(peerId) as PeerId },
      time: this.#now(),
      data: { ...snapshot },
    };
    return {
      events: [reset],
      cursor,
      ended: false,
      more: false,
      lastSeq: cursor,
      lastSeenAt: page.lastSeenAt,
      readerId: page.readerId,
    };
  }
}

function logEvent({ seq, type, target, data, createdAt }: StoredEvent): LogEvent {
  return { cursor: String(seq) as Cursor, type, target, time: createdAt, data };
}

const maxSnapshotAttempts = 50;

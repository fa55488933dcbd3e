import type {
  PeerRecord,
  ReceiverRecord,
  RoomChange,
  RoomState,
  SenderRecord,
  TransportRecord,
} from '@weir/room';
import { type SQL, sql } from 'drizzle-orm';
import type { Driver } from './drivers/driver.ts';
import { appendEvents, type NewEvent } from './event-log.ts';
import type { RoomDetails, TokenBinding } from './records.ts';
import { appendRoomEvents, type RoomLines } from './room-log.ts';
import * as tables from './schema/sqlite.ts';
import { insertInto, integerValue, only, type Query, readAll, selectFrom } from './statements.ts';

/** A room as it stood at `state.version`. Never changed in place. */
export interface LoadedRoom {
  readonly id: string;
  readonly state: RoomState;
  readonly details: RoomDetails;
  /** Version of what pods must know. */
  readonly mediaVersion: number;
  readonly nextPosition: number;
  /** Sequence number of the newest line of the room's own log. */
  readonly eventSeq: number;
  readonly createdAt: number;
  /** When the room's time to live will be over; null = never. */
  readonly expiresAt: number | null;
  readonly closedAt: number | null;
  /** Tokens of the living peers. */
  readonly bindings: ReadonlyMap<number, TokenBinding>;
}

/** A row of the room list. */
export interface RoomSummary {
  readonly id: string;
  readonly details: RoomDetails;
  readonly peerCount: number;
  readonly createdAt: number;
}

export interface NewRoom {
  readonly id: string;
  readonly details: RoomDetails;
  readonly expiresAt: number | null;
  readonly lines?: RoomLines;
}

/** What one decision (or several in a row) means for one room. */
export interface RoomCommit {
  /** What was decided on; any writer in between makes the commit fail. */
  readonly room: LoadedRoom;
  /** The state after `changes`. */
  readonly next: RoomState;
  readonly changes: readonly RoomChange[];
  /** In the order they must be heard. */
  readonly events: readonly NewEvent[];
  /** Whether pods must be told. */
  readonly media: boolean;
  readonly details?: RoomDetails;
  readonly expiresAt: number | null;
  /** Tokens of peers that are new. */
  readonly joined?: ReadonlyMap<number, TokenBinding>;
  /** Peers whose media was alive until now. */
  readonly seen?: readonly number[];
  /** For the room's own log; only with changes. */
  readonly lines?: RoomLines;
}

/** Rooms as rows. Loaded rooms are cached by version; losing the cache costs time only. */
export class RoomStore {
  readonly #driver: Driver;
  readonly #cache = new Map<string, LoadedRoom>();
  readonly #cacheSize: number;

  constructor(driver: Driver, options: { cacheSize?: number } = {}) {
    this.#driver = driver;
    this.#cacheSize = options.cacheSize ?? 1000;
  }

  /**
   * The room as it stands, also when it is closed; undefined when there is none. With `version`, as a cheap read
   * has just told it, a cached room of that version is good enough.
   */
  async load(roomId: string, version?: number): Promise<LoadedRoom | undefined> {
    const cached = this.#cache.get(roomId);
    if (cached !== undefined) {
      const current = version ?? (await this.#version(roomId));
      if (current === cached.state.version) return cached;
      this.#cache.delete(roomId);
      if (current === undefined) return undefined;
    }
    const loaded = await this.#read(roomId);
    if (loaded !== undefined) this.#remember(loaded);
    return loaded;
  }

  /** The cached room, of whatever version, or the stored one. Good for deciding, because commits are guarded. */
  async loadForDecision(roomId: string): Promise<{ room: LoadedRoom | undefined; fresh: boolean }> {
    const cached = this.#cache.get(roomId);
    if (cached !== undefined) return { room: cached, fresh: false };
    return { room: await this.load(roomId), fresh: true };
  }

  /** Drops the cached room. */
  forget(roomId: string): void {
    this.#cache.delete(roomId);
  }

  /** Open rooms by time of creation, `limit` of them after `after`. */
  async list(options: {
    limit: number;
    after?: { createdAt: number; id: string };
    prefix?: string;
  }): Promise<RoomSummary[]> {
    const { rooms } = tables;
    const { after, prefix } = options;
    const position =
      after === undefined
        ? sql``
        : sql` AND (${rooms.createdAt} > ${after.createdAt} OR (${rooms.createdAt} = ${after.createdAt} AND ${rooms.id} > ${after.id}))`;
    const named =
      prefix === undefined
        ? sql``
        : sql` AND substr(${rooms.id}, 1, CAST(${prefix.length} AS INTEGER)) = ${prefix}`;
    const [rows] = await readAll(this.#driver, [
      selectFrom(
        rooms,
        sql`WHERE ${rooms.closedAt} IS NULL${position}${named} ORDER BY ${rooms.createdAt}, ${rooms.id} LIMIT ${options.limit}`,
      ),
    ]);
    return rows.map((row) => ({
      id: row.id,
      details: row.record,
      peerCount: row.peerCount,
      createdAt: row.createdAt,
    }));
  }

  /**
   * Statements that create a room; `previous` is the closed room of the same id, if there is one. They fail with
   * a conflict if another one of this id was created meanwhile.
   */
  createStatements(room: NewRoom, previous: LoadedRoom | undefined, now: number): SQL[] {
    const { rooms } = tables;
    const first = Math.max(now, (previous?.state.version ?? 0) + 1);
    const guard = previous === undefined ? [] : [guardVersion(previous), ...forgetStatements(room.id)];
    // As versions, these never repeat: a webhook may still be busy with a room of this id that was before.
    const eventSeq = Math.max(now, (previous?.eventSeq ?? 0) + 1);
    return [
      ...guard,
      ...insertInto(this.#driver, rooms, [
        {
          id: room.id,
          // Versions never repeat, not even when a room of the same id was forgotten: caches and pods may
          // still know the old one.
          version: first,
          mediaVersion: Math.max(now, (previous?.mediaVersion ?? 0) + 1),
          record: room.details,
          nextPosition: 1,
          peerCount: 0,
          createdAt: now,
          expiresAt: room.expiresAt,
          closedAt: null,
          eventSeq: eventSeq + linesIn(room),
        },
      ]),
      ...appendRoomEvents(this.#driver, room.id, eventSeq, room.lines, now),
    ];
  }

  /** Statements of one room's commit, guard first. Nothing at all when nothing is to be stored. */
  commitStatements(commit: RoomCommit, now: number): SQL[] {
    const { room, changes, events } = commit;
    const seen = (commit.seen ?? []).map((peerId) => seenStatement(room.id, peerId, now));
    if (!isChange(commit)) {
      if (events.length === 0 && seen.length === 0) return [];
      return [guardVersion(room), ...appendEvents(this.#driver, room.id, events, now), ...seen];
    }
    const { rooms } = tables;
    const position = counter(room.nextPosition);
    const rows = collectRows(commit, position, now);
    const driver = this.#driver;
    const roomId = room.id;
    const closed = changes.some((change) => 'close' in change);
    return [
      sql`UPDATE ${rooms} SET
        ${name(rooms.version)} = ${only(sql`${rooms.version} = ${room.state.version}`, integerValue(room.state.version + 1))},
        ${name(rooms.mediaVersion)} = ${integerValue(room.mediaVersion + (commit.media ? 1 : 0))},
        ${name(rooms.record)} = ${JSON.stringify(commit.details ?? room.details)},
        ${name(rooms.nextPosition)} = ${integerValue(position.next())},
        ${name(rooms.peerCount)} = ${integerValue(commit.next.peers.size)},
        ${name(rooms.expiresAt)} = ${commit.expiresAt === null ? sql`NULL` : integerValue(commit.expiresAt)},
        ${name(rooms.closedAt)} = ${closed ? integerValue(now) : sql`NULL`},
        ${name(rooms.eventSeq)} = ${integerValue(room.eventSeq + linesIn(commit))}
        WHERE ${rooms.id} = ${roomId}`,
      ...removeStatements(driver, roomId, changes, now),
      ...insertInto(driver, tables.peers, rows.peers, { key: ['roomId', 'id'], update: ['record'] }),
      ...insertInto(driver, tables.transports, rows.transports, {
        key: ['roomId', 'id'],
        update: ['record'],
      }),
      ...insertInto(driver, tables.receivers, rows.receivers, { key: ['roomId', 'id'], update: ['record'] }),
      ...insertInto(driver, tables.senders, rows.senders, { key: ['roomId', 'id'], update: ['record'] }),
      ...appendEvents(driver, roomId, events, now),
      ...seen,
      ...appendRoomEvents(driver, roomId, room.eventSeq, commit.lines, now),
    ];
  }

  /** The room after a commit that succeeded; remembered. */
  committed(commit: RoomCommit, now: number): LoadedRoom {
    const { room, next, changes } = commit;
    if (!isChange(commit)) return room;
    const bindings = new Map<number, TokenBinding>();
    for (const peerId of next.peers.keys()) {
      const binding = room.bindings.get(peerId) ?? commit.joined?.get(peerId);
      if (binding !== undefined) bindings.set(peerId, binding);
    }
    const position = counter(room.nextPosition);
    collectRows(commit, position, now);
    next.version = room.state.version + 1;
    const loaded: LoadedRoom = {
      id: room.id,
      state: next,
      details: commit.details ?? room.details,
      mediaVersion: room.mediaVersion + (commit.media ? 1 : 0),
      nextPosition: position.next(),
      eventSeq: room.eventSeq + linesIn(commit),
      createdAt: room.createdAt,
      expiresAt: commit.expiresAt,
      closedAt: changes.some((change) => 'close' in change) ? now : null,
      bindings,
    };
    this.#remember(loaded);
    return loaded;
  }

  async #version(roomId: string): Promise<number | undefined> {
    const { rooms } = tables;
    const [rows] = await this.#driver.read([
      sql`SELECT ${rooms.version} FROM ${rooms} WHERE ${rooms.id} = ${roomId}`,
    ]);
    return rows![0]?.version as number | undefined;
  }

  async #read(roomId: string): Promise<LoadedRoom | undefined> {
    const { rooms, peers, transports, receivers, senders } = tables;
    const [[row], peerRows, transportRows, receiverRows, senderRows] = await readAll(this.#driver, [
      selectFrom(rooms, sql`WHERE ${rooms.id} = ${roomId}`),
      selectFrom(
        peers,
        sql`WHERE ${peers.roomId} = ${roomId} AND ${peers.closedAt} IS NULL ORDER BY ${peers.position}`,
      ),
      recordsOf<TransportRecord>(transports, roomId),
      recordsOf<ReceiverRecord>(receivers, roomId),
      recordsOf<SenderRecord>(senders, roomId),
    ]);
    if (row === undefined) return undefined;
    const state: RoomState = {
      id: roomId,
      version: row.version,
      closed: row.closedAt !== null,
      capabilities: row.record.capabilities,
      maxLoudestAudio: row.record.maxLoudestAudio ?? 0,
      peers: new Map<number, PeerRecord>(peerRows.map((peer) => [peer.id, peer.record])),
      transports: byId(transportRows),
      receivers: byId(receiverRows),
      senders: byId(senderRows),
    };
    return {
      id: roomId,
      state,
      details: row.record,
      mediaVersion: row.mediaVersion,
      nextPosition: row.nextPosition,
      eventSeq: row.eventSeq,
      createdAt: row.createdAt,
      expiresAt: row.expiresAt,
      closedAt: row.closedAt,
      bindings: new Map(
        peerRows.map(({ id, tokenId, tokenSubject, tokenExpiresAt }) => [
          id,
          { tokenId, tokenSubject, tokenExpiresAt },
        ]),
      ),
    };
  }

  #remember(room: LoadedRoom): void {
    this.#cache.delete(room.id);
    this.#cache.set(room.id, room);
    if (this.#cache.size > this.#cacheSize) {
      const [oldest] = this.#cache.keys();
      if (oldest !== undefined) this.#cache.delete(oldest);
    }
  }
}

/** Whether a commit changes more than logs. */
function isChange(commit: RoomCommit): boolean {
  return (
    commit.changes.length > 0 ||
    commit.media ||
    commit.details !== undefined ||
    commit.expiresAt !== commit.room.expiresAt
  );
}

function linesIn({ lines }: { readonly lines?: RoomLines }): number {
  return lines?.events.length ?? 0;
}

/** Makes a write fail unless the room still has the version it was loaded with. */
function guardVersion(room: LoadedRoom): SQL {
  const { rooms } = tables;
  const { version } = room.state;
  return sql`UPDATE ${rooms} SET ${name(rooms.version)} = ${only(sql`${rooms.version} = ${version}`, integerValue(version))} WHERE ${rooms.id} = ${room.id}`;
}

/** Removes a room and all that belongs to it. */
export function forgetStatements(roomId: string): SQL[] {
  const { rooms, peers, transports, receivers, senders, peerEvents } = tables;
  return [
    sql`DELETE FROM ${rooms} WHERE ${rooms.id} = ${roomId}`,
    sql`DELETE FROM ${peers} WHERE ${peers.roomId} = ${roomId}`,
    sql`DELETE FROM ${transports} WHERE ${transports.roomId} = ${roomId}`,
    sql`DELETE FROM ${receivers} WHERE ${receivers.roomId} = ${roomId}`,
    sql`DELETE FROM ${senders} WHERE ${senders.roomId} = ${roomId}`,
    sql`DELETE FROM ${peerEvents} WHERE ${peerEvents.roomId} = ${roomId}`,
  ];
}

function seenStatement(roomId: string, peerId: number, now: number): SQL {
  const { peers } = tables;
  return sql`UPDATE ${peers} SET ${name(peers.lastSeenAt)} = ${integerValue(now)}
    WHERE ${peers.roomId} = ${roomId} AND ${peers.id} = ${peerId} AND ${peers.lastSeenAt} < ${now}`;
}

function removeStatements(
  driver: Driver,
  roomId: string,
  changes: readonly RoomChange[],
  now: number,
): SQL[] {
  const of = (kind: string) =>
    changes.flatMap((change) => ('remove' in change && change.remove === kind ? [change.id] : []));
  const statements: SQL[] = [];
  const { peers, transports, receivers, senders } = tables;
  for (const ids of chunk(driver, of('peer'))) {
    statements.push(
      sql`UPDATE ${peers} SET ${name(peers.closedAt)} = ${integerValue(now)} WHERE ${peers.roomId} = ${roomId} AND ${peers.id} IN ${ids}`,
    );
  }
  for (const [kind, table] of [
    ['transport', transports],
    ['receiver', receivers],
    ['sender', senders],
  ] as const) {
    for (const ids of chunk(driver, of(kind))) {
      statements.push(sql`DELETE FROM ${table} WHERE ${table.roomId} = ${roomId} AND ${table.id} IN ${ids}`);
    }
  }
  return statements;
}

/** Rows to put, only the last state of each, with the position at which each was first put. */
function collectRows(commit: RoomCommit, position: { take(): number }, now: number) {
  const { room, next } = commit;
  const roomId = room.id;
  const touched = {
    peer: new Map<number, number>(),
    transport: new Map<number, number>(),
    receiver: new Map<number, number>(),
    sender: new Map<number, number>(),
  };
  for (const change of commit.changes) {
    if (!('put' in change)) continue;
    const ids = touched[change.put];
    if (!ids.has(change.record.id)) ids.set(change.record.id, position.take());
  }
  const rowsOf = <R extends object, X extends object>(
    ids: ReadonlyMap<number, number>,
    records: ReadonlyMap<number, R>,
    extra: (record: R) => X,
  ) => {
    const rows: ({ roomId: string; id: number; position: number; record: R } & X)[] = [];
    for (const [id, at] of ids) {
      const record = records.get(id);
      if (record !== undefined) rows.push({ roomId, id, position: at, record, ...extra(record) });
    }
    return rows;
  };
  return {
    peers: rowsOf(touched.peer, next.peers, (record) => {
      const binding = room.bindings.get(record.id) ?? commit.joined?.get(record.id);
      return {
        tokenId: binding?.tokenId ?? '',
        tokenSubject: binding?.tokenSubject ?? '',
        tokenExpiresAt: binding?.tokenExpiresAt ?? 0,
        joinedAt: now,
        closedAt: null,
        lastSeq: 0,
        logFloor: 0,
        lastSeenAt: now,
        readerId: '',
      };
    }),
    transports: rowsOf(touched.transport, next.transports, ({ peerId, podId }) => ({
      peerId,
      podId,
      // Of the pod as it is when this is stored; the write fails if the pod is forgotten.
      podEpoch: sql`(SELECT ${tables.pods.epoch} FROM ${tables.pods} WHERE ${tables.pods.id} = ${podId})`,
      createdAt: now,
    })),
    receivers: rowsOf(touched.receiver, next.receivers, ({ peerId }) => ({ peerId })),
    senders: rowsOf(touched.sender, next.senders, ({ peerId }) => ({ peerId })),
  };
}

type RecordTable = typeof tables.transports | typeof tables.receivers | typeof tables.senders;

function recordsOf<R>(table: RecordTable, roomId: string): Query<R> {
  return {
    statement: sql`SELECT ${table.record} FROM ${table} WHERE ${table.roomId} = ${roomId} ORDER BY ${table.position}`,
    decode: (row) => table.record.mapFromDriverValue(row.record as string) as R,
  };
}

function byId<R extends { readonly id: number }>(records: readonly R[]): Map<number, R> {
  return new Map(records.map((record) => [record.id, record]));
}

function counter(first: number) {
  let next = first;
  return { take: () => next++, next: () => next };
}

function chunk(driver: Driver, ids: readonly number[]): SQL[] {
  const size = Math.max(1, driver.maxParameters - 8);
  const lists: SQL[] = [];
  for (let start = 0; start < ids.length; start += size) {
    const values = ids.slice(start, start + size).map((id) => sql`${id}`);
    lists.push(sql`(${sql.join(values, sql`, `)})`);
  }
  return lists;
}

/** A column's bare name: left sides of SET must not carry the table. */
function name(column: { name: string }): SQL {
  return sql`${sql.identifier(column.name)}`;
}

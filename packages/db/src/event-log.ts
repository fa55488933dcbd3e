import type { EventTarget, EventType } from '@weir/protocol';
import { type SQL, sql } from 'drizzle-orm';
import type { Driver } from './drivers/driver.ts';
import * as tables from './schema/sqlite.ts';
import { chunked, decodeRow, insertInto, integerValue } from './statements.ts';

/** An event before it has its place in the log. */
export interface NewEvent {
  readonly peerId: number;
  readonly type: EventType;
  readonly target: EventTarget;
  readonly data: Record<string, unknown>;
  /** Of events with the same key only the newest is kept. */
  readonly coalesceKey?: string;
}

export interface StoredEvent {
  readonly seq: number;
  readonly type: EventType;
  readonly target: EventTarget;
  readonly data: Record<string, unknown>;
  readonly createdAt: number;
}

/** What a reader of one peer's log finds after its cursor. */
export interface LogPage {
  readonly events: readonly StoredEvent[];
  /** Sequence number of the newest event of the log. */
  readonly lastSeq: number;
  /** Events up to this one may be forgotten: a reader further back needs a snapshot. */
  readonly logFloor: number;
  readonly closedAt: number | null;
  readonly lastSeenAt: number;
  /** The newest long poll. */
  readonly readerId: string;
}

/**
 * Statements that append events, in their order. Sequence numbers are given by the database: peers' rows are
 * locked by raising `last_seq` before an event takes its number, so numbers have no gap and no duplicate whoever
 * else appends. Events for peers that are not there fail the write.
 */
export function appendEvents(
  driver: Driver,
  roomId: string,
  events: readonly NewEvent[],
  now: number,
): SQL[] {
  if (events.length === 0) return [];
  const { peers, peerEvents } = tables;
  const counts = new Map<number, number>();
  for (const { peerId } of events) counts.set(peerId, (counts.get(peerId) ?? 0) + 1);

  const byCount = new Map<number, number[]>();
  for (const [peerId, count] of counts) byCount.set(count, [...(byCount.get(count) ?? []), peerId]);
  const statements: SQL[] = [];
  for (const [count, peerIds] of byCount) {
    for (const ids of chunked(driver, peerIds)) {
      const list = sql.join(
        ids.map((id) => sql`${id}`),
        sql`, `,
      );
      statements.push(
        sql`UPDATE ${peers} SET ${sql.identifier(peers.lastSeq.name)} = ${peers.lastSeq} + ${integerValue(count)}
          WHERE ${peers.roomId} = ${roomId} AND ${peers.id} IN (${list})`,
      );
    }
  }

  const left = new Map(counts);
  const rows = events.map(({ peerId, type, target, data, coalesceKey }) => {
    const after = left.get(peerId)! - 1;
    left.set(peerId, after);
    return {
      roomId,
      peerId,
      seq: sql`(SELECT ${peers.lastSeq} - ${integerValue(after)} FROM ${peers} WHERE ${peers.roomId} = ${roomId} AND ${peers.id} = ${peerId})`,
      type,
      targetKind: target.kind,
      targetId: target.id,
      data,
      coalesceKey: coalesceKey ?? null,
      createdAt: now,
    };
  });
  const lasting = rows.filter((row) => row.coalesceKey === null);
  statements.push(...insertInto(driver, peerEvents, lasting));
  // One statement must not meet the same key twice.
  const newest = new Map<string, (typeof rows)[number]>();
  for (const row of rows) {
    if (row.coalesceKey !== null) newest.set(`${row.peerId} ${row.coalesceKey}`, row);
  }
  statements.push(
    ...insertInto(driver, peerEvents, [...newest.values()], {
      key: ['roomId', 'peerId', 'coalesceKey'],
      update: ['seq', 'type', 'targetKind', 'targetId', 'data', 'createdAt'],
    }),
  );
  return statements;
}

/** Statements that append one event to the logs of all living peers of a room, keeping only the newest. */
export function broadcastCoalesced(roomId: string, event: Omit<NewEvent, 'peerId'>, now: number): SQL[] {
  const { rooms, peers, peerEvents } = tables;
  const { type, target, data, coalesceKey } = event;
  const columns = [
    'roomId',
    'peerId',
    'seq',
    'type',
    'targetKind',
    'targetId',
    'data',
    'coalesceKey',
    'createdAt',
  ] as const;
  const name = (column: (typeof columns)[number]) => sql.identifier(peerEvents[column].name);
  const names = sql.join(columns.map(name), sql`, `);
  const sets = sql.join(
    (['seq', 'data', 'createdAt'] as const).map((column) => sql`${name(column)} = excluded.${name(column)}`),
    sql`, `,
  );
  return [
    // Commits lock the room before its peers, so this must too, or two writers could wait for each other.
    lockRoom(roomId),
    sql`UPDATE ${peers} SET ${sql.identifier(peers.lastSeq.name)} = ${peers.lastSeq} + 1
      WHERE ${peers.roomId} = ${roomId} AND ${peers.closedAt} IS NULL`,
    sql`INSERT INTO ${peerEvents} (${names})
      SELECT ${peers.roomId}, ${peers.id}, ${peers.lastSeq}, CAST(${type} AS TEXT), CAST(${target.kind} AS TEXT),
        CAST(${target.id} AS TEXT), CAST(${JSON.stringify(data)} AS TEXT), CAST(${coalesceKey} AS TEXT), ${integerValue(now)}
      FROM ${peers} INNER JOIN ${rooms} ON ${rooms.id} = ${peers.roomId}
      WHERE ${peers.roomId} = ${roomId} AND ${peers.closedAt} IS NULL
      ON CONFLICT (${name('roomId')}, ${name('peerId')}, ${name('coalesceKey')}) DO UPDATE SET ${sets}`,
  ];
}

/** Takes the room's row, as every commit does first. */
export function lockRoom(roomId: string): SQL {
  const { rooms } = tables;
  return sql`UPDATE ${rooms} SET ${sql.identifier(rooms.version.name)} = ${rooms.version} WHERE ${rooms.id} = ${roomId}`;
}

/** Readers of the log. */
export class EventLog {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** Up to `limit` events after `after`, with the log's bounds at the same point in time; undefined = no such peer. */
  async read(roomId: string, peerId: number, after: number, limit: number): Promise<LogPage | undefined> {
    const { peers, peerEvents } = tables;
    const [rows] = await this.#driver.read([
      sql`SELECT ${peers.lastSeq}, ${peers.logFloor}, ${peers.closedAt}, ${peers.lastSeenAt}, ${peers.readerId},
          ${peerEvents.seq}, ${peerEvents.type}, ${peerEvents.targetKind}, ${peerEvents.targetId}, ${peerEvents.data},
          ${peerEvents.createdAt}
        FROM ${peers} LEFT JOIN ${peerEvents} ON ${peerEvents.roomId} = ${peers.roomId}
          AND ${peerEvents.peerId} = ${peers.id} AND ${peerEvents.seq} > ${after}
        WHERE ${peers.roomId} = ${roomId} AND ${peers.id} = ${peerId}
        ORDER BY ${peerEvents.seq} LIMIT ${limit}`,
    ]);
    const [first] = rows!;
    if (first === undefined) return undefined;
    const events = rows!.flatMap((row) => {
      if (row.seq === null) return [];
      const event = decodeRow(peerEvents, row);
      const target = { kind: event.targetKind, id: event.targetId };
      return [{ seq: event.seq, type: event.type, target, data: event.data, createdAt: event.createdAt }];
    });
    return {
      events,
      lastSeq: Number(first.last_seq),
      logFloor: Number(first.log_floor),
      closedAt: first.closed_at === null ? null : Number(first.closed_at),
      lastSeenAt: Number(first.last_seen_at),
      readerId: String(first.reader_id),
    };
  }

  /** Notes that the peer reads its log; `readerId` makes this the peer's only long poll. */
  async seen(roomId: string, peerId: number, now: number, readerId?: string): Promise<void> {
    const { peers } = tables;
    const reader =
      readerId === undefined ? sql`` : sql`, ${sql.identifier(peers.readerId.name)} = ${readerId}`;
    await this.#driver.write([
      sql`UPDATE ${peers} SET ${sql.identifier(peers.lastSeenAt.name)} = ${integerValue(now)}${reader}
        WHERE ${peers.roomId} = ${roomId} AND ${peers.id} = ${peerId}`,
    ]);
  }

  /** Appends frequent signals that change no state; each replaces the one before of the same key. */
  async signal(roomId: string, events: readonly NewEvent[], now: number): Promise<void> {
    await this.#driver.write([lockRoom(roomId), ...appendEvents(this.#driver, roomId, events, now)]);
  }
}

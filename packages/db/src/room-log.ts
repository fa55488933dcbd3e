import type { WebhookEventType } from '@weir/protocol';
import { type SQL, sql } from 'drizzle-orm';
import type { Driver } from './drivers/driver.ts';
import * as tables from './schema/sqlite.ts';
import { insertInto } from './statements.ts';

/** A line of the room's own log before it has its place. */
export interface NewRoomEvent {
  readonly type: WebhookEventType;
  readonly data: Record<string, unknown>;
}

export interface RoomEvent extends NewRoomEvent {
  readonly roomId: string;
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Somebody the room's log is read for. */
export interface RoomListener {
  readonly endpointId: string;
  /** Of a room's own webhook; empty = as the configuration of the reader says. */
  readonly url: string;
  /** Types it wants; undefined = all. */
  readonly events?: readonly WebhookEventType[] | undefined;
}

/** What a commit appends to the room's log, and for whom. */
export interface RoomLines {
  readonly events: readonly NewRoomEvent[];
  readonly listeners: readonly RoomListener[];
}

/**
 * Statements that append to a room's log after line `after`, and mark what waits for each listener. Numbers are safe
 * because the same write guards the room's version.
 */
export function appendRoomEvents(
  driver: Driver,
  roomId: string,
  after: number,
  lines: RoomLines | undefined,
  now: number,
): SQL[] {
  if (lines === undefined || lines.events.length === 0) return [];
  const { roomEvents, webhookCursors } = tables;
  const events = lines.events.map(({ type, data }, index) => ({
    roomId,
    seq: after + 1 + index,
    type,
    data,
    createdAt: now,
  }));
  const waiting = lines.listeners.flatMap((listener) => {
    const wanted = events.filter(({ type }) => listener.events?.includes(type) !== false);
    const [first, last] = [wanted[0], wanted.at(-1)];
    if (first === undefined || last === undefined) return [];
    return [
      {
        endpointId: listener.endpointId,
        roomId,
        url: listener.url,
        origin: listener.url === '' ? '' : new URL(listener.url).origin,
        events: listener.events ?? null,
        cursor: first.seq - 1,
        head: last.seq,
        nextAt: now,
        attempts: 0,
        lastError: '',
        leaseId: '',
        leaseUntil: 0,
        updatedAt: now,
      },
    ];
  });
  return [
    ...insertInto(driver, roomEvents, events),
    ...insertInto(driver, webhookCursors, waiting).map(
      // A reader may be moving its cursor meanwhile: it sees the new head when it next writes, so nothing is missed.
      (statement) => sql`${statement} ON CONFLICT (${column('endpointId')}, ${column('roomId')}) DO UPDATE SET
        ${column('head')} = excluded.${column('head')}, ${column('url')} = excluded.${column('url')},
        ${column('origin')} = excluded.${column('origin')},
        ${column('events')} = excluded.${column('events')}, ${column('updatedAt')} = excluded.${column('updatedAt')},
        ${column('nextAt')} = COALESCE(${webhookCursors.nextAt}, excluded.${column('nextAt')})`,
    ),
  ];
}

function column(key: keyof typeof tables.webhookCursors.$inferSelect): SQL {
  return sql`${sql.identifier(tables.webhookCursors[key].name)}`;
}

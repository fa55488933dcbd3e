import type { EventTarget, EventType, PodLease, WebhookEventType } from '@weir/protocol';
import type { PeerRecord, ReceiverRecord, SenderRecord, TransportRecord } from '@weir/room';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { RoomDetails } from '../records.ts';

/**
 * Tables for SQLite and D1. Only what SQLite, D1 and Postgres share: text, integers, JSON as text, times in
 * milliseconds since 1970. `postgres.ts` is the same set of tables; a test keeps them equal.
 */

/** Closed rooms stay as tombstones until the sweeper forgets them, so that late calls hear `410`. */
export const rooms = sqliteTable(
  'rooms',
  {
    id: text('id').primaryKey(),
    /** Guards every change of the room and of all rows below it: compare-and-swap. */
    version: integer('version').notNull(),
    /** Rises only when what pods must know changes. */
    mediaVersion: integer('media_version').notNull(),
    record: text('record', { mode: 'json' }).$type<RoomDetails>().notNull(),
    /** Creation order of the next object. */
    nextPosition: integer('next_position').notNull(),
    peerCount: integer('peer_count').notNull(),
    createdAt: integer('created_at').notNull(),
    /** When the time to live will be over; null = never. */
    expiresAt: integer('expires_at'),
    closedAt: integer('closed_at'),
    /** Sequence number of the newest line of the room's own log; never repeats for an id. */
    eventSeq: integer('event_seq').notNull().default(0),
  },
  (table) => [
    index('rooms_by_expiry').on(table.expiresAt),
    index('rooms_by_closing').on(table.closedAt),
    index('rooms_by_creation').on(table.createdAt, table.id),
  ],
);

/** Closed peers stay until the sweeper forgets them, so that their last events can be read. */
export const peers = sqliteTable(
  'peers',
  {
    roomId: text('room_id').notNull(),
    id: integer('id').notNull(),
    /** Creation order. */
    position: integer('position').notNull(),
    record: text('record', { mode: 'json' }).$type<PeerRecord>().notNull(),
    /** `jti` and `sub` of the token that joined. */
    tokenId: text('token_id').notNull(),
    tokenSubject: text('token_subject').notNull(),
    /** When that token expires. */
    tokenExpiresAt: integer('token_expires_at').notNull(),
    joinedAt: integer('joined_at').notNull(),
    closedAt: integer('closed_at'),
    /** Sequence number of the newest event of this peer's log. */
    lastSeq: integer('last_seq').notNull(),
    /** Events up to this one may have been forgotten. */
    logFloor: integer('log_floor').notNull(),
    /** When a reader of the log or a living transport was last seen. */
    lastSeenAt: integer('last_seen_at').notNull(),
    /** The newest long poll; an older one ends when it sees another's id here. */
    readerId: text('reader_id').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.id] }),
    index('peers_by_presence').on(table.closedAt, table.lastSeenAt),
  ],
);

export const transports = sqliteTable(
  'transports',
  {
    roomId: text('room_id').notNull(),
    id: integer('id').notNull(),
    position: integer('position').notNull(),
    peerId: integer('peer_id').notNull(),
    podId: text('pod_id').notNull(),
    /** Start of the pod that holds it; one of an earlier start is lost. */
    podEpoch: integer('pod_epoch').notNull(),
    createdAt: integer('created_at').notNull(),
    record: text('record', { mode: 'json' }).$type<TransportRecord>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.id] }),
    index('transports_by_pod').on(table.podId, table.createdAt),
  ],
);

export const receivers = sqliteTable(
  'receivers',
  {
    roomId: text('room_id').notNull(),
    id: integer('id').notNull(),
    position: integer('position').notNull(),
    peerId: integer('peer_id').notNull(),
    record: text('record', { mode: 'json' }).$type<ReceiverRecord>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.id] })],
);

export const senders = sqliteTable(
  'senders',
  {
    roomId: text('room_id').notNull(),
    id: integer('id').notNull(),
    position: integer('position').notNull(),
    peerId: integer('peer_id').notNull(),
    record: text('record', { mode: 'json' }).$type<SenderRecord>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.id] })],
);

export const peerEvents = sqliteTable(
  'peer_events',
  {
    roomId: text('room_id').notNull(),
    peerId: integer('peer_id').notNull(),
    seq: integer('seq').notNull(),
    type: text('type').$type<EventType>().notNull(),
    targetKind: text('target_kind').$type<EventTarget['kind']>().notNull(),
    targetId: text('target_id').notNull(),
    data: text('data', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    /** Of events with the same key only the newest is kept; null = all are. */
    coalesceKey: text('coalesce_key'),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.peerId, table.seq] }),
    uniqueIndex('peer_events_by_key').on(table.roomId, table.peerId, table.coalesceKey),
    index('peer_events_by_age').on(table.createdAt),
  ],
);

export const pods = sqliteTable('pods', {
  id: text('id').primaryKey(),
  /** New at each start of the pod. */
  epoch: integer('epoch').notNull(),
  /** Highest report applied in this epoch. */
  seq: integer('seq').notNull(),
  /** Null until the epoch's first lease, and once the pod is given up. */
  lease: text('lease', { mode: 'json' }).$type<PodLease>(),
  leasedAt: integer('leased_at').notNull(),
  /** 1 once the peers on a draining pod were told to move. */
  drainTold: integer('drain_told').notNull(),
  /** Until then it counts as one that cannot be told anything, whatever it reports itself. */
  unreachableUntil: integer('unreachable_until').notNull().default(0),
});

export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    /** Who used the key. */
    scope: text('scope').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of method, path and body. */
    requestHash: text('request_hash').notNull(),
    status: integer('status').notNull(),
    answer: text('answer').notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.scope, table.key] }),
    index('idempotency_keys_by_age').on(table.createdAt),
  ],
);

export const revokedTokens = sqliteTable(
  'revoked_tokens',
  {
    id: text('id').primaryKey(),
    reason: text('reason').notNull(),
    expiresAt: integer('expires_at').notNull(),
  },
  (table) => [index('revoked_tokens_by_expiry').on(table.expiresAt)],
);

/** Whose tokens are taken back that were issued up to a time. */
export const revokedSubjects = sqliteTable(
  'revoked_subjects',
  {
    subject: text('subject').primaryKey(),
    reason: text('reason').notNull(),
    revokedAt: integer('revoked_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
  },
  (table) => [index('revoked_subjects_by_expiry').on(table.expiresAt)],
);

/** The room's own log: what an application wants to know of it. Written only if a webhook listens. */
export const roomEvents = sqliteTable(
  'room_events',
  {
    roomId: text('room_id').notNull(),
    seq: integer('seq').notNull(),
    type: text('type').$type<WebhookEventType>().notNull(),
    data: text('data', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.seq] }),
    index('room_events_by_age').on(table.createdAt),
  ],
);

/** How far each webhook has read each room's log. Outlives the room until all is delivered. */
export const webhookCursors = sqliteTable(
  'webhook_cursors',
  {
    endpointId: text('endpoint_id').notNull(),
    roomId: text('room_id').notNull(),
    /** Where a room's own webhook is; empty = as the configuration says. */
    url: text('url').notNull(),
    /** Origin of `url`: rooms' webhooks that lead to the same one share what it may take up. */
    origin: text('origin').notNull().default(''),
    /** Types a room's own webhook wants; null = all. */
    events: text('events', { mode: 'json' }).$type<readonly WebhookEventType[]>(),
    /** Everything up to this line was acknowledged or given up. */
    cursor: integer('cursor').notNull(),
    /** Newest line that must be delivered. */
    head: integer('head').notNull(),
    /** When the next attempt is due; null = nothing waits. */
    nextAt: integer('next_at'),
    /** Failed attempts at the line after the cursor. */
    attempts: integer('attempts').notNull(),
    lastError: text('last_error').notNull(),
    /** Who delivers now, and until when nobody else may. */
    leaseId: text('lease_id').notNull(),
    leaseUntil: integer('lease_until').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.endpointId, table.roomId] }),
    index('webhook_cursors_by_time').on(table.nextAt),
    index('webhook_cursors_by_room').on(table.roomId),
  ],
);

/** Lines that were given up for a webhook, until somebody delivers them again or they are too old. */
export const webhookDeadLetters = sqliteTable(
  'webhook_dead_letters',
  {
    id: text('id').primaryKey(),
    endpointId: text('endpoint_id').notNull(),
    roomId: text('room_id').notNull(),
    url: text('url').notNull(),
    seq: integer('seq').notNull(),
    type: text('type').$type<WebhookEventType>().notNull(),
    data: text('data', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    createdAt: integer('created_at').notNull(),
    failedAt: integer('failed_at').notNull(),
    attempts: integer('attempts').notNull(),
    lastError: text('last_error').notNull(),
  },
  (table) => [index('webhook_dead_letters_by_age').on(table.failedAt)],
);

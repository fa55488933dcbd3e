import { bigint, index, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';

/**
 * The tables of `sqlite.ts` for Postgres: migrations are generated from here. Statements are built from the typed
 * tables of `sqlite.ts` and rendered for Postgres, since names and values are the same; a test compares both.
 */
export const rooms = pgTable(
  'rooms',
  {
    id: text('id').primaryKey(),
    version: bigint('version', { mode: 'number' }).notNull(),
    mediaVersion: bigint('media_version', { mode: 'number' }).notNull(),
    record: text('record').notNull(),
    nextPosition: bigint('next_position', { mode: 'number' }).notNull(),
    peerCount: bigint('peer_count', { mode: 'number' }).notNull(),
    createdAt: bigint('created_at', { mode: 'number' }).notNull(),
    expiresAt: bigint('expires_at', { mode: 'number' }),
    closedAt: bigint('closed_at', { mode: 'number' }),
    eventSeq: bigint('event_seq', { mode: 'number' }).notNull().default(0),
  },
  (table) => [
    index('rooms_by_expiry').on(table.expiresAt),
    index('rooms_by_closing').on(table.closedAt),
    index('rooms_by_creation').on(table.createdAt, table.id),
  ],
);
export const peers = pgTable(
  'peers',
  {
    roomId: text('room_id').notNull(),
    id: bigint('id', { mode: 'number' }).notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    record: text('record').notNull(),
    tokenId: text('token_id').notNull(),
    tokenSubject: text('token_subject').notNull(),
    tokenExpiresAt: bigint('token_expires_at', { mode: 'number' }).notNull(),
    joinedAt: bigint('joined_at', { mode: 'number' }).notNull(),
    closedAt: bigint('closed_at', { mode: 'number' }),
    lastSeq: bigint('last_seq', { mode: 'number' }).notNull(),
    logFloor: bigint('log_floor', { mode: 'number' }).notNull(),
    lastSeenAt: bigint('last_seen_at', { mode: 'number' }).notNull(),
    readerId: text('reader_id').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.id] }),
    index('peers_by_presence').on(table.closedAt, table.lastSeenAt),
  ],
);

export const transports = pgTable(
  'transports',
  {
    roomId: text('room_id').notNull(),
    id: bigint('id', { mode: 'number' }).notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    peerId: bigint('peer_id', { mode: 'number' }).notNull(),
    podId: text('pod_id').notNull(),
    podEpoch: bigint('pod_epoch', { mode: 'number' }).notNull(),
    createdAt: bigint('created_at', { mode: 'number' }).notNull(),
    record: text('record').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.id] }),
    index('transports_by_pod').on(table.podId, table.createdAt),
  ],
);

export const receivers = pgTable(
  'receivers',
  {
    roomId: text('room_id').notNull(),
    id: bigint('id', { mode: 'number' }).notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    peerId: bigint('peer_id', { mode: 'number' }).notNull(),
    record: text('record').notNull(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.id] })],
);

export const senders = pgTable(
  'senders',
  {
    roomId: text('room_id').notNull(),
    id: bigint('id', { mode: 'number' }).notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    peerId: bigint('peer_id', { mode: 'number' }).notNull(),
    record: text('record').notNull(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.id] })],
);

export const peerEvents = pgTable(
  'peer_events',
  {
    roomId: text('room_id').notNull(),
    peerId: bigint('peer_id', { mode: 'number' }).notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    type: text('type').notNull(),
    targetKind: text('target_kind').notNull(),
    targetId: text('target_id').notNull(),
    data: text('data').notNull(),
    coalesceKey: text('coalesce_key'),
    createdAt: bigint('created_at', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.peerId, table.seq] }),
    uniqueIndex('peer_events_by_key').on(table.roomId, table.peerId, table.coalesceKey),
    index('peer_events_by_age').on(table.createdAt),
  ],
);

export const pods = pgTable('pods', {
  id: text('id').primaryKey(),
  epoch: bigint('epoch', { mode: 'number' }).notNull(),
  seq: bigint('seq', { mode: 'number' }).notNull(),
  lease: text('lease'),
  leasedAt: bigint('leased_at', { mode: 'number' }).notNull(),
  drainTold: bigint('drain_told', { mode: 'number' }).notNull(),
  unreachableUntil: bigint('unreachable_until', { mode: 'number' }).notNull().default(0),
});

export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    scope: text('scope').notNull(),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    status: bigint('status', { mode: 'number' }).notNull(),
    answer: text('answer').notNull(),
    createdAt: bigint('created_at', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.scope, table.key] }),
    index('idempotency_keys_by_age').on(table.createdAt),
  ],
);

export const revokedTokens = pgTable(
  'revoked_tokens',
  {
    id: text('id').primaryKey(),
    reason: text('reason').notNull(),
    expiresAt: bigint('expires_at', { mode: 'number' }).notNull(),
  },
  (table) => [index('revoked_tokens_by_expiry').on(table.expiresAt)],
);

export const revokedSubjects = pgTable(
  'revoked_subjects',
  {
    subject: text('subject').primaryKey(),
    reason: text('reason').notNull(),
    revokedAt: bigint('revoked_at', { mode: 'number' }).notNull(),
    expiresAt: bigint('expires_at', { mode: 'number' }).notNull(),
  },
  (table) => [index('revoked_subjects_by_expiry').on(table.expiresAt)],
);

export const roomEvents = pgTable(
  'room_events',
  {
    roomId: text('room_id').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    type: text('type').notNull(),
    data: text('data').notNull(),
    createdAt: bigint('created_at', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.seq] }),
    index('room_events_by_age').on(table.createdAt),
  ],
);

export const webhookCursors = pgTable(
  'webhook_cursors',
  {
    endpointId: text('endpoint_id').notNull(),
    roomId: text('room_id').notNull(),
    url: text('url').notNull(),
    origin: text('origin').notNull().default(''),
    events: text('events'),
    cursor: bigint('cursor', { mode: 'number' }).notNull(),
    head: bigint('head', { mode: 'number' }).notNull(),
    nextAt: bigint('next_at', { mode: 'number' }),
    attempts: bigint('attempts', { mode: 'number' }).notNull(),
    lastError: text('last_error').notNull(),
    leaseId: text('lease_id').notNull(),
    leaseUntil: bigint('lease_until', { mode: 'number' }).notNull(),
    updatedAt: bigint('updated_at', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.endpointId, table.roomId] }),
    index('webhook_cursors_by_time').on(table.nextAt),
    index('webhook_cursors_by_room').on(table.roomId),
  ],
);

export const webhookDeadLetters = pgTable(
  'webhook_dead_letters',
  {
    id: text('id').primaryKey(),
    endpointId: text('endpoint_id').notNull(),
    roomId: text('room_id').notNull(),
    url: text('url').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    type: text('type').notNull(),
    data: text('data').notNull(),
    createdAt: bigint('created_at', { mode: 'number' }).notNull(),
    failedAt: bigint('failed_at', { mode: 'number' }).notNull(),
    attempts: bigint('attempts', { mode: 'number' }).notNull(),
    lastError: text('last_error').notNull(),
  },
  (table) => [index('webhook_dead_letters_by_age').on(table.failedAt)],
);

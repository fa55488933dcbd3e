export { type Access, AccessStore, type StoredAnswer } from './access.ts';
export { type D1Binding, openD1 } from './drivers/d1.ts';
export { ConflictError, type Driver, type Row, StoreUnavailableError } from './drivers/driver.ts';
export { openPostgres, type PostgresOptions } from './drivers/postgres.ts';
export { openSqlite } from './drivers/sqlite.ts';
export { broadcastCoalesced, EventLog, type LogPage, type NewEvent, type StoredEvent } from './event-log.ts';
export { Housekeeping, type RetentionLimits } from './housekeeping.ts';
export { migrate } from './migrate.ts';
export { type OpenDatabase, type OpenOptions, openDatabase } from './open.ts';
export { type LostTransport, type PodRow, PodStore } from './pod-store.ts';
export type { RoomDetails, TokenBinding } from './records.ts';
export type { NewRoomEvent, RoomEvent, RoomLines, RoomListener } from './room-log.ts';
export {
  type LoadedRoom,
  type NewRoom,
  type RoomCommit,
  RoomStore,
  type RoomSummary,
} from './room-store.ts';
export { inProcessWakeUps } from './wake-ups/in-process.ts';
export { pollingWakeUps } from './wake-ups/polling.ts';
export { type PostgresWakeUpsOptions, postgresWakeUps } from './wake-ups/postgres.ts';
export type { WakeUps } from './wake-ups/wake-ups.ts';
export { type DeadLetter, type WebhookCursor, WebhookStore } from './webhook-store.ts';

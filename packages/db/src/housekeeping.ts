import { type SQL, sql } from 'drizzle-orm';
import type { Driver } from './drivers/driver.ts';
import { forgetStatements } from './room-store.ts';
import * as tables from './schema/sqlite.ts';
import { integerValue, only } from './statements.ts';

export interface RetentionLimits {
  /** Events older than this are forgotten, in milliseconds. */
  readonly maxEventAgeMs: number;
  /** More than these events of one peer are forgotten, oldest first. */
  readonly maxEventsPerPeer: number;
}

/** What any instance may do at any time, several at once included. */
export class Housekeeping {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** Living peers whose log nobody has read since a time. */
  async unseenPeers(before: number, limit: number): Promise<{ roomId: string; peerId: number }[]> {
    const { peers } = tables;
    const [rows] = await this.#driver.read([
      sql`SELECT ${peers.roomId}, ${peers.id} FROM ${peers}
        WHERE ${peers.closedAt} IS NULL AND ${peers.lastSeenAt} < ${before} ORDER BY ${peers.lastSeenAt} LIMIT ${limit}`,
    ]);
    return rows!.map((row) => ({ roomId: String(row.room_id), peerId: Number(row.id) }));
  }

  /** Makes a write fail if the peer was seen since `before`. */
  unseenGuard(roomId: string, peerId: number, before: number): SQL {
    const { peers } = tables;
    return sql`UPDATE ${peers} SET ${sql.identifier(peers.lastSeenAt.name)} = ${only(sql`${peers.lastSeenAt} < ${before}`, sql`${peers.lastSeenAt}`)}
      WHERE ${peers.roomId} = ${roomId} AND ${peers.id} = ${peerId}`;
  }

  /** Open rooms whose time to live is over. */
  async expiredRooms(now: number, limit: number): Promise<string[]> {
    const { rooms } = tables;
    const [rows] = await this.#driver.read([
      sql`SELECT ${rooms.id} FROM ${rooms} WHERE ${rooms.closedAt} IS NULL AND ${rooms.expiresAt} <= ${now}
        ORDER BY ${rooms.expiresAt} LIMIT ${limit}`,
    ]);
    return rows!.map((row) => String(row.id));
  }

  /** Forgets events beyond the limits; readers further back get a `reset`. */
  async trimLogs(now: number, limits: RetentionLimits): Promise<void> {
    const { peers, peerEvents } = tables;
    const old = now - limits.maxEventAgeMs;
    const floor = sql.identifier(peers.logFloor.name);
    const ofPeer = sql`${peerEvents.roomId} = ${peers.roomId} AND ${peerEvents.peerId} = ${peers.id}`;
    const newestOld = sql`(SELECT MAX(${peerEvents.seq}) FROM ${peerEvents} WHERE ${ofPeer} AND ${peerEvents.createdAt} < ${old})`;
    await this.#driver.write([
      sql`UPDATE ${peers} SET ${floor} = ${newestOld} WHERE ${newestOld} > ${peers.logFloor}`,
      sql`DELETE FROM ${peerEvents} WHERE ${peerEvents.createdAt} < ${old}`,
    ]);
    const most = limits.maxEventsPerPeer;
    const [long] = await this.#driver.read([
      sql`SELECT ${peers.roomId}, ${peers.id}, ${peers.lastSeq} FROM ${peers} WHERE ${peers.lastSeq} - ${peers.logFloor} > ${integerValue(most)}`,
    ]);
    for (const row of long!) {
      const keepAfter = Number(row.last_seq) - most;
      const key = sql`${peers.roomId} = ${row.room_id} AND ${peers.id} = ${row.id}`;
      await this.#driver.write([
        sql`UPDATE ${peers} SET ${floor} = ${integerValue(keepAfter)} WHERE ${key} AND ${peers.logFloor} < ${keepAfter}`,
        sql`DELETE FROM ${peerEvents} WHERE ${peerEvents.roomId} = ${row.room_id} AND ${peerEvents.peerId} = ${row.id} AND ${peerEvents.seq} <= ${keepAfter}`,
      ]);
    }
  }

  /** Forgets closed rooms and peers, answers and revocations that nobody will ask for again. */
  async forget(now: number, keepMs: number, answersKeepMs: number): Promise<void> {
    const { rooms, peers, peerEvents, idempotencyKeys, revokedTokens, revokedSubjects } = tables;
    const before = now - keepMs;
    const gone = sql`${peers.closedAt} IS NOT NULL AND ${peers.closedAt} < ${before}`;
    await this.#driver.write([
      sql`DELETE FROM ${peerEvents} WHERE EXISTS (SELECT 1 FROM ${peers} WHERE ${peers.roomId} = ${peerEvents.roomId} AND ${peers.id} = ${peerEvents.peerId} AND ${gone})`,
      sql`DELETE FROM ${peers} WHERE ${gone}`,
      sql`DELETE FROM ${idempotencyKeys} WHERE ${idempotencyKeys.createdAt} < ${now - answersKeepMs}`,
      sql`DELETE FROM ${revokedTokens} WHERE ${revokedTokens.expiresAt} < ${now}`,
      sql`DELETE FROM ${revokedSubjects} WHERE ${revokedSubjects.expiresAt} < ${now}`,
    ]);
    const [closed] = await this.#driver.read([
      sql`SELECT ${rooms.id} FROM ${rooms} WHERE ${rooms.closedAt} IS NOT NULL AND ${rooms.closedAt} < ${before} LIMIT 100`,
    ]);
    for (const row of closed!) {
      const roomId = String(row.id);
      const version = sql.identifier(rooms.version.name);
      // The id may have been given to a new room meanwhile.
      await this.#driver.write([
        sql`UPDATE ${rooms} SET ${version} = ${only(sql`${rooms.closedAt} IS NOT NULL`, sql`${rooms.version}`)} WHERE ${rooms.id} = ${roomId}`,
        ...forgetStatements(roomId),
      ]);
    }
  }

  /** Whether the database answers. @throws StoreUnavailableError */
  async ping(): Promise<void> {
    await this.#driver.read([sql`SELECT 1 AS one`]);
  }
}

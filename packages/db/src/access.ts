import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { Driver } from './drivers/driver.ts';
import * as tables from './schema/sqlite.ts';
import { decodeRow, insertInto, integerValue, only, readAll, selectFrom } from './statements.ts';

/** What a request must know before anything else, in one cheap read. */
export interface Access {
  /** Why the token is no longer good; undefined = it is. */
  readonly revoked?: string;
  readonly room?: { readonly version: number; readonly closedAt: number | null };
  readonly peer?: {
    readonly tokenId: string;
    readonly tokenSubject: string;
    readonly closedAt: number | null;
    readonly lastSeq: number;
    readonly lastSeenAt: number;
  };
}

/** An answer that was given to a POST with an Idempotency-Key. */
export interface StoredAnswer {
  readonly requestHash: string;
  readonly status: number;
  readonly answer: string;
}

/** Tokens taken back and answers given. */
export class AccessStore {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** `holder` is whom the token was issued to and when, in milliseconds since 1970. */
  async check(request: {
    tokenId: string;
    holder?: { readonly subject: string; readonly issuedAt: number };
    roomId?: string;
    peerId?: number;
  }): Promise<Access> {
    const { rooms, peers, revokedTokens, revokedSubjects } = tables;
    const { tokenId, holder, roomId, peerId } = request;
    const byToken = sql`(SELECT ${revokedTokens.reason} FROM ${revokedTokens} WHERE ${revokedTokens.id} = ${tokenId})`;
    const revoked =
      holder === undefined
        ? byToken
        : sql`COALESCE(${byToken}, (SELECT ${revokedSubjects.reason} FROM ${revokedSubjects} WHERE ${revokedSubjects.subject} = ${holder.subject} AND ${revokedSubjects.revokedAt} >= ${holder.issuedAt}))`;
    const [rows] = await this.#driver.read([
      sql`SELECT one.revoked, ${rooms.version}, ${rooms.closedAt} AS room_closed_at, ${peers.id} AS peer_id,
          ${peers.tokenId}, ${peers.tokenSubject}, ${peers.closedAt} AS peer_closed_at, ${peers.lastSeq}, ${peers.lastSeenAt}
        FROM (SELECT ${revoked} AS revoked) one
        LEFT JOIN ${rooms} ON ${rooms.id} = ${roomId ?? ''}
        LEFT JOIN ${peers} ON ${peers.roomId} = ${rooms.id} AND ${peers.id} = ${peerId ?? 0}`,
    ]);
    const row = rows![0]!;
    const time = (value: unknown) => (value === null ? null : Number(value));
    return {
      ...(row.revoked === null ? {} : { revoked: String(row.revoked) }),
      ...(row.version === null
        ? {}
        : { room: { version: Number(row.version), closedAt: time(row.room_closed_at) } }),
      ...(row.peer_id === null
        ? {}
        : {
            peer: {
              tokenId: String(row.token_id),
              tokenSubject: String(row.token_subject),
              closedAt: time(row.peer_closed_at),
              lastSeq: Number(row.last_seq),
              lastSeenAt: Number(row.last_seen_at),
            },
          }),
    };
  }

  /** Takes a token back until it would expire anyway. */
  revokeStatements(token: { id: string; reason: string; expiresAt: number }): SQL[] {
    return insertInto(this.#driver, tables.revokedTokens, [token], { key: ['id'], update: [] });
  }

  /** Takes back what was issued to a subject up to a time; `expiresAt`: when the last of it has expired. */
  revokeSubjectStatements(holder: {
    subject: string;
    reason: string;
    revokedAt: number;
    expiresAt: number;
  }): SQL[] {
    return insertInto(this.#driver, tables.revokedSubjects, [holder], {
      key: ['subject'],
      update: ['reason', 'revokedAt', 'expiresAt'],
    });
  }

  async answerOf(scope: string, key: string): Promise<StoredAnswer | undefined> {
    const { idempotencyKeys } = tables;
    const [[row]] = await readAll(this.#driver, [
      selectFrom(
        idempotencyKeys,
        sql`WHERE ${idempotencyKeys.scope} = ${scope} AND ${idempotencyKeys.key} = ${key}`,
      ),
    ]);
    return row;
  }

  /**
   * The answer given to a key before, and how many answers are kept for its scope, counted up to `most`: one cheap read.
   */
  async answers(
    scope: string,
    key: string,
    most: number,
  ): Promise<{ answer: StoredAnswer | undefined; kept: number }> {
    const { idempotencyKeys } = tables;
    const columns = Object.values(getTableColumns(idempotencyKeys)).map((column) => sql`${column}`);
    const [rows] = await this.#driver.read([
      sql`SELECT one.kept, ${sql.join(columns, sql`, `)} FROM (SELECT COUNT(*) AS kept FROM
          (SELECT 1 FROM ${idempotencyKeys} WHERE ${idempotencyKeys.scope} = ${scope} LIMIT ${most}) few) one
        LEFT JOIN ${idempotencyKeys} ON ${idempotencyKeys.scope} = ${scope} AND ${idempotencyKeys.key} = ${key}`,
    ]);
    const row = rows![0]!;
    const answer = row.request_hash === null ? undefined : decodeRow(idempotencyKeys, row);
    return { answer, kept: Number(row.kept) };
  }

  /** Forgets about `count` answers of a scope, the oldest; in one go, so that it is not done for every further one. */
  async evictAnswers(scope: string, count: number): Promise<void> {
    const { idempotencyKeys } = tables;
    await this.#driver.write([
      sql`DELETE FROM ${idempotencyKeys} WHERE ${idempotencyKeys.scope} = ${scope} AND ${idempotencyKeys.key} IN
        (SELECT ${idempotencyKeys.key} FROM ${idempotencyKeys} WHERE ${idempotencyKeys.scope} = ${scope}
          ORDER BY ${idempotencyKeys.createdAt} LIMIT ${count})`,
    ]);
  }

  /**
   * Makes a write of a room fail if the token was taken back meanwhile. It must come after the room's own guard, whose
   * lock lets it see what others have committed.
   */
  goodGuard(token: { id: string; subject: string; issuedAt: number }, roomId: string): SQL {
    const { rooms, revokedTokens, revokedSubjects } = tables;
    const good = sql`NOT EXISTS (SELECT 1 FROM ${revokedTokens} WHERE ${revokedTokens.id} = ${token.id})
      AND NOT EXISTS (SELECT 1 FROM ${revokedSubjects} WHERE ${revokedSubjects.subject} = ${token.subject}
        AND ${revokedSubjects.revokedAt} >= ${integerValue(token.issuedAt)})`;
    return sql`UPDATE ${rooms} SET ${sql.identifier(rooms.version.name)} = ${only(good, sql`${rooms.version}`)}
      WHERE ${rooms.id} = ${roomId}`;
  }

  /** Stores an answer with the change it tells of; a conflict means that a copy of the request was faster. */
  answerStatements(scope: string, key: string, answer: StoredAnswer, now: number): SQL[] {
    return insertInto(this.#driver, tables.idempotencyKeys, [{ scope, key, ...answer, createdAt: now }]);
  }

  /** Forgets an answer whose change was taken back. */
  forgetAnswerStatements(scope: string, key: string): SQL[] {
    const { idempotencyKeys } = tables;
    return [
      sql`DELETE FROM ${idempotencyKeys} WHERE ${idempotencyKeys.scope} = ${scope} AND ${idempotencyKeys.key} = ${key}`,
    ];
  }
}

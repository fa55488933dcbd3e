import { type SQL, sql } from 'drizzle-orm';
import type { Driver } from './drivers/driver.ts';
import * as tables from './schema/sqlite.ts';
import { insertInto, readAll, selectFrom } from './statements.ts';

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

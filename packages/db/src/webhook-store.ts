import { type SQL, sql } from 'drizzle-orm';
import { ConflictError, type Driver } from './drivers/driver.ts';
import type { RoomEvent } from './room-log.ts';
import * as tables from './schema/sqlite.ts';
import { decodeRow, insertInto, integerValue, only, readAll, selectFrom } from './statements.ts';

/** How far one webhook has read the log of one room. */
export type WebhookCursor = typeof tables.webhookCursors.$inferSelect;
/** A line that was given up for a webhook. */
export type DeadLetter = typeof tables.webhookDeadLetters.$inferSelect;

/**
 * Cursors of webhooks. Whoever delivers holds a lease of the (webhook, room) it delivers for: every step is one guarded
 * statement that fails for whoever has lost the lease meanwhile.
 */
export class WebhookStore {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** Leases up to `limit` rooms that have lines to deliver now, those that wait longest first. */
  async claim(request: {
    leaseId: string;
    now: number;
    leaseMs: number;
    limit: number;
    /** Receivers that have enough to do. */
    except?: readonly Pick<WebhookCursor, 'endpointId' | 'origin'>[];
  }): Promise<WebhookCursor[]> {
    const { webhookCursors: cursors } = tables;
    const { leaseId, now, leaseMs, limit, except = [] } = request;
    const free = sql`${cursors.nextAt} <= ${integerValue(now)} AND ${cursors.leaseUntil} <= ${integerValue(now)}`;
    const others =
      except.length === 0
        ? sql``
        : sql` AND NOT (${sql.join(
            except.map(
              ({ endpointId, origin }) =>
                sql`(${cursors.endpointId} = ${endpointId} AND ${cursors.origin} = ${origin})`,
            ),
            sql` OR `,
          )})`;
    const [rows] = await this.#driver.write([
      sql`UPDATE ${cursors} SET ${set('leaseId')} = ${leaseId}, ${set('leaseUntil')} = ${integerValue(now + leaseMs)}
        WHERE (${cursors.endpointId}, ${cursors.roomId}) IN (SELECT ${cursors.endpointId}, ${cursors.roomId} FROM ${cursors}
          WHERE ${free}${others} ORDER BY ${cursors.nextAt} LIMIT ${limit})
        AND ${free} RETURNING *`,
    ]);
    return rows!.map((row) => decodeRow(cursors, row));
  }

  /** When the next attempt of any webhook is due; undefined = nothing waits. */
  async nextDue(): Promise<number | undefined> {
    const { webhookCursors: cursors } = tables;
    const [rows] = await this.#driver.read([
      sql`SELECT MIN(${cursors.nextAt}) AS next_at FROM ${cursors} WHERE ${cursors.nextAt} IS NOT NULL`,
    ]);
    const next = rows![0]?.next_at;
    return next === null || next === undefined ? undefined : Number(next);
  }

  /** Lines after a cursor, up to its head. */
  async lines({ roomId, cursor, head }: WebhookCursor, limit: number): Promise<RoomEvent[]> {
    const { roomEvents } = tables;
    const [rows] = await readAll(this.#driver, [
      selectFrom(
        roomEvents,
        sql`WHERE ${roomEvents.roomId} = ${roomId} AND ${roomEvents.seq} > ${cursor} AND ${roomEvents.seq} <= ${head}
          ORDER BY ${roomEvents.seq} LIMIT ${limit}`,
      ),
    ]);
    return rows;
  }

  /**
   * Everything up to line `seq` is done. Renews the lease if more waits, else ends it. Answers the cursor as it is now;
   * undefined = the lease was lost.
   */
  async advance(
    lease: WebhookCursor,
    seq: number,
    now: number,
    leaseMs: number,
  ): Promise<WebhookCursor | undefined> {
    const { webhookCursors: cursors } = tables;
    // Decided on the row as it is when it is written: a commit may have raised the head meanwhile.
    const more = sql`${cursors.head} > ${integerValue(seq)}`;
    const [rows] = await this.#driver.write([
      sql`UPDATE ${cursors} SET ${set('cursor')} = ${integerValue(seq)}, ${set('attempts')} = 0, ${set('lastError')} = '',
        ${set('nextAt')} = CASE WHEN ${more} THEN ${integerValue(now)} ELSE NULL END,
        ${set('leaseUntil')} = CASE WHEN ${more} THEN ${integerValue(now + leaseMs)} ELSE 0 END,
        ${set('updatedAt')} = ${integerValue(now)} WHERE ${held(lease)} RETURNING *`,
    ]);
    return rows!.map((row) => decodeRow(cursors, row))[0];
  }

  /** Ends a lease; the next attempt is due at `nextAt`. With `error` an attempt has failed. */
  async release(lease: WebhookCursor, nextAt: number, error?: string): Promise<void> {
    const { webhookCursors: cursors } = tables;
    const failed =
      error === undefined
        ? sql``
        : sql`, ${set('attempts')} = ${cursors.attempts} + 1, ${set('lastError')} = ${error}`;
    await this.#driver.write([
      sql`UPDATE ${cursors} SET ${set('leaseUntil')} = 0, ${set('leaseId')} = '',
        ${set('nextAt')} = ${integerValue(nextAt)}${failed} WHERE ${held(lease)}`,
    ]);
  }

  /** Gives the line up: it is set aside, and the cursor goes on. Undefined = the lease was lost, nothing has changed. */
  async bury(
    lease: WebhookCursor,
    letter: DeadLetter,
    now: number,
    leaseMs: number,
  ): Promise<WebhookCursor | undefined> {
    const { webhookCursors: cursors, webhookDeadLetters } = tables;
    try {
      await this.#driver.write([
        sql`UPDATE ${cursors} SET ${set('leaseId')} = ${only(held(lease), sql`${cursors.leaseId}`)}
          WHERE ${cursors.endpointId} = ${lease.endpointId} AND ${cursors.roomId} = ${lease.roomId}`,
        ...insertInto(this.#driver, webhookDeadLetters, [letter], { key: ['id'], update: [] }),
      ]);
    } catch (error) {
      if (error instanceof ConflictError) return undefined;
      throw error;
    }
    return await this.advance(lease, letter.seq, now, leaseMs);
  }

  /** Rooms that webhooks have not heard all of, those that wait longest first. */
  async backlog(limit: number, prefix: string): Promise<WebhookCursor[]> {
    const { webhookCursors: cursors } = tables;
    const [rows] = await readAll(this.#driver, [
      selectFrom(
        cursors,
        sql`WHERE ${cursors.nextAt} IS NOT NULL AND ${startsWith(sql`${cursors.roomId}`, prefix)}
          ORDER BY ${cursors.updatedAt}, ${cursors.roomId} LIMIT ${limit}`,
      ),
    ]);
    return rows;
  }

  /** Dead letters, oldest first, `limit` of them after one of this time and id. */
  async deadLetters(options: {
    limit: number;
    prefix: string;
    after?: { failedAt: number; id: string };
  }): Promise<DeadLetter[]> {
    const { webhookDeadLetters: letters } = tables;
    const { after } = options;
    const position =
      after === undefined
        ? sql``
        : sql` AND (${letters.failedAt} > ${after.failedAt} OR (${letters.failedAt} = ${after.failedAt} AND ${letters.id} > ${after.id}))`;
    const [rows] = await readAll(this.#driver, [
      selectFrom(
        letters,
        sql`WHERE ${startsWith(sql`${letters.roomId}`, options.prefix)}${position}
          ORDER BY ${letters.failedAt}, ${letters.id} LIMIT ${options.limit}`,
      ),
    ]);
    return rows;
  }

  async deadLetter(id: string): Promise<DeadLetter | undefined> {
    const { webhookDeadLetters: letters } = tables;
    const [[row]] = await readAll(this.#driver, [selectFrom(letters, sql`WHERE ${letters.id} = ${id}`)]);
    return row;
  }

  async forgetDeadLetter(id: string): Promise<void> {
    const { webhookDeadLetters: letters } = tables;
    await this.#driver.write([sql`DELETE FROM ${letters} WHERE ${letters.id} = ${id}`]);
  }

  /**
   * Forgets lines that every webhook has, cursors of rooms in which nothing happened since `before`, and what is older
   * than `oldest`, delivered or not.
   */
  async forget(before: number, oldest: number): Promise<void> {
    const { roomEvents, webhookCursors: cursors, webhookDeadLetters: letters } = tables;
    const wanted = sql`EXISTS (SELECT 1 FROM ${cursors} WHERE ${cursors.roomId} = ${roomEvents.roomId}
      AND ${cursors.nextAt} IS NOT NULL AND ${cursors.cursor} < ${roomEvents.seq})`;
    await this.#driver.write([
      sql`DELETE FROM ${roomEvents} WHERE ${roomEvents.createdAt} < ${oldest}
        OR (${roomEvents.createdAt} < ${before} AND NOT ${wanted})`,
      sql`DELETE FROM ${cursors} WHERE ${cursors.updatedAt} < ${oldest}
        OR (${cursors.updatedAt} < ${before} AND ${cursors.nextAt} IS NULL)`,
      sql`DELETE FROM ${letters} WHERE ${letters.failedAt} < ${oldest}`,
    ]);
  }
}

function held({ endpointId, roomId, leaseId }: WebhookCursor): SQL {
  const { webhookCursors: cursors } = tables;
  return sql`${cursors.endpointId} = ${endpointId} AND ${cursors.roomId} = ${roomId} AND ${cursors.leaseId} = ${leaseId}`;
}

function startsWith(text: SQL, prefix: string): SQL {
  return sql`substr(${text}, 1, CAST(${prefix.length} AS INTEGER)) = ${prefix}`;
}

function set(key: keyof WebhookCursor): SQL {
  return sql`${sql.identifier(tables.webhookCursors[key].name)}`;
}

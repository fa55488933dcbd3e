import type { PodLease } from '@weir/protocol';
import { type SQL, sql } from 'drizzle-orm';
import { ConflictError, type Driver } from './drivers/driver.ts';
import * as tables from './schema/sqlite.ts';
import { insertInto, integerValue, only, readAll, selectFrom } from './statements.ts';

export interface PodRow {
  readonly id: string;
  readonly epoch: number;
  /** Highest report applied. */
  readonly seq: number;
  /** Null until the first lease of the epoch, and once the pod was given up. */
  readonly lease: PodLease | null;
  readonly leasedAt: number;
  /** 1 once the peers on a draining pod were told to move. */
  readonly drainTold: number;
  /** Until then signaling could not tell it anything; 0 = never so in this epoch. Leases do not touch it. */
  readonly unreachableUntil: number;
}

/** A transport whose pod was started again or given up. */
export interface LostTransport {
  readonly roomId: string;
  readonly transportId: number;
  readonly podId: string;
}

/** Pods as they reported themselves. */
export class PodStore {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  async list(): Promise<PodRow[]> {
    const [rows] = await readAll(this.#driver, [selectFrom(tables.pods, sql`ORDER BY ${tables.pods.id}`)]);
    return rows;
  }

  async get(id: string): Promise<PodRow | undefined> {
    const [[row]] = await readAll(this.#driver, [
      selectFrom(tables.pods, sql`WHERE ${tables.pods.id} = ${id}`),
    ]);
    return row;
  }

  /** Rooms that have transports on the pod. */
  async roomsOf(id: string): Promise<{ roomId: string; mediaVersion: number }[]> {
    const { rooms, transports } = tables;
    const [rows] = await this.#driver.read([
      sql`SELECT DISTINCT ${rooms.id}, ${rooms.mediaVersion} FROM ${transports} INNER JOIN ${rooms}
        ON ${rooms.id} = ${transports.roomId} WHERE ${transports.podId} = ${id} ORDER BY ${rooms.id}`,
    ]);
    return rows!.map((row) => ({ roomId: String(row.id), mediaVersion: Number(row.media_version) }));
  }

  /**
   * Transports whose pod was started again since, has been given up, or is not known at all; those of room `first`
   * before all others.
   */
  async lostTransports(limit: number, first = ''): Promise<LostTransport[]> {
    const { transports, pods } = tables;
    const [rows] = await this.#driver.read([
      sql`SELECT ${transports.roomId}, ${transports.id}, ${transports.podId} FROM ${transports}
        LEFT JOIN ${pods} ON ${pods.id} = ${transports.podId}
        WHERE ${pods.id} IS NULL OR ${pods.lease} IS NULL OR ${transports.podEpoch} < ${pods.epoch}
        ORDER BY CASE WHEN ${transports.roomId} = ${first} THEN 0 ELSE 1 END, ${transports.roomId}, ${transports.position}
        LIMIT ${limit}`,
    ]);
    return rows!.map((row) => ({
      roomId: String(row.room_id),
      transportId: Number(row.id),
      podId: String(row.pod_id),
    }));
  }

  /** Notes whether the peers on a draining pod were told to move. */
  async setDrainTold(id: string, told: boolean): Promise<void> {
    const { pods } = tables;
    await this.#driver.write([
      sql`UPDATE ${pods} SET ${sql.identifier(pods.drainTold.name)} = ${integerValue(told ? 1 : 0)} WHERE ${pods.id} = ${id}`,
    ]);
  }

  /** Transports placed on each pod since its last lease, and not before `since`: what that lease does not know. */
  async placedSinceLease(since: number): Promise<Map<string, number>> {
    const { transports, pods } = tables;
    const [rows] = await this.#driver.read([
      sql`SELECT ${transports.podId}, COUNT(*) AS transports FROM ${transports} INNER JOIN ${pods}
        ON ${pods.id} = ${transports.podId}
        WHERE ${transports.createdAt} > ${since} AND ${transports.createdAt} > ${pods.leasedAt}
        GROUP BY ${transports.podId}`,
    ]);
    return new Map(rows!.map((row) => [String(row.pod_id), Number(row.transports)]));
  }

  /**
   * Statements that take a report: guard first, so that a report is applied once whoever else gets a copy of it.
   * `known` is the row the caller decided on.
   */
  reportStatements(
    report: { podId: string; epoch: number; seq: number; lease?: PodLease | undefined },
    known: PodRow | undefined,
    now: number,
  ): SQL[] {
    const { pods } = tables;
    const { podId, epoch, seq, lease } = report;
    if (known === undefined) {
      return insertInto(this.#driver, pods, [
        {
          id: podId,
          epoch,
          seq,
          lease: lease ?? null,
          leasedAt: lease === undefined ? 0 : now,
          drainTold: 0,
          unreachableUntil: 0,
        },
      ]);
    }
    const column = (key: 'epoch' | 'seq' | 'lease' | 'leasedAt' | 'unreachableUntil') =>
      sql`${sql.identifier(pods[key].name)}`;
    const unchanged = sql`${pods.epoch} = ${known.epoch} AND ${pods.seq} = ${known.seq}`;
    const sets = [
      sql`${column('epoch')} = ${only(unchanged, integerValue(epoch))}`,
      sql`${column('seq')} = ${integerValue(seq)}`,
    ];
    if (epoch !== known.epoch) sets.push(sql`${column('unreachableUntil')} = 0`);
    if (lease !== undefined) {
      sets.push(
        sql`${column('lease')} = ${JSON.stringify(lease)}`,
        sql`${column('leasedAt')} = ${integerValue(now)}`,
      );
    } else if (epoch !== known.epoch) {
      sets.push(sql`${column('lease')} = NULL`);
    }
    return [sql`UPDATE ${pods} SET ${sql.join(sets, sql`, `)} WHERE ${pods.id} = ${podId}`];
  }

  /** Statements that renew the lease of a report that is still to be taken; they fail like `reportGuard()`. */
  leaseStatements(lease: PodLease, known: PodRow, now: number): SQL[] {
    const { pods } = tables;
    return [
      this.reportGuard(known),
      sql`UPDATE ${pods} SET ${sql.identifier(pods.lease.name)} = ${JSON.stringify(lease)},
        ${sql.identifier(pods.leasedAt.name)} = ${integerValue(now)} WHERE ${pods.id} = ${known.id}`,
    ];
  }

  /** Makes a write fail once a later report than `known` was taken from the pod, or a later process has its name. */
  reportGuard(known: PodRow): SQL {
    const { pods } = tables;
    const unchanged = sql`${pods.epoch} = ${known.epoch} AND ${pods.seq} = ${known.seq}`;
    return sql`UPDATE ${pods} SET ${sql.identifier(pods.epoch.name)} = ${only(unchanged, integerValue(known.epoch))}
      WHERE ${pods.id} = ${known.id}`;
  }

  /**
   * Gives a pod up, unless it renewed its lease meanwhile: its epoch is over, so that what it still reports of it
   * is refused. Answers whether this call did it.
   */
  async giveUp(pod: PodRow): Promise<boolean> {
    return await this.#unlessRenewed(pod, [
      [tables.pods.epoch, integerValue(pod.epoch + 1)],
      [tables.pods.seq, integerValue(0)],
      [tables.pods.lease, sql`NULL`],
    ]);
  }

  /**
   * Notes that this start of a pod could not be told anything: until `until` it is the last choice. Its leases go on
   * meanwhile, as reports may still get through the other way.
   */
  async markUnreachable({ id, epoch }: Pick<PodRow, 'id' | 'epoch'>, until: number): Promise<void> {
    const { pods } = tables;
    await this.#driver.write([
      sql`UPDATE ${pods} SET ${sql.identifier(pods.unreachableUntil.name)} = ${integerValue(until)}
        WHERE ${pods.id} = ${id} AND ${pods.epoch} = ${epoch} AND ${pods.unreachableUntil} < ${until}`,
    ]);
  }

  async #unlessRenewed(pod: PodRow, sets: [{ name: string }, SQL][]): Promise<boolean> {
    const { pods } = tables;
    const same = sql`${pods.epoch} = ${pod.epoch} AND ${pods.leasedAt} = ${pod.leasedAt} AND ${pods.lease} IS NOT NULL`;
    try {
      const guarded = [[pods.drainTold, only(same, integerValue(pod.drainTold))], ...sets] as typeof sets;
      const list = guarded.map(([column, value]) => sql`${sql.identifier(column.name)} = ${value}`);
      await this.#driver.write([
        sql`UPDATE ${pods} SET ${sql.join(list, sql`, `)} WHERE ${pods.id} = ${pod.id}`,
      ]);
      return true;
    } catch (error) {
      if (error instanceof ConflictError) return false;
      throw error;
    }
  }

  /** Forgets a pod that was given up long ago. */
  async forget(before: number): Promise<void> {
    const { pods } = tables;
    await this.#driver.write([
      sql`DELETE FROM ${pods} WHERE ${pods.lease} IS NULL AND ${pods.leasedAt} < ${before} AND NOT EXISTS
        (SELECT 1 FROM ${tables.transports} WHERE ${tables.transports.podId} = ${pods.id})`,
    ]);
  }
}

import {
  type AccessStore,
  ConflictError,
  type LoadedRoom,
  type NewEvent,
  type RoomStore,
  StoreUnavailableError,
} from '@weir/db';
import type { RoomEnvironment } from '@weir/room';
import type { Dependencies } from '../deps.ts';
import type { IdempotencyKey } from '../idempotency.ts';
import type { MediaDelivery } from '../pods/media-delivery.ts';
import { ProblemError } from '../problem.ts';
import { listenersOf } from '../webhooks/listeners.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { Turn } from './turn.ts';

/** A statement for the driver, made by a store of `@weir/db`. */
type Statement = ReturnType<RoomStore['commitStatements']>[number];

/** An answer as it is sent, and kept for repetitions. */
export interface Answer {
  readonly status: number;
  /** JSON text; empty = no body. */
  readonly body: string;
}

/** The request was done before by a copy of it: this was the answer. */
export class AlreadyAnswered extends Error {
  override readonly name = 'AlreadyAnswered';
  readonly answer: Answer;

  constructor(answer: Answer) {
    super('The request was answered before.');
    this.answer = answer;
  }
}

export interface TransactOptions<T> {
  /** Stored with the change, so that a repetition gives the same answer. */
  readonly idempotency?: { readonly key: IdempotencyKey; readonly answer: (value: T) => Answer } | undefined;
  /** More to store in the same write; made anew for each attempt. */
  readonly also?: (value: T) => Statement[];
  /** Called before anything is decided again: what let the caller in may not hold any more. */
  readonly recheck?: () => Promise<unknown>;
  /** How often to decide again on conflicts before the ConflictError is thrown; default: often. */
  readonly attempts?: number;
}

export interface Transacted<T> {
  readonly value: T;
  /** As they are now. */
  readonly rooms: ReadonlyMap<string, LoadedRoom>;
  /** Settles when the pod has what it must know, whatever becomes of others; rejects if it could not be told now. */
  readonly deliveredTo: (podId: string) => Promise<void>;
}

/**
 * The one way to change rooms: load, decide, store all or nothing, wake readers, tell pods. When another writer
 * was faster, it all is decided again on what that one left.
 */
export class Rooms {
  readonly #deps: Dependencies;
  readonly #store: RoomStore;
  readonly #access: AccessStore;
  readonly #delivery: MediaDelivery;
  readonly #wakeWebhooks: () => void;
  readonly #queue = new KeyedQueue();
  readonly #environment: RoomEnvironment;

  /** @param wakeWebhooks called when rooms' own logs have grown */
  constructor(
    deps: Dependencies,
    store: RoomStore,
    access: AccessStore,
    delivery: MediaDelivery,
    wakeWebhooks: () => void,
  ) {
    this.#deps = deps;
    this.#store = store;
    this.#access = access;
    this.#delivery = delivery;
    this.#wakeWebhooks = wakeWebhooks;
    this.#environment = { random: deps.random };
  }

  /**
   * Changes one open room.
   *
   * @throws ProblemError `room-not-found`, `room-closed`, and whatever `plan` throws
   */
  change<T>(
    roomId: string,
    plan: (turn: Turn) => T,
    options: TransactOptions<T> = {},
  ): Promise<Transacted<T>> {
    return this.transact(
      [roomId],
      (turns) => {
        const turn = turns.get(roomId);
        if (turn === undefined) throw roomNotFound(roomId);
        if (turn.state.closed) throw new ProblemError('room-closed', `Room ${roomId} was closed.`);
        return plan(turn);
      },
      options,
    );
  }

  /** Changes any number of rooms in one write; rooms that do not exist have no turn. */
  transact<T>(
    roomIds: readonly string[],
    plan: (turns: ReadonlyMap<string, Turn>) => T,
    options: TransactOptions<T> = {},
  ): Promise<Transacted<T>> {
    if (this.#deps.isolatedRequests === true) return this.#transact(roomIds, plan, options);
    return this.#queue.run(roomIds, () => this.#transact(roomIds, plan, options));
  }

  async #transact<T>(
    roomIds: readonly string[],
    plan: (turns: ReadonlyMap<string, Turn>) => T,
    options: TransactOptions<T>,
  ): Promise<Transacted<T>> {
    const { driver, clock, metrics } = this.#deps;
    const started = clock.now();
    for (let attempt = 1; ; attempt += 1) {
      const { turns, fresh } = await this.#load(roomIds);
      let value: T;
      try {
        value = plan(turns);
      } catch (error) {
        // What was decided on may be old: a refusal must be true.
        if (!fresh && (await this.#refresh(turns, roomIds))) continue;
        // A copy of the request may have been faster, and be the very reason.
        if (options.idempotency !== undefined) await this.#replay(options.idempotency.key);
        metrics.commit('refused', (clock.now() - started) / 1000);
        throw error;
      }
      const finished = [...turns.values()]
        .map((turn) => this.#finish(turn))
        .filter((one) => one !== undefined);
      // That nothing is to be done must be true too: no guard of a write would find out.
      if (!fresh && finished.length < turns.size && (await this.#refresh(turns, roomIds))) continue;
      const now = clock.now();
      const statements = finished.flatMap(({ commit }) => this.#store.commitStatements(commit, now));
      statements.push(...(options.also?.(value) ?? []));
      if (options.idempotency !== undefined) {
        const { key, answer } = options.idempotency;
        const { status, body } = answer(value);
        const stored = { requestHash: key.requestHash, status, answer: body };
        statements.push(...this.#access.answerStatements(key.scope, key.key, stored, now));
      }
      try {
        if (statements.length > 0) await driver.write(statements);
      } catch (error) {
        for (const roomId of roomIds) this.#store.forget(roomId);
        if (!(error instanceof ConflictError)) throw error;
        metrics.commit('conflict', (clock.now() - started) / 1000);
        if (options.idempotency !== undefined) await this.#replay(options.idempotency.key);
        if (options.attempts !== undefined && attempt >= options.attempts) throw error;
        if (attempt >= maxAttempts) {
          throw new StoreUnavailableError('Too many writers at once', { cause: error });
        }
        await options.recheck?.();
        // The first time, what was cached was old; from then on somebody else is writing too.
        if (attempt > 1) await this.pause(attempt);
        continue;
      }
      metrics.commit('done', (clock.now() - started) / 1000);
      return this.#afterCommit(value, turns, finished, now);
    }
  }

  #finish(turn: Turn): ReturnType<Turn['finish']> {
    const finished = turn.finish();
    if (finished === undefined || turn.lines.length === 0) return finished;
    const listeners = listenersOf(this.#deps.config.webhooks, turn.details);
    if (listeners.length === 0) return finished;
    return { ...finished, commit: { ...finished.commit, lines: { events: turn.lines, listeners } } };
  }

  #afterCommit<T>(
    value: T,
    turns: ReadonlyMap<string, Turn>,
    finished: readonly NonNullable<ReturnType<Turn['finish']>>[],
    now: number,
  ): Transacted<T> {
    const rooms = new Map([...turns].map(([roomId, turn]) => [roomId, turn.room]));
    const deliveries: [podId: string, Promise<void>][] = [];
    for (const { commit, order } of finished) {
      const room = this.#store.committed(commit, now);
      rooms.set(room.id, room);
      this.wake(room.id, commit.events);
      if (commit.lines !== undefined) this.#wakeWebhooks();
      if (order !== undefined) deliveries.push(...this.#delivery.send(order));
    }
    // Whoever does not wait for it must not be hit by its failure: the next lease repairs it.
    for (const [, delivery] of deliveries) delivery.catch(() => {});
    this.#deps.defer?.(Promise.allSettled(deliveries.map(([, delivery]) => delivery)).then(() => {}));
    const deliveredTo = async (podId: string) => {
      await Promise.all(deliveries.map(([id, delivery]) => (id === podId ? delivery : undefined)));
    };
    return { value, rooms, deliveredTo };
  }

  /** Wakes the readers of new events. */
  wake(roomId: string, events: readonly Pick<NewEvent, 'peerId'>[]): void {
    if (events.length === 0) return;
    this.#deps.metrics.eventsAppended(events.length);
    this.#deps.wakeUps.wake(roomId, [...new Set(events.map((event) => event.peerId))]);
  }

  async #load(roomIds: readonly string[]): Promise<{ turns: Map<string, Turn>; fresh: boolean }> {
    const turns = new Map<string, Turn>();
    let fresh = true;
    for (const roomId of roomIds) {
      const loaded = await this.#store.loadForDecision(roomId);
      if (!loaded.fresh) fresh = false;
      if (loaded.room !== undefined) {
        turns.set(roomId, new Turn(loaded.room, this.#environment, this.#deps.clock.now()));
      }
    }
    return { turns, fresh };
  }

  /** Loads anew what has changed; answers whether anything has. */
  async #refresh(turns: ReadonlyMap<string, Turn>, roomIds: readonly string[]): Promise<boolean> {
    let changed = false;
    for (const roomId of roomIds) {
      const room = await this.#store.load(roomId);
      if (room !== turns.get(roomId)?.room) changed = true;
    }
    return changed;
  }

  /** @throws AlreadyAnswered if a copy of the request was faster */
  async #replay(key: IdempotencyKey): Promise<void> {
    const stored = await this.#access.answerOf(key.scope, key.key);
    if (stored === undefined) return;
    if (stored.requestHash !== key.requestHash) throw idempotencyMismatch();
    throw new AlreadyAnswered({ status: stored.status, body: stored.answer });
  }

  /** A moment before deciding again, so that others get their turn. */
  pause(attempt: number): Promise<void> {
    const { clock, random } = this.#deps;
    const ms = Math.min(200, 4 * attempt) * (random() / 2 ** 32);
    return new Promise((resume) => {
      clock.after(ms, resume);
    });
  }
}

export function roomNotFound(roomId: string): ProblemError {
  return new ProblemError('room-not-found', `There is no room ${roomId}: create it with POST /v1/rooms.`);
}

export function idempotencyMismatch(): ProblemError {
  return new ProblemError(
    'idempotency-mismatch',
    'This Idempotency-Key was used with another request: take a new key for each request.',
    { field: 'Idempotency-Key' },
  );
}

/** Each attempt lets another writer through, so so many writers of one room at once all get their turn. */
const maxAttempts = 60;

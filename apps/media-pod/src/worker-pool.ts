import type { JoinLatencies, LatencyHistogram } from '@weir/forwarding';
import type { MediaOverview } from '@weir/media-worker';
import { PodCallRefused, workerOfRoom } from '@weir/pod-control';
import type {
  Fingerprint,
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  MediaUpdateAnswer,
  PodAddress,
  RoomMediaUpdate,
} from '@weir/protocol';
import { createCertificate } from '@weir/secure-transport';
import type { Config } from './config.ts';
import { idle } from './idle-status.ts';
import type { Logger } from './log.ts';
import type { OutsideAddresses } from './outside-addresses.ts';
import { ThreadWorker, WorkerGone } from './thread-worker.ts';
import type { WorkerCounters, WorkerPorts, WorkerStatus } from './worker.ts';

export interface WorkerPoolOptions {
  /** The program of the threads; tests give one that can be broken. */
  readonly entry?: URL;
  /** Seconds without an answer after which a thread counts as stuck. Default 10. */
  readonly stuckSeconds?: number;
  /** Addresses of this host that others told. */
  readonly outside?: OutsideAddresses | undefined;
}

/** A worker's place: the threads that serve it come one after the other, its rooms and ports stay. */
interface Place {
  readonly index: number;
  readonly ports: WorkerPorts;
  readonly addresses: readonly PodAddress[];
  readonly engine: string;
  /** undefined while there is none. */
  worker: ThreadWorker | undefined;
  /** Ends when there is one again. */
  raising: Promise<void> | undefined;
  startedAt: number;
  /** Deaths in short order. */
  deaths: number;
  /** The first try to raise it is over, or should not come at once. */
  troubled: boolean;
  restarts: number;
  /** Totals of the threads that are gone. */
  buried: WorkerCounters;
  buriedCpuMicros: number;
  buriedMedia: Pick<MediaOverview, 'totals' | 'latencies'>;
}

/**
 * The media workers of a pod. A room belongs to one of them for all its life: the one that signaling chose, else one
 * found by a hash that signaling knows too (docs/decisions/0005 and 0030). A worker that dies takes its own rooms only: another thread takes its place,
 * on the same ports and with the same certificate, and signaling fills it again.
 */
export class WorkerPool {
  /** Of all workers. */
  readonly fingerprints: readonly Fingerprint[];
  onHappening: ((happening: MediaHappening) => void) | undefined;
  /** All rooms of this worker are gone. Called before the thread in its place is there. */
  onDied: ((index: number) => void) | undefined;

  readonly #places: Place[] = [];
  readonly #log: Logger;
  readonly #start: (index: number, ports: WorkerPorts | undefined) => Promise<ThreadWorker>;
  /** By room: the worker that was told of it. */
  readonly #placed = new Map<string, number>();
  /** Those of them that no worker had when last asked. */
  #unseen = new Set<string>();
  readonly #closing = Promise.withResolvers<void>();
  /** Settled when no thread is being started. */
  #lastStart: Promise<void> = Promise.resolve();
  #closed = false;

  /** Starts all workers. Rejects with what the first of them says that could not start. */
  static async start(config: Config, log: Logger, options: WorkerPoolOptions = {}): Promise<WorkerPool> {
    const pool = new WorkerPool(config, log, options);
    const started: ThreadWorker[] = [];
    try {
      for (let index = 0; index < config.workers; index++) started.push(await pool.#start(index, undefined));
    } catch (error) {
      await Promise.all(started.map((worker) => worker.close()));
      throw error;
    }
    for (const [index, worker] of started.entries()) pool.#settle(index, worker);
    return pool;
  }

  private constructor(config: Config, log: Logger, options: WorkerPoolOptions) {
    const certificate = createCertificate();
    this.#log = log;
    this.fingerprints = certificate.fingerprints;
    const entry = options.entry ?? new URL('./worker-thread.ts', import.meta.url);
    const missedStatuses = options.stuckSeconds ?? 10;
    const { outside } = options;
    this.#start = (index, ports) => {
      const order = { config, index, certificate, outside, ports, entry, missedStatuses };
      // One after the other: threads that strip types at the same moment can end the process (decision 0050).
      const started = this.#lastStart.then(() => ThreadWorker.start(order));
      this.#lastStart = started.then(noop, noop);
      return started;
    };
  }

  /** Workers, those included that are being raised again. */
  get size(): number {
    return this.#places.length;
  }

  /** For the lease. Those of a worker that is being raised again stay: it comes back there. */
  get addresses(): readonly PodAddress[] {
    return this.#places.flatMap(({ addresses, index }) =>
      this.size === 1 ? addresses : addresses.map((address) => ({ ...address, worker: index })),
    );
  }

  /** By worker. */
  get ports(): readonly WorkerPorts[] {
    return this.#places.map(({ ports }) => ports);
  }

  get engines(): readonly string[] {
    return this.#places.map(({ engine }) => engine);
  }

  /** Threads that were started in place of dead ones, by worker. */
  get restarts(): readonly number[] {
    return this.#places.map(({ restarts }) => restarts);
  }

  /** Workers that are being raised again. */
  get missing(): readonly number[] {
    return this.#places.filter(({ worker }) => worker === undefined).map(({ index }) => index);
  }

  /**
   * Those of them that could not be raised at once, or died again soon: nothing new should come to them. Calls for
   * one that is just being raised wait instead.
   */
  get troubled(): readonly number[] {
    return this.#places.filter(({ troubled }) => troubled).map(({ index }) => index);
  }

  workerOf(roomId: string): number {
    return this.#placed.get(roomId) ?? workerOfRoom(roomId, this.size);
  }

  /** @throws PodCallRefused `pod-unreachable` when the room's worker died and does not come back in time */
  apply(update: RoomMediaUpdate): Promise<MediaUpdateAnswer> {
    this.#placeRoom(update);
    return this.#call(update.roomId, (worker) => worker.apply(update));
  }

  /** @throws as apply() */
  inspect(roomId: string, request: InspectRequest): Promise<InspectAnswer> {
    return this.#call(roomId, (worker) => worker.inspect(roomId, request));
  }

  /** Of all workers. A dead worker holds nothing. */
  async rooms(): Promise<Record<string, number>> {
    const all = await Promise.all(
      this.#places.map(({ worker }) => worker?.rooms().catch(unlessGone({})) ?? {}),
    );
    const rooms = Object.assign({}, ...all) as Record<string, number>;
    this.#forgetPlaced(rooms);
    return rooms;
  }

  /** By worker; totals go on over deaths. */
  async statuses(): Promise<WorkerStatus[]> {
    return await Promise.all(
      this.#places.map(async (place) => {
        const now = (await place.worker?.status().catch(unlessGone(undefined))) ?? idle;
        return {
          ...now,
          counters: sum(place.buried, now.counters),
          cpuMicros: place.buriedCpuMicros + now.cpuMicros,
          media: { ...now.media, ...sumMedia(place.buriedMedia, now.media) },
        };
      }),
    );
  }

  /** Ends a worker's thread wherever it is, as a crash would; another one takes its place. */
  async terminate(index: number): Promise<void> {
    await this.#places[index]?.worker?.terminate();
  }

  /** Ends every transport with a close_notify, and all threads. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.resolve();
    await Promise.all(this.#places.map(({ worker }) => worker?.close()));
    // A thread that was just being raised sees that it came too late.
    await Promise.all(this.#places.map(({ raising }) => raising));
  }

  #placeRoom({ roomId, version, worker }: RoomMediaUpdate): void {
    const before = this.#placed.get(roomId);
    const now = worker !== undefined && worker < this.size ? worker : this.workerOf(roomId);
    this.#unseen.delete(roomId);
    this.#placed.set(roomId, now);
    if (before === undefined || before === now) return;
    // What it still holds of the room has no transports, else the room would not have been placed anew.
    const nothing = { transports: [], receivers: [], senders: [] };
    const gone = { roomId, version, base: null, put: nothing, remove: nothing, keyFrames: [] };
    this.#places[before]?.worker?.apply(gone).catch(unlessGone(undefined));
  }

  /** Rooms that are over. One that is just being told of is seen the next time. */
  #forgetPlaced(rooms: Readonly<Record<string, number>>): void {
    const unseen = [...this.#placed.keys()].filter((roomId) => rooms[roomId] === undefined);
    for (const roomId of unseen) if (this.#unseen.has(roomId)) this.#placed.delete(roomId);
    this.#unseen = new Set(unseen);
  }

  async #call<T>(roomId: string, call: (worker: ThreadWorker) => Promise<T>): Promise<T> {
    const place = this.#places[this.workerOf(roomId)]!;
    const deadline = performance.now() + waitForRaiseMs;
    const worker = await this.#present(place, deadline);
    try {
      return await call(worker);
    } catch (error) {
      if (!(error instanceof WorkerGone)) throw error;
      // Whether it was done does not matter: all that it did died with the worker. Once only, in case that it
      // is what kills.
      return await call(await this.#present(place, deadline)).catch((again: unknown) => {
        throw again instanceof WorkerGone ? unreachable(place) : again;
      });
    }
  }

  async #present(place: Place, deadline: number): Promise<ThreadWorker> {
    while (place.worker === undefined || this.#closed) {
      const left = deadline - performance.now();
      if (this.#closed || left <= 0) {
        throw unreachable(place);
      }
      await within(left, place.raising);
    }
    return place.worker;
  }

  #settle(index: number, worker: ThreadWorker): void {
    const place: Place = {
      index,
      ports: worker.ports,
      addresses: worker.addresses,
      engine: worker.engine,
      worker,
      raising: undefined,
      startedAt: performance.now(),
      deaths: 0,
      troubled: false,
      restarts: 0,
      buried: idle.counters,
      buriedCpuMicros: 0,
      buriedMedia: idle.media,
    };
    this.#places.push(place);
    this.#employ(place, worker);
  }

  #employ(place: Place, worker: ThreadWorker): void {
    place.worker = worker;
    place.startedAt = performance.now();
    worker.onHappening = (happening) => this.onHappening?.(happening);
    worker.onDied = (why) => this.#bury(place, worker, why);
    // While others were being started.
    if (worker.gone !== undefined) this.#bury(place, worker, worker.gone);
  }

  #bury(place: Place, worker: ThreadWorker, why: Error): void {
    const { index } = place;
    this.#log.error({ worker: index, err: why }, `media worker ${index} died, and its rooms with it`);
    place.worker = undefined;
    place.buried = sum(place.buried, (worker.lastStatus ?? idle).counters);
    place.buriedCpuMicros += (worker.lastStatus ?? idle).cpuMicros;
    place.buriedMedia = sumMedia(place.buriedMedia, (worker.lastStatus ?? idle).media);
    place.deaths = performance.now() - place.startedAt < healthyMs ? place.deaths + 1 : 1;
    place.raising = this.#raise(place);
    this.onDied?.(index);
  }

  /** Tries until there is a thread again. The first try comes at once, the next ones ever later. */
  async #raise(place: Place): Promise<void> {
    for (let attempt = place.deaths; !this.#closed; attempt += 1) {
      if (attempt > 1) {
        if (!place.troubled) this.#log.warn({ worker: place.index }, 'waiting before it is started again');
        place.troubled = true;
        await within(Math.min(greatestPauseMs, 250 * 2 ** Math.min(attempt - 2, 10)), this.#closing.promise);
      }
      if (this.#closed) break;
      try {
        const worker = await this.#start(place.index, place.ports);
        if (this.#closed) {
          await worker.close();
          break;
        }
        place.restarts += 1;
        place.raising = undefined;
        place.troubled = false;
        this.#employ(place, worker);
        this.#log.info({ worker: place.index }, `media worker ${place.index} is there again`);
        return;
      } catch (error) {
        this.#log.error(
          { worker: place.index, err: error },
          `media worker ${place.index} could not be started again; trying on`,
        );
      }
    }
  }
}

function unreachable({ index }: Place): PodCallRefused {
  return new PodCallRefused('pod-unreachable', `Media worker ${index} is being started again.`);
}

function sum<T extends { readonly [name in keyof T]: number }>(a: T, b: T): T {
  const total = { ...a } as Record<keyof T, number>;
  for (const name of Object.keys(b) as (keyof T)[]) total[name] += b[name];
  return total as T;
}

type MediaSums = Pick<MediaOverview, 'totals' | 'latencies'>;

function sumMedia(a: MediaSums, b: MediaSums): MediaSums {
  const both = (phase: keyof JoinLatencies): LatencyHistogram => ({
    counts: a.latencies[phase].counts.map((count, i) => count + b.latencies[phase].counts[i]!),
    sumMs: a.latencies[phase].sumMs + b.latencies[phase].sumMs,
  });
  return {
    totals: sum(a.totals, b.totals),
    latencies: {
      ice: both('ice'),
      dtls: both('dtls'),
      firstRtp: both('firstRtp'),
      firstKeyFrame: both('firstKeyFrame'),
    },
  };
}

/** What a dead worker would have answered. */
function unlessGone<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof WorkerGone) return instead;
    throw error;
  };
}

/** Resolves with the promise or after a time, whichever is first. */
async function within(ms: number, promise: Promise<void> | undefined): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

/** Signaling waits for a transport about as long. */
const waitForRaiseMs = 2500;
/** A thread that lived so long did not die of its start. */
const healthyMs = 30_000;
const greatestPauseMs = 30_000;

function noop(): void {}

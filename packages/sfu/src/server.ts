import { dumpServer, type ServerDump } from './dump.ts';
import { SafeEmitter } from './emitter.ts';
import { InvalidStateError } from './errors.ts';
import { fire, runtimeOf } from './internal.ts';
import { Log } from './log.ts';
import { random32 } from './random.ts';
import { Room, type RoomOptions } from './room.ts';
import { readAppData } from './room-object.ts';
import {
  isObject,
  readLogLevel,
  readLogTags,
  readSettings,
  type ServerOptions,
  type ServerSettings,
  type ServerUpdateableSettings,
} from './settings.ts';
import type { AppData } from './types.ts';
import type { Worker, WorkerResourceUsage } from './worker.ts';

export interface ServerEvents {
  /** Closed by a call; or with an Error: wrong options, no usable address, or the last worker died. */
  close: [error?: Error];
  /** A room was made; before `createRoom()` resolves. */
  newroom: [room: Room];
}

/** Opens the sockets of one worker. Replaceable, so that a test can let a true worker die. */
export type WorkerFactory = (
  id: string,
  number: number,
  settings: ServerSettings,
  log: Log,
) => Promise<Worker>;

const servers = new Set<Server>();
let closesAtExit = false;

/** Runs media workers and makes rooms on them. */
export class Server extends SafeEmitter<ServerEvents> {
  readonly #log: Log;
  readonly #workers = new Map<Worker, Map<string, Room>>();
  readonly #started: Promise<void>;
  #closed = false;
  #appData: AppData = {};

  constructor(options: ServerOptions | undefined, factory: WorkerFactory) {
    super();
    this.#log = new Log(typeof options?.logger === 'function' ? options.logger : undefined);
    servers.add(this);
    if (!closesAtExit) {
      closesAtExit = true;
      process.on('exit', () => {
        for (const server of servers) server.close();
      });
    }
    // What is wrong is told by an event, so only after the caller could attach a listener (D-6).
    this.#started = new Promise<void>((resolve) => setImmediate(resolve)).then(() =>
      this.#start(options, factory),
    );
  }

  /** Whether it was closed. True before any event of the closing is emitted. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Anything the application wants to keep with the server. */
  get appData(): AppData {
    return this.#appData;
  }

  set appData(value: AppData) {
    this.#appData = readAppData(value);
  }

  /** Closes every room, the workers, then itself. An error goes to its `close` event. */
  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    servers.delete(this);
    for (const worker of [...this.#workers.keys()]) this.#closeWorker(worker);
    this[fire]('close', error);
  }

  /** For debugging: internals of all workers and rooms. */
  async dump(): Promise<ServerDump> {
    await this.#ready();
    return dumpServer(this.#workers);
  }

  /** Changes the log. Rejects with Error on another level than `debug`, `warn`, `error`. */
  async updateSettings(options: ServerUpdateableSettings = {}): Promise<void> {
    await this.#ready();
    const given = isObject(options) ? options : {};
    const level = given.logLevel === undefined ? this.#log.level : readLogLevel(given.logLevel);
    this.#log.level = level;
    if (given.logTags !== undefined) this.#log.tags = readLogTags(given.logTags);
  }

  /** Makes a room on a random worker. Rejects with Error on wrong `mediaCodecs`. */
  async createRoom(options: RoomOptions = {}): Promise<Room> {
    await this.#ready();
    const workers = [...this.#workers];
    const [worker, rooms] = workers[random32() % workers.length]!;
    const room = new Room(worker, this.#log, isObject(options) ? options : {}, () => {
      rooms.delete(String(room.id));
    });
    rooms.set(String(room.id), room);
    this[fire]('newroom', room);
    return room;
  }

  /** What the workers use of CPU and memory, one entry each. Workers of one process share its numbers. */
  async getResourceUsage(): Promise<WorkerResourceUsage[]> {
    await this.#ready();
    return Promise.all([...this.#workers.keys()].map((worker) => worker.resourceUsage()));
  }

  /** Resolves when the workers have started. @throws InvalidStateError if the server is closed by then. */
  async #ready(): Promise<void> {
    if (!this.#closed) await this.#started;
    if (this.#closed) throw new InvalidStateError('the Server is closed');
  }

  async #start(options: ServerOptions | undefined, factory: WorkerFactory): Promise<void> {
    if (this.#closed) return;
    try {
      this.#appData = readAppData(isObject(options) ? options.appData : undefined);
      const settings = readSettings(options, (message) => this.#log.warn(message));
      this.#log.level = settings.logLevel;
      this.#log.tags = settings.logTags;
      await this.#startWorkers(settings, factory);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** A worker that can't start is left out; only if none can, that is an error. */
  async #startWorkers(settings: ServerSettings, factory: WorkerFactory): Promise<void> {
    const name = Array.from({ length: 8 }, () => letters[random32() % letters.length]).join('');
    const starting = Array.from({ length: settings.numWorkers }, (_, i) =>
      factory(`${name}#${i + 1}`, i + 1, settings, this.#log),
    );
    let failure: unknown;
    for (const result of await Promise.allSettled(starting)) {
      if (result.status === 'rejected') {
        failure = result.reason;
        this.#log.warn('a worker could not start', { error: failure });
      } else if (this.#closed) {
        result.value.close();
      } else {
        this.#addWorker(result.value);
      }
    }
    if (!this.#closed && this.#workers.size === 0) throw failure;
  }

  #addWorker(worker: Worker): void {
    const rooms = new Map<string, Room>();
    this.#workers.set(worker, rooms);
    worker.onHappening = (happening) => {
      rooms.get(happening.roomId)?.[runtimeOf].handleHappening(happening);
    };
    worker.onDied = (error) => {
      this.#log.error('a worker died', { workerId: worker.id, error });
      this.#closeWorker(worker);
      if (this.#workers.size === 0) this.close(error);
    };
  }

  #closeWorker(worker: Worker): void {
    for (const room of [...(this.#workers.get(worker)?.values() ?? [])]) room.close();
    this.#workers.delete(worker);
    worker.close();
  }

  protected override isSilent(event: string): boolean {
    return this.#closed && event !== 'close';
  }

  protected override onListenerError(eventName: string, error: unknown): void {
    this.#log.error(`a listener of "${eventName}" failed`, { object: 'Server', error });
  }
}

const letters = 'abcdefghijklmnopqrstuvwxyz';

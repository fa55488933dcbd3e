import { SafeEmitter } from './emitter.ts';
import { detach, markClosed } from './internal.ts';
import type { RoomRuntime } from './room-runtime.ts';
import type { AppData } from './types.ts';

type EventMap<Events> = Record<keyof Events, unknown[]>;

/** What peers, transports, receivers and senders have in common. */
export abstract class RoomObject<
  Id extends number,
  Events extends EventMap<Events>,
> extends SafeEmitter<Events> {
  protected readonly runtime: RoomRuntime;
  readonly #id: Id;
  #closed = false;
  #appData: AppData;

  constructor(runtime: RoomRuntime, id: number, appData: AppData) {
    super();
    this.runtime = runtime;
    this.#id = id as Id;
    this.#appData = appData;
  }

  /** Unique in the process; eight digits. */
  get id(): Id {
    return this.#id;
  }

  /** Whether it was closed. True before any event of the closing is emitted. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Anything the application wants to keep with this object. */
  get appData(): AppData {
    return this.#appData;
  }

  set appData(value: AppData) {
    this.#appData = readAppData(value);
  }

  protected override onListenerError(eventName: string, error: unknown): void {
    this.runtime.log.error(`a listener of "${eventName}" failed`, {
      object: this.constructor.name,
      id: this.#id,
      error,
    });
  }

  protected override isSilent(event: string): boolean {
    return this.#closed && event !== 'close';
  }

  [markClosed](): void {
    this.#closed = true;
    this[detach]();
  }

  /** Leaves the owner's collections. */
  abstract [detach](): void;
}

/** @throws TypeError unless it is an object. */
export function readAppData(value: unknown): AppData {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw new TypeError('appData must be an object');
  return value as AppData;
}

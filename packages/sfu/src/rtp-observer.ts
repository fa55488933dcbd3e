import { SafeEmitter } from './emitter.ts';
import { InvalidStateError } from './errors.ts';
import { fire } from './internal.ts';
import { newProcessId, releaseId } from './process-ids.ts';
import { readAppData } from './room-object.ts';
import type { RoomRuntime } from './room-runtime.ts';
import { RtpReceiver } from './rtp-receiver.ts';
import type { AppData } from './types.ts';

export interface RtpObserverEvents {
  /** By `close()`, or because the room closed. */
  close: [];
}

type EventMap<Events> = Record<keyof Events, unknown[]>;

/** Watches the audio levels of the receivers it was given, and reports at an interval. */
export abstract class RtpObserver<Events extends EventMap<Events>> extends SafeEmitter<
  Events & RtpObserverEvents
> {
  protected readonly runtime: RoomRuntime;
  readonly #id = newProcessId();
  readonly #intervalMs: number;
  readonly #watched = new Map<RtpReceiver, () => void>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #paused = false;
  #appData: AppData;

  constructor(runtime: RoomRuntime, intervalMs: number, appData: unknown) {
    super();
    this.runtime = runtime;
    this.#intervalMs = intervalMs;
    this.#appData = readAppData(appData);
    runtime.observers.add(this);
    this.#start();
  }

  /** Unique in the process. */
  get id(): number {
    return this.#id;
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether `pause()` was called last. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Anything the application wants to keep with the observer. */
  get appData(): AppData {
    return this.#appData;
  }

  set appData(value: AppData) {
    this.#appData = readAppData(value);
  }

  /** Stops it for good. Happens by itself when the room closes. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const receiver of [...this.#watched.keys()]) this.#forget(receiver);
    this.runtime.observers.delete(this);
    releaseId(this.#id);
    (this as SafeEmitter<RtpObserverEvents>)[fire]('close');
  }

  /** Stops reporting and forgets what was collected. */
  async pause(): Promise<void> {
    this.#refuseClosed();
    if (this.#paused) return;
    this.#paused = true;
    clearInterval(this.#timer);
    this.reset();
  }

  /** Undoes `pause()`. */
  async resume(): Promise<void> {
    this.#refuseClosed();
    if (!this.#paused) return;
    this.#paused = false;
    this.reset();
    this.#start();
  }

  /** Rejects with TypeError unless it is an open audio receiver of this room. Adding it twice changes nothing. */
  async addRtpReceiver(rtpReceiver: RtpReceiver): Promise<void> {
    this.#refuseClosed();
    if (!(rtpReceiver instanceof RtpReceiver) || rtpReceiver.kind !== 'audio') {
      throw new TypeError('rtpReceiver must be an RtpReceiver of kind "audio"');
    }
    if (rtpReceiver.closed) throw new InvalidStateError('the RtpReceiver is closed');
    if (this.runtime.objects.receivers.get(rtpReceiver.id) !== rtpReceiver) {
      throw new TypeError('rtpReceiver must be of the room that made this observer');
    }
    if (this.#watched.has(rtpReceiver)) return;
    const unwatch = this.runtime.taps.watchAudioLevels(
      rtpReceiver,
      (level) => {
        if (!this.#paused && !rtpReceiver.paused) this.sample(rtpReceiver, level);
      },
      () => this.#forget(rtpReceiver),
    );
    this.#watched.set(rtpReceiver, unwatch);
    this.added(rtpReceiver);
  }

  /** Rejects with Error if it was not added. */
  async removeRtpReceiver(rtpReceiver: RtpReceiver): Promise<void> {
    this.#refuseClosed();
    if (!this.#watched.has(rtpReceiver)) throw new Error('the RtpReceiver was not added to this observer');
    this.#forget(rtpReceiver);
  }

  protected override isSilent(event: string): boolean {
    return this.#closed && event !== 'close';
  }

  /** The receivers it watches. */
  protected get watched(): RtpReceiver[] {
    return [...this.#watched.keys()];
  }

  /** One packet's level in dBov. */
  protected abstract sample(receiver: RtpReceiver, level: number): void;
  protected abstract added(receiver: RtpReceiver): void;
  protected abstract removed(receiver: RtpReceiver): void;
  /** An interval is over. */
  protected abstract report(): void;
  protected abstract reset(): void;

  #start(): void {
    this.#timer = setInterval(() => this.report(), this.#intervalMs);
  }

  #forget(receiver: RtpReceiver): void {
    this.#watched.get(receiver)?.();
    this.#watched.delete(receiver);
    this.removed(receiver);
  }

  #refuseClosed(): void {
    if (this.#closed) throw new InvalidStateError('the observer is closed');
  }
}

/** @throws TypeError unless it is a number; values outside the range are moved to its ends. */
export function readInterval(value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError('interval must be a number of milliseconds');
  }
  return Math.min(max, Math.max(min, value));
}

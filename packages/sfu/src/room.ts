import { capabilitiesOfKind, capabilitiesToWire, type MediaKind, type RtpCapabilities } from '@weir/ortc';
import type { WireRtpCapabilities } from '@weir/protocol';
import { ActiveSpeakerObserver, type ActiveSpeakerObserverOptions } from './active-speaker-observer.ts';
import { AudioLevelObserver, type AudioLevelObserverOptions } from './audio-level-observer.ts';
import { AudioLevels } from './audio-levels.ts';
import type { RoomCodec } from './dictionaries.ts';
import { dumpRoom, type RoomDump } from './dump.ts';
import { SafeEmitter } from './emitter.ts';
import { InvalidStateError } from './errors.ts';
import { fire, markClosed, runtimeOf } from './internal.ts';
import type { Log } from './log.ts';
import type { Peer } from './peer.ts';
import { readAppData } from './room-object.ts';
import { RoomRuntime } from './room-runtime.ts';
import type { RtpReceiver } from './rtp-receiver.ts';
import { isObject } from './settings.ts';
import type { AppData, RoomId } from './types.ts';
import type { Worker } from './worker.ts';

/** Options of `server.createRoom()`. */
export interface RoomOptions {
  /** The codecs of the room, in order of preference. Default: none. */
  mediaCodecs?: RoomCodec[];
  /** Only so many RtpReceivers of sound, the loudest, are forwarded; 0 (default) = all. At most 100. */
  maxLoudestAudio?: number;
  appData?: AppData;
}

/** How loud a receiver was in the last half second. */
export interface AudioLevelInfo {
  peer: Peer;
  rtpReceiver: RtpReceiver;
  /** dBov: 0 is the loudest, -127 silence. */
  audioLevel: number;
}

export interface RoomEvents {
  /** After all of its peers closed. */
  close: [error?: Error];
  /** A peer was added; after `room.Peer()` returned, before any other event of that peer. */
  newpeer: [peer: Peer];
  /** Each 500 ms while somebody listens: who had levels in that time, loudest first. */
  audiolevels: [levels: AudioLevelInfo[]];
}

/** Peers that hear and see each other. Lives on one worker for its whole life. */
export class Room extends SafeEmitter<RoomEvents> {
  readonly #runtime: RoomRuntime;
  readonly #levels: AudioLevels;
  readonly #onClosed: (room: Room) => void;
  #closed = false;
  #appData: AppData;

  constructor(worker: Worker, log: Log, options: RoomOptions, onClosed: (room: Room) => void) {
    super();
    this.#appData = readAppData(options.appData);
    this.#runtime = new RoomRuntime(this, worker, log, options.mediaCodecs, options.maxLoudestAudio);
    this.#levels = new AudioLevels(this.#runtime, (levels) => this[fire]('audiolevels', levels));
    this.#onClosed = onClosed;
  }

  /** Unique in the process; eight digits. */
  get id(): RoomId {
    return this.#runtime.id as RoomId;
  }

  /** Whether it was closed. True before any event of the closing is emitted. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Anything the application wants to keep with the room. */
  get appData(): AppData {
    return this.#appData;
  }

  set appData(value: AppData) {
    this.#appData = readAppData(value);
  }

  /** Open peers, in the order they joined. A new array at each read. */
  get peers(): Peer[] {
    return [...this.#runtime.objects.peers.values()].filter((peer) => !peer.closed);
  }

  /** All of the room's capabilities, in the shape that mediasoup-client loads. */
  get rtpCapabilities(): WireRtpCapabilities {
    return capabilitiesToWire(this.#runtime.state.capabilities);
  }

  /** How many RtpReceivers of sound are forwarded at most; 0 = all. */
  get maxLoudestAudio(): number {
    return this.#runtime.state.maxLoudestAudio;
  }

  /**
   * Forwards only so many RtpReceivers of sound, the loudest, from now on; 0 = all. Rejects with TypeError unless it
   * is an integer of 0…100.
   */
  setMaxLoudestAudio(maxLoudestAudio: number): Promise<void> {
    return this.#runtime.call(this, () =>
      this.#runtime.execute({ type: 'room.setMaxLoudestAudio', maxLoudestAudio }),
    );
  }

  /** Closes every peer, then itself. An error goes to its `close` event. */
  close(error?: Error): void {
    this.#runtime.close(this, { type: 'room.close' }, error);
  }

  /** The room's capabilities for one kind, empty if it has no codec of it. Throws TypeError on another kind. */
  getCapabilities(kind: MediaKind): RtpCapabilities {
    return capabilitiesOfKind(this.#runtime.state.capabilities, kind);
  }

  /**
   * Adds a peer. Throws InvalidStateError if the room is closed, TypeError unless the name is a non-empty
   * string, Error if an open peer has it.
   */
  Peer(name: string, options: { appData?: AppData } = {}): Peer {
    if (this.#closed) throw new InvalidStateError('the Room is closed');
    if (typeof name !== 'string' || name === '') throw new TypeError('name must be a non-empty string');
    return this.#runtime.joinPeer(name, readAppData(isObject(options) ? options.appData : undefined));
  }

  /** The open peer with this name. */
  getPeer(name: string): Peer | undefined {
    return this.peers.find((peer) => peer.name === name);
  }

  /** Tells who is loud, of the receivers that were added to it. Rejects with TypeError on wrong options. */
  createAudioLevelObserver(options?: AudioLevelObserverOptions): Promise<AudioLevelObserver> {
    return this.#runtime.call(this, () => new AudioLevelObserver(this.#runtime, options ?? {}));
  }

  /** Tells who speaks, of the receivers that were added to it. Rejects with TypeError on wrong options. */
  createActiveSpeakerObserver(options?: ActiveSpeakerObserverOptions): Promise<ActiveSpeakerObserver> {
    return this.#runtime.call(this, () => new ActiveSpeakerObserver(this.#runtime, options ?? {}));
  }

  /** For debugging: internals, at the time of execution. */
  dump(): Promise<RoomDump> {
    return this.#runtime.call(this, () => dumpRoom(this.#runtime, this.#levels.enabled));
  }

  protected override onListenersChanged(): void {
    this.#levels.enable(!this.#closed && this.listenerCount('audiolevels') > 0);
  }

  protected override onListenerError(eventName: string, error: unknown): void {
    this.#runtime.log.error(`a listener of "${eventName}" failed`, { object: 'Room', id: this.id, error });
  }

  protected override isSilent(event: string): boolean {
    return this.#closed && event !== 'close';
  }

  get [runtimeOf](): RoomRuntime {
    return this.#runtime;
  }

  [markClosed](): void {
    this.#closed = true;
    this.#levels.enable(false);
    for (const observer of [...this.#runtime.observers]) observer.close();
    this.#onClosed(this);
  }
}

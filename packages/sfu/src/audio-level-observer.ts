import { AudioLevelWindow } from './audio-level-window.ts';
import { fire } from './internal.ts';
import type { Peer } from './peer.ts';
import type { RoomRuntime } from './room-runtime.ts';
import { RtpObserver, readInterval } from './rtp-observer.ts';
import type { RtpReceiver } from './rtp-receiver.ts';
import type { AppData } from './types.ts';

/** Options of `room.createAudioLevelObserver()`. */
export interface AudioLevelObserverOptions {
  /** At most so many in one report. Default 1. */
  maxEntries?: number;
  /** Least average level to be reported, dBov, -127 to 0. Default -80. */
  threshold?: number;
  /** Milliseconds between reports, 250 to 5000. Default 1000. */
  interval?: number;
  appData?: AppData;
}

export interface AudioVolume {
  peer: Peer;
  rtpReceiver: RtpReceiver;
  /** Average of the interval in dBov: 0 is the loudest, -127 silence. */
  volume: number;
}

export interface AudioLevelObserverEvents {
  /** The loudest receivers of the interval, loudest first. */
  volumes: [volumes: AudioVolume[]];
  /** Nobody is loud enough any more; once, until somebody is again. */
  silence: [];
}

/** Reports who is loud: receivers with at least ten audio levels above the threshold in the interval. */
export class AudioLevelObserver extends RtpObserver<AudioLevelObserverEvents> {
  readonly #window = new AudioLevelWindow<RtpReceiver>();
  readonly #maxEntries: number;
  readonly #threshold: number;
  #silent = true;

  constructor(runtime: RoomRuntime, options: AudioLevelObserverOptions) {
    const { maxEntries = 1, threshold = -80 } = options;
    if (!Number.isInteger(maxEntries) || maxEntries < 1) {
      throw new TypeError('maxEntries must be a positive integer');
    }
    if (!(typeof threshold === 'number' && threshold >= -127 && threshold <= 0)) {
      throw new TypeError('threshold must be a number of -127 to 0');
    }
    super(runtime, readInterval(options.interval, 1000, 250, 5000), options.appData);
    this.#maxEntries = maxEntries;
    this.#threshold = threshold;
  }

  protected override sample(receiver: RtpReceiver, level: number): void {
    this.#window.add(receiver, level);
  }

  protected override added(): void {}

  protected override removed(receiver: RtpReceiver): void {
    this.#window.forget(receiver);
  }

  protected override reset(): void {
    this.#window.clear();
    this.#setSilent(true);
  }

  protected override report(): void {
    const loud = this.#window
      .take(minSamples)
      .filter(({ source, level }) => !source.paused && level >= this.#threshold)
      .slice(0, this.#maxEntries)
      .map(({ source, level }) => ({ peer: source.peer, rtpReceiver: source, volume: level }));
    if (loud.length === 0) {
      this.#setSilent(true);
      return;
    }
    this.#setSilent(false);
    this[fire]('volumes', loud);
  }

  #setSilent(silent: boolean): void {
    if (this.#silent === silent) return;
    this.#silent = silent;
    if (silent) this[fire]('silence');
  }
}

/** Of one interval; fewer say nothing (v3). */
const minSamples = 10;

import { AudioLevelWindow } from './audio-level-window.ts';
import type { AudioLevelInfo } from './room.ts';
import type { RoomRuntime } from './room-runtime.ts';
import type { RtpReceiver } from './rtp-receiver.ts';

/** v1's `audiolevels`: every audio receiver of a room, reported each half second (object-model.md §9.2). */
export class AudioLevels {
  readonly #runtime: RoomRuntime;
  readonly #report: (levels: AudioLevelInfo[]) => void;
  readonly #window = new AudioLevelWindow<RtpReceiver>();
  #timer: NodeJS.Timeout | undefined;
  readonly #watches = new Map<RtpReceiver, () => void>();

  constructor(runtime: RoomRuntime, report: (levels: AudioLevelInfo[]) => void) {
    this.#runtime = runtime;
    this.#report = report;
    runtime.onReceiver = (receiver) => {
      if (this.enabled) this.#watch(receiver);
    };
  }

  get enabled(): boolean {
    return this.#timer !== undefined;
  }

  /** Turning it on or off forgets what was collected. */
  enable(enabled: boolean): void {
    if (enabled === this.enabled) return;
    this.#window.clear();
    if (enabled) {
      this.#timer = setInterval(() => this.#tick(), intervalMs);
      for (const receiver of this.#runtime.objects.receivers.values()) this.#watch(receiver);
      return;
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const unwatch of this.#watches.values()) unwatch();
    this.#watches.clear();
  }

  #watch(receiver: RtpReceiver): void {
    if (receiver.kind !== 'audio') return;
    const unwatch = this.#runtime.taps.watchAudioLevels(
      receiver,
      (level) => this.#window.add(receiver, level),
      () => {
        this.#watches.delete(receiver);
        this.#window.forget(receiver);
      },
    );
    this.#watches.set(receiver, unwatch);
  }

  #tick(): void {
    this.#report(
      this.#window
        .take()
        .map(({ source, level }) => ({ peer: source.peer, rtpReceiver: source, audioLevel: level })),
    );
  }
}

const intervalMs = 500;

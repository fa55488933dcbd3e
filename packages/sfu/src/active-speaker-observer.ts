import { DominantSpeakerDetector } from '@weir/forwarding';
import { fire } from './internal.ts';
import type { Peer } from './peer.ts';
import type { RoomRuntime } from './room-runtime.ts';
import { RtpObserver, readInterval } from './rtp-observer.ts';
import type { RtpReceiver } from './rtp-receiver.ts';
import type { AppData } from './types.ts';

/** Options of `room.createActiveSpeakerObserver()`. */
export interface ActiveSpeakerObserverOptions {
  /** Milliseconds between decisions, 100 to 5000. Default 300. */
  interval?: number;
  appData?: AppData;
}

export interface ActiveSpeakerObserverEvents {
  /** Somebody else speaks now. */
  dominantspeaker: [speaker: { peer: Peer; rtpReceiver: RtpReceiver }];
}

/** Reports who speaks: a speaker must be more active than the present one for a while to take over. */
export class ActiveSpeakerObserver extends RtpObserver<ActiveSpeakerObserverEvents> {
  readonly #detector = new DominantSpeakerDetector<RtpReceiver>();

  constructor(runtime: RoomRuntime, options: ActiveSpeakerObserverOptions) {
    super(runtime, readInterval(options.interval, 300, 100, 5000), options.appData);
  }

  /** The receiver reported last, while it is watched. */
  get dominantSpeaker(): RtpReceiver | undefined {
    return this.#detector.dominant;
  }

  protected override sample(receiver: RtpReceiver, level: number): void {
    this.#detector.sample(receiver, level, performance.now());
  }

  protected override added(receiver: RtpReceiver): void {
    this.#detector.add(receiver, performance.now());
  }

  protected override removed(receiver: RtpReceiver): void {
    const wasDominant = this.#detector.dominant === receiver;
    this.#detector.remove(receiver);
    if (wasDominant && !this.paused && !this.closed) this.report();
  }

  protected override reset(): void {}

  protected override report(): void {
    for (const receiver of this.watched) this.#detector.setPaused(receiver, receiver.paused);
    const speaker = this.#detector.update(performance.now());
    if (speaker !== undefined) this[fire]('dominantspeaker', { peer: speaker.peer, rtpReceiver: speaker });
  }
}

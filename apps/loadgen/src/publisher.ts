import { parseRtcp } from '@weir/rtp';
import { audioPacket, audioPps, framesPerSecond, streamsOf, videoPacket, videoPps } from './media.ts';
import type { Streams } from './targets/target.ts';

/** What a publisher needs of its endpoint. */
interface Sending {
  onRtcp: ((packet: Uint8Array) => void) | undefined;
  sendRtp(packet: Uint8Array): boolean;
}

/** Of 30 frames a second; with `bursts`, the packets of a frame leave together. */
interface Pace {
  readonly packetsPerFrame: number;
  readonly bursts: boolean;
}

const usualPace: Pace = { packetsPerFrame: videoPps / framesPerSecond, bursts: false };

/** Sends a camera and a microphone and a key frame when it is asked for one. */
export class Publisher {
  videoSent = 0;
  audioSent = 0;
  keyFrames = 0;
  readonly #endpoint: Sending;
  readonly #streams: Streams;
  readonly #packetsPerFrame: number;
  readonly #together: number;
  #timer: NodeJS.Timeout | undefined;
  #keyFrameWanted = true;
  #keyFrame = false;

  constructor(endpoint: Sending, streams = streamsOf(0), pace: Pace = usualPace) {
    this.#endpoint = endpoint;
    this.#streams = streams;
    this.#packetsPerFrame = pace.packetsPerFrame;
    this.#together = pace.bursts ? pace.packetsPerFrame : 1;
    endpoint.onRtcp = (packet) => {
      if (parseRtcp(packet)?.some(({ type }) => type === 'pli' || type === 'fir'))
        this.#keyFrameWanted = true;
    };
  }

  get sent(): number {
    return this.videoSent + this.audioSent;
  }

  start(): void {
    const startedAt = performance.now();
    const pps = framesPerSecond * this.#packetsPerFrame;
    this.#timer = setInterval(() => {
      const seconds = (performance.now() - startedAt) / 1000;
      while (this.videoSent < seconds * pps) {
        for (let count = 0; count < this.#together; count += 1) this.#sendVideo();
      }
      while (this.audioSent < seconds * audioPps) {
        this.#endpoint.sendRtp(audioPacket(this.audioSent, performance.now(), this.#streams.audio));
        this.audioSent += 1;
      }
    }, 2);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sendVideo(): void {
    if (this.videoSent % this.#packetsPerFrame === 0) {
      this.#keyFrame = this.#keyFrameWanted;
      this.#keyFrameWanted = false;
      if (this.#keyFrame) this.keyFrames += 1;
    }
    const { video } = this.#streams;
    this.#endpoint.sendRtp(
      videoPacket(this.videoSent, this.#packetsPerFrame, this.#keyFrame, performance.now(), video),
    );
    this.videoSent += 1;
  }
}

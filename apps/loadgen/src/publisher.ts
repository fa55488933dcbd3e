import { parseRtcp } from '@weir/rtp';
import type { TestEndpoint } from '@weir/testing';
import { audioPacket, audioPps, packetsPerFrame, videoPacket, videoPps } from './media.ts';

/** Sends a camera and a microphone at an even pace, and a key frame when it is asked for one. */
export class Publisher {
  videoSent = 0;
  audioSent = 0;
  keyFrames = 0;
  readonly #endpoint: TestEndpoint;
  #timer: NodeJS.Timeout | undefined;
  #keyFrameWanted = true;
  #keyFrame = false;

  constructor(endpoint: TestEndpoint) {
    this.#endpoint = endpoint;
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
    this.#timer = setInterval(() => {
      const seconds = (performance.now() - startedAt) / 1000;
      while (this.videoSent < seconds * videoPps) this.#sendVideo();
      while (this.audioSent < seconds * audioPps) {
        this.#endpoint.sendRtp(audioPacket(this.audioSent, performance.now()));
        this.audioSent += 1;
      }
    }, 2);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sendVideo(): void {
    if (this.videoSent % packetsPerFrame === 0) {
      this.#keyFrame = this.#keyFrameWanted;
      this.#keyFrameWanted = false;
      if (this.#keyFrame) this.keyFrames += 1;
    }
    this.#endpoint.sendRtp(videoPacket(this.videoSent, this.#keyFrame, performance.now()));
    this.videoSent += 1;
  }
}

import type { FanOut } from './fan-out.ts';
import type { ReceiveStream } from './receive-stream.ts';
import type { Receiver } from './receiver.ts';

/** The sound before the moment at which a source was found to be loud: all three bounds hold. */
const maxAgeMs = 300;
const maxPackets = 40;
const maxBytes = 32_000;
/** Copies per step: where few listen all goes out at once, where a thousand do it is spread over some milliseconds. */
const copiesPerStep = 512;
/** Well above what comes meanwhile. */
const minPacketsPerStep = 2;

/**
 * A source that was held back is heard again: its listeners get what came in the last moments first, so that the
 * first syllable is whole, and then what comes. The packets still lie in the arena; nothing is copied or kept here.
 * Numbers go on where they stopped and timestamps stay those of the source: to a listener it is a stream that was
 * silent, and whose first packets came late and close together, which its jitter buffer evens out.
 */
export class PreRoll {
  readonly receiver: Receiver;
  readonly stream: ReceiveStream;
  /** Number of the packet that goes out next. */
  next: number;
  readonly #generation: number;

  /** @param after number of the last packet that was forwarded, or must not be */
  constructor(receiver: Receiver, stream: ReceiveStream, after: number, fanOut: FanOut, now: number) {
    this.receiver = receiver;
    this.stream = stream;
    this.#generation = stream.generation;
    const { cache, highest } = stream;
    this.next = highest;
    let bytes = 0;
    for (let number = highest; number > after && highest - number < maxPackets; number--) {
      const serial = cache.serial(number);
      if (serial < 0) continue;
      bytes += cache.packetLength(number);
      if (bytes > maxBytes || now - cache.arrivedAt(number) > maxAgeMs || !fanOut.inArena(serial)) break;
      this.next = number;
    }
  }

  /** Sends what is due. True while more is to come. */
  step(fanOut: FanOut, now: number): boolean {
    const { receiver, stream } = this;
    if (stream.generation !== this.#generation) return false;
    const { cache } = stream;
    const listeners = receiver.live;
    let left = Math.max(minPacketsPerStep, Math.floor(copiesPerStep / Math.max(1, listeners.length)));
    for (; this.next <= stream.highest; this.next++) {
      const serial = cache.serial(this.next);
      // What is missing may still come as a repair, and then goes out by itself.
      if (serial < 0 || !fanOut.inArena(serial)) continue;
      if (left-- === 0) return true;
      const offset = fanOut.offsetOf(serial);
      if (!fanOut.read(offset, cache.packetLength(this.next))) continue;
      fanOut.forward(receiver, stream, serial, offset, false, now, listeners, this.next);
    }
    return false;
  }
}

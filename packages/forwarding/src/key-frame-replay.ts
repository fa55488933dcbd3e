import { DependencyDescriptor } from '@weir/rtp';
import type { FanOut } from './fan-out.ts';
import type { LayerReader } from './layer-reader.ts';
import type { ReceiveStream } from './receive-stream.ts';
import type { Sender } from './sender.ts';

/** Sent at once, as a publisher's encoder would send a key frame. */
const burstBytes = 12_000;
/** What could not be sent because the timer came late is made up for up to this. */
const maxCreditMs = 25;
/** A gap younger than this may still be repaired. */
const repairMs = 500;
/** A replay that takes so many times longer than it may is given up. */
const patience = 3;
/** Above the live rate at least, or the viewer would hardly come closer. */
const minGain = 1.25;
/** The path carries clearly less than was believed at the start. */
const clearlyLess = 0.7;
/** Catching up is spread over at most this many times less time than the pictures took: they stay in order. */
const maxCompression = 64;

/** One viewer being brought from the newest key frame of a stream to what is live, at the rate of its path. */
export class KeyFrameReplay {
  readonly sender: Sender;
  readonly stream: ReceiveStream;
  readonly #start: number;
  readonly #only: readonly Sender[];
  readonly #descriptor: DependencyDescriptor | undefined;
  readonly #generation: number;
  #next: number;
  #credit = burstBytes;
  readonly #endsAt: number;
  readonly #maxCatchUpMs: number;
  readonly #believedBps: number;
  #at: number;

  /** The sender's segment has begun with the key frame. */
  constructor(sender: Sender, stream: ReceiveStream, maxCatchUpMs: number, now: number) {
    this.sender = sender;
    this.stream = stream;
    this.#start = stream.keyFrame.start;
    this.#next = this.#start;
    this.#only = [sender];
    // Structures may have changed since: the replay reads its own, and counts frames as the stream does.
    const { descriptor, keyFrame } = stream;
    const first = keyFrame.frameNumber < 0 ? -1 : (descriptor?.frameOf(keyFrame.frameNumber) ?? -1);
    this.#descriptor = descriptor === undefined ? undefined : new DependencyDescriptor(first);
    this.#generation = stream.generation;
    this.#at = now;
    this.#maxCatchUpMs = maxCatchUpMs;
    this.#believedBps = sender.transport?.outgoing.availableBps ?? 0;
    this.#endsAt = now + maxCatchUpMs * patience;
    sender.replayNext = this.#next;
  }

  /** Nothing ended it meanwhile. */
  get current(): boolean {
    const { sender, stream } = this;
    return (
      sender.openStream === stream &&
      sender.replayNext === this.#next &&
      stream.generation === this.#generation
    );
  }

  /** The path turned out to carry so little that a new key frame is there sooner than what is live. */
  #hopeless(carriedBps: number, now: number): boolean {
    const { cache, bitrateBps, highest } = this.stream;
    const available = this.sender.transport?.outgoing.availableBps ?? 0;
    if (
      available > this.#believedBps * clearlyLess ||
      this.#next === this.#start ||
      this.#next > highest ||
      cache.serial(this.#next) < 0
    )
      return false;
    const behindMs = now - cache.arrivedAt(this.#next);
    return behindMs * bitrateBps > this.#maxCatchUpMs * Math.max(0, carriedBps - bitrateBps);
  }

  /** Sends what is due. True while more is to come, false when the viewer is live or the replay broke off. */
  step(fanOut: FanOut, reader: LayerReader, now: number): boolean {
    const { sender, stream } = this;
    const { receiver, transport } = sender;
    if (receiver === undefined || transport === undefined || !this.current) return false;
    const carriedBps = transport.outgoing.replayBps(sender, receiver.layered, stream.bitrateBps);
    if (this.#hopeless(carriedBps, now)) {
      sender.keyFrames.breakReplay();
      return false;
    }
    const paceBps = Math.max(stream.bitrateBps * minGain, carriedBps);
    this.#credit += (Math.min(maxCreditMs, now - this.#at) * paceBps) / 8000;
    this.#at = now;
    sender.segment.replayedAt = now;
    while (this.#next <= stream.highest) {
      if (this.#credit <= 0) return true;
      const number = this.#next;
      const serial = stream.cache.serial(number);
      const gone = stream.highest - number >= stream.cache.capacity || now > this.#endsAt;
      if (gone || (serial >= 0 && !fanOut.inArena(serial))) {
        sender.keyFrames.breakReplay();
        return false;
      }
      sender.replayNext = ++this.#next;
      // What is missing still comes as a repair, late.
      if (serial < 0) continue;
      const length = stream.cache.packetLength(number);
      const offset = fanOut.offsetOf(serial);
      if (!fanOut.read(offset, length)) continue;
      const isKey = number === this.#start;
      reader.read(receiver, this.#descriptor, isKey);
      fanOut.forward(receiver, stream, serial, offset, isKey, now, this.#only, number);
      sender.replayed.note(reader);
      this.#credit -= length;
    }
    return false;
  }
}

/**
 * Milliseconds until `sender` has caught up when it begins with the newest key frame of `stream`; NaN when it can't be done within the limits and the publisher must be asked.
 */
export function catchUpMs(stream: ReceiveStream, sender: Sender, maxAgeMs: number, now: number): number {
  const { transport, receiver } = sender;
  if (transport === undefined || receiver === undefined) return Number.NaN;
  const { fanOut, replayLimits: limits } = sender.room.forwarder;
  const { keyFrame, cache, highest } = stream;
  const packets = highest - keyFrame.start + 1;
  if (keyFrame.start < 0 || packets < 1) return Number.NaN;
  if (packets > Math.min(limits.maxPackets, cache.capacity * 0.75)) return Number.NaN;
  const ageMs = now - keyFrame.arrivedAt;
  if (ageMs > Math.min(maxAgeMs, limits.maxAgeMs)) return Number.NaN;
  let bytes = 0;
  let seenAt = keyFrame.arrivedAt;
  for (let number = keyFrame.start; number <= highest; number++) {
    const serial = cache.serial(number);
    if (serial < 0) {
      // Lost for good: who begins here would see broken pictures.
      if (number === keyFrame.start || now - seenAt > repairMs) return Number.NaN;
      continue;
    }
    if (!fanOut.inArena(serial, 2)) return Number.NaN;
    seenAt = cache.arrivedAt(number);
    bytes += cache.packetLength(number);
  }
  if (bytes > limits.maxBytes) return Number.NaN;
  const liveBps = stream.bitrateBps > 0 ? stream.bitrateBps : (bytes * 8000) / Math.max(200, ageMs);
  const paceBps = transport.outgoing.replayBps(sender, receiver.layered, liveBps);
  // What goes out at once is not waited for.
  const rest = Math.max(0, bytes - burstBytes);
  if (rest > 0 && paceBps < liveBps * minGain) return Number.NaN;
  const takes = rest === 0 ? 0 : (rest * 8000) / (paceBps - liveBps);
  return takes > limits.maxCatchUpMs ? Number.NaN : Math.max(takes, ageMs / (maxCompression - 1));
}

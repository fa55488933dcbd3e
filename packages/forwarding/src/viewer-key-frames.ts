import { catchUpMs } from './key-frame-replay.ts';
import type { ReceiveStream } from './receive-stream.ts';
import type { Sender } from './sender.ts';

/** Key frames that a viewer may cause in `pliWindowMs`; what it asks for beyond is not passed on. */
const maxPlisPerWindow = 10;
const pliWindowMs = 10_000;
/** A viewer that sees something already is put back in time by no more than this to spare the publisher a request. */
const maxStepBackMs = 250;
/** What a viewer asks for while a replay is on its way to it is on its way to it. */
const replayGraceMs = 150;
/** So long after a replay an order of the room may still mean the beginning that the replay has answered. */
const orderGraceMs = 1500;

/** How one viewer comes to the key frame that it needs: out of the cache if that will do, else from the publisher. */
export class ViewerKeyFrames {
  /** Times that the viewer began with a cached key frame. */
  replays = 0;
  readonly #sender: Sender;
  #replayedAt = Number.NEGATIVE_INFINITY;
  #pliWindowAt = Number.NEGATIVE_INFINITY;
  #plisInWindow = 0;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** Gets the viewer a key frame if it could use one: the cached one, or else the source is asked. */
  request(): void {
    const sender = this.#sender;
    const stream = this.#usable;
    if (stream === undefined) return;
    const { forwarder } = sender.room;
    if (sender.openStream !== stream) {
      // While a lower layer is replayed the wanted one can wait: it is asked for when that is through.
      if (sender.replaying) return;
      if (this.replayFrom(forwarder.now) !== undefined) {
        forwarder.noteReplay(sender);
        return;
      }
    }
    this.ask();
  }

  /**
   * An order of the room. It orders a key frame for every sender that can begin (D-23), after the fact: one that
   * began with the cached key frame meanwhile, or is about to, must not cost the publisher another.
   */
  order(): void {
    const { openStream, targetStream, room, segment } = this.#sender;
    if (openStream !== targetStream) this.request();
    else if (!(room.forwarder.now - segment.replayedAt <= orderGraceMs)) this.ask();
  }

  /** Asks the source for a key frame, whatever is cached. */
  ask(): void {
    const { receiver, room } = this.#sender;
    const stream = this.#usable;
    if (stream === undefined || receiver === undefined) return;
    stream.keyFrames.want(room.forwarder.now);
    room.forwarder.noteKeyFrameWish(stream, receiver);
  }

  /** A PLI or FIR of the viewer. */
  handleRequest(now: number): void {
    const sender = this.#sender;
    // Joining a wish of others costs the publisher nothing.
    if (sender.targetStream?.keyFrames.wanted) return;
    if (sender.replaying || now - this.#replayedAt < replayGraceMs + sender.rttMs) return;
    // Nor does it know of a key frame that waits in the queue of its path.
    const sentFor = now - (sender.openStream?.keyFrame.arrivedAt ?? Number.NEGATIVE_INFINITY);
    if (sentFor < (sender.transport?.outgoing.wordAfterMs ?? 0)) return;
    if (now - this.#pliWindowAt > pliWindowMs) {
      this.#pliWindowAt = now;
      this.#plisInWindow = 0;
    }
    if (++this.#plisInWindow <= maxPlisPerWindow) this.ask();
  }

  /**
   * The stream that a replay may begin with: the wanted one, or for a viewer that sees nothing yet the nearest below
   * it. Undefined when no cached key frame can be used.
   */
  replayFrom(now: number): ReceiveStream | undefined {
    const { targetStream, openStream, receiver, selector, shed } = this.#sender;
    if (targetStream === undefined || receiver === undefined || openStream === targetStream) return undefined;
    if (!Number.isNaN(this.#catchUpMs(targetStream, now))) return targetStream;
    if (openStream !== undefined || shed) return undefined;
    for (let i = selector.target - 1; i >= 0; i--) {
      const stream = receiver.streams[i]!;
      if (stream.live && !Number.isNaN(this.#catchUpMs(stream, now))) return stream;
    }
    return undefined;
  }

  /** Begins with the cached key frame of `stream`, as replayFrom() gave it. */
  beginReplay(stream: ReceiveStream, now: number): void {
    const sender = this.#sender;
    const { keyFrame, newestTimestamp } = stream;
    const catchUp = Math.ceil((this.#catchUpMs(stream, now) * stream.clockRate) / 1000);
    sender.open(stream, keyFrame.start, newestTimestamp, keyFrame, now, false);
    sender.segment.replayedAt = now;
    sender.segment.compress(keyFrame.timestamp, newestTimestamp, catchUp);
    this.replays++;
    this.#replayedAt = now;
  }

  /** A replay of `stream` is over: what comes now is live. */
  endReplay(stream: ReceiveStream): void {
    const sender = this.#sender;
    if (sender.openStream === stream) {
      sender.replayNext = Number.POSITIVE_INFINITY;
      sender.replayed.reset();
    }
    // A lower layer filled in; the wanted one was asked for.
    if (sender.openStream !== sender.targetStream) this.ask();
  }

  /** The cache lost what the replay still needed: only the publisher can help. */
  breakReplay(): void {
    this.#sender.endSegment();
    this.ask();
  }

  /** The stream whose key frame the viewer would get at once. */
  get #usable(): ReceiveStream | undefined {
    const { video, targetStream, forwards, receiver } = this.#sender;
    if (!video || targetStream === undefined || !targetStream.live) return undefined;
    return forwards && receiver?.paused === false ? targetStream : undefined;
  }

  #catchUpMs(stream: ReceiveStream, now: number): number {
    const sender = this.#sender;
    const { start } = stream.keyFrame;
    if (start < 0) return Number.NaN;
    // Pictures that it had already are not shown twice.
    if (sender.segment.reached(stream, start) || sender.previous.reached(stream, start)) return Number.NaN;
    const blank = sender.openStream === undefined && !sender.shed;
    return catchUpMs(stream, sender, blank ? Number.POSITIVE_INFINITY : maxStepBackMs, now);
  }
}

import type { MediaHappening, ReceiverSpec, SenderSpec } from '@weir/protocol';
import { DominantSpeakerDetector } from './dominant-speaker.ts';
import type { Forwarder } from './forwarder.ts';
import { LoudestSources } from './loudest-sources.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { SourceClock } from './source-clock.ts';
import { Transport } from './transport.ts';

/** What a transport of either kind needs to be forwarded over. */
export interface ForwardingTransportOptions {
  readonly id: number;
  readonly peerId: number;
  /** Without SRTP. */
  readonly plain: boolean;
  /** Bits per second; 0 = no limit. */
  readonly maxIncomingBitrate: number;
  readonly maxOutgoingBitrate?: number;
  readonly minOutgoingBitrate?: number;
  /** Believed until the path is known; absent or 0 = 600 kbit/s. */
  readonly initialOutgoingBitrate?: number;
}

/**
 * Transports, receivers and senders of one room. Objects may come in any order: what points to something not
 * there yet is joined to it when it comes.
 */
export class ForwardingRoom {
  readonly forwarder: Forwarder;
  readonly id: string;
  readonly transports = new Map<number, Transport>();
  readonly receivers = new Map<number, Receiver>();
  readonly senders = new Map<number, Sender>();
  /** Of the receivers that send audio levels, by id. */
  readonly speakers = new DominantSpeakerDetector<number>();
  /** Which receivers of sound are forwarded; undefined = all. */
  loudest: LoudestSources<Receiver> | undefined = undefined;
  readonly #clocks = new Map<number, SourceClock>();
  /** Receivers had levels in the last window, so that silence is told once. */
  #hadLevels = false;

  constructor(forwarder: Forwarder, id: string) {
    this.forwarder = forwarder;
    this.id = id;
  }

  emit(happening: MediaHappening): void {
    this.forwarder.emit(happening);
  }

  /** Forwards only so many receivers of sound, the loudest; 0 = all. */
  setMaxLoudestAudio(places: number, now: number): void {
    this.forwarder.now = now;
    if (places === (this.loudest?.places ?? 0)) return;
    if (places === 0) {
      for (const receiver of this.receivers.values()) receiver.leaveLoudest();
      this.loudest = undefined;
    } else if (this.loudest === undefined) {
      this.loudest = new LoudestSources<Receiver>(places, ({ owner }) =>
        owner.loudnessChanged(this.forwarder.now),
      );
    } else {
      this.loudest.setPlaces(places, now);
    }
  }

  putTransport(options: ForwardingTransportOptions, now: number): Transport {
    this.forwarder.now = now;
    let transport = this.transports.get(options.id);
    if (transport === undefined) {
      const ssrc = this.forwarder.random() >>> 0 || 1;
      transport = new Transport(this, options.id, options.peerId, options.plain, ssrc);
      this.transports.set(options.id, transport);
      this.forwarder.transports.add(transport);
      for (const receiver of this.receivers.values()) {
        if (receiver.spec.transportId === options.id) this.#bindReceiver(receiver, now);
      }
      for (const sender of this.senders.values()) {
        if (sender.spec.transportId === options.id) sender.setTransport(transport, now);
      }
    }
    transport.limitIncoming(options.maxIncomingBitrate, now);
    transport.outgoing.configure(options, now);
    return transport;
  }

  removeTransport(id: number, now: number): void {
    const transport = this.transports.get(id);
    if (transport === undefined) return;
    transport.disconnect(now);
    for (const receiver of [...transport.receivers]) {
      transport.removeReceiver(receiver);
      receiver.transport = undefined;
      for (const stream of receiver.streams) stream.unbind();
    }
    for (const sender of [...transport.senders]) sender.setTransport(undefined, now);
    this.transports.delete(id);
    this.forwarder.transports.delete(transport);
    this.forwarder.unbindTransport(transport);
  }

  putReceiver(spec: ReceiverSpec, now: number): void {
    this.forwarder.now = now;
    let receiver = this.receivers.get(spec.id);
    if (receiver === undefined) {
      let clock = this.#clocks.get(spec.peerId);
      if (clock === undefined) {
        clock = new SourceClock();
        this.#clocks.set(spec.peerId, clock);
      }
      receiver = new Receiver(this, spec, clock);
      this.receivers.set(spec.id, receiver);
      for (const sender of this.senders.values()) {
        if (sender.spec.receiverId === spec.id) sender.setReceiver(receiver);
      }
    } else {
      receiver.transport?.removeReceiver(receiver);
      receiver.update(spec);
    }
    if (receiver.audioLevelId === 0) this.speakers.remove(spec.id);
    else this.speakers.add(spec.id, now);
    this.speakers.setPaused(spec.id, spec.paused);
    if (receiver.audioLevelId === 0 || spec.alwaysForward) receiver.leaveLoudest();
    else if (spec.paused) receiver.rest();
    this.#bindReceiver(receiver, now);
  }

  removeReceiver(id: number): void {
    const receiver = this.receivers.get(id);
    if (receiver === undefined) return;
    this.receivers.delete(id);
    this.speakers.remove(id);
    receiver.leaveLoudest();
    this.forwarder.endPreRoll(receiver);
    receiver.transport?.removeReceiver(receiver);
    for (const sender of [...receiver.senders]) sender.setReceiver(undefined);
    const { peerId } = receiver.spec;
    if (![...this.receivers.values()].some((other) => other.spec.peerId === peerId)) {
      this.#clocks.delete(peerId);
    }
  }

  putSender(spec: SenderSpec, now: number): void {
    this.forwarder.now = now;
    let sender = this.senders.get(spec.id);
    if (sender === undefined) {
      sender = new Sender(this, spec);
      this.senders.set(spec.id, sender);
    } else {
      // The SSRC tables of the transport are made from the spec.
      sender.transport?.removeSender(sender);
      sender.update(spec);
      sender.transport?.addSender(sender, now);
    }
    sender.setReceiver(this.receivers.get(spec.receiverId));
    sender.setTransport(spec.transportId === null ? undefined : this.transports.get(spec.transportId), now);
  }

  removeSender(id: number, now: number): void {
    const sender = this.senders.get(id);
    if (sender === undefined) return;
    this.senders.delete(id);
    sender.setTransport(undefined, now);
    sender.setReceiver(undefined);
  }

  /** Media and RTX SSRCs of all senders, bound or not. */
  senderSsrcs(): ReadonlySet<number> {
    const ssrcs = new Set<number>();
    for (const sender of this.senders.values()) sender.addSsrcs(ssrcs);
    return ssrcs;
  }

  /** Asks the source of a sender for a key frame, with the usual throttling. */
  requestKeyFrame(senderId: number): void {
    this.senders.get(senderId)?.keyFrames.order();
  }

  /** Watches plain packets of a receiver; attaching asks for a key frame. Unknown ids are ignored. */
  tap(receiverId: number, listener: ((packet: Uint8Array) => void) | undefined): void {
    const receiver = this.receivers.get(receiverId);
    if (receiver === undefined) return;
    receiver.tap = listener;
    if (listener === undefined || !receiver.video) return;
    for (const stream of receiver.streams) {
      if (!stream.live) continue;
      stream.keyFrames.want(this.forwarder.now);
      this.forwarder.noteKeyFrameWish(stream, receiver);
    }
  }

  /** Reports audio levels of the window that ends now (object-model.md §9.2). */
  reportLevels(): void {
    const levels: { receiverId: number; audioLevel: number }[] = [];
    for (const receiver of this.receivers.values()) {
      if (receiver.levelCount === 0) continue;
      const audioLevel = 0 - Math.trunc(receiver.levelSum / receiver.levelCount);
      levels.push({ receiverId: receiver.id, audioLevel });
      receiver.levelSum = 0;
      receiver.levelCount = 0;
    }
    if (levels.length === 0 && !this.#hadLevels) return;
    this.#hadLevels = levels.length > 0;
    levels.sort((a, b) => b.audioLevel - a.audioLevel);
    this.emit({ type: 'audio.levels', roomId: this.id, levels });
  }

  /** Tells who speaks now, if that has changed: of the receivers that send audio levels (D-24). */
  reportSpeaker(now: number): void {
    const receiverId = this.speakers.update(now);
    if (receiverId !== undefined) this.emit({ type: 'audio.speaker', roomId: this.id, receiverId });
  }

  #bindReceiver(receiver: Receiver, now: number): void {
    const { transportId } = receiver.spec;
    const transport = transportId === null ? undefined : this.transports.get(transportId);
    if (receiver.transport !== transport) {
      receiver.transport?.removeReceiver(receiver);
      // Over another transport SSRCs are learnt anew and numbers may start anywhere.
      if (receiver.transport !== undefined) for (const stream of receiver.streams) stream.unbind();
    }
    if (transport === undefined) {
      receiver.transport = undefined;
      return;
    }
    receiver.bound(transport, now);
    transport.addReceiver(receiver, now);
  }
}

import type { MediaKind, RtpParameters } from '@weir/ortc';
import { MediaExplanation, type SenderExplanation } from '@weir/protocol';
import { explainSender, type SenderRecord } from '@weir/room';
import { dumpSender, type RtpSenderDump } from './dump.ts';
import { InvalidStateError } from './errors.ts';
import { children, detach, fire, measured, putRecord, recordOf } from './internal.ts';
import type { Peer } from './peer.ts';
import { RoomObject } from './room-object.ts';
import type { RoomRuntime } from './room-runtime.ts';
import type { RtpReceiver } from './rtp-receiver.ts';
import { checkTransport, type Transport } from './transport.ts';
import type { Hysteresis, Layers, RtpSenderId } from './types.ts';

export interface RtpSenderEvents {
  /** Its receiver, its peer or its room closed. */
  close: [];
  /** The receiver got new parameters; `active` is the value they led to. */
  parameterschange: [rtpParameters: RtpParameters, active: boolean];
  /** `active` changed by anything but new parameters. */
  activechange: [active: boolean];
  /** `setTransport()` succeeded. */
  transport: [transport: Transport];
  /** The receiver was paused; `active` does not change. */
  receiverpause: [];
  /** The receiver was resumed. */
  receiverresume: [];
  /** Another layer is forwarded; undefined: none. */
  layerschange: [layers: Layers | undefined];
  /** The quality that this endpoint gets, or that its source has, changed. */
  score: [score: RtpSenderScore];
}

/** 0 (nothing arrives) to 10 (perfect). */
export interface RtpSenderScore {
  /** Of the stream to this endpoint. */
  score: number;
  /** Of the stream it is made from. */
  receiverScore: number;
  /** Of every stream of the receiver, low layers first. */
  receiverScores: number[];
}

/** Media that an endpoint receives from us. The room makes one for every receiver of every other peer. */
export class RtpSender extends RoomObject<RtpSenderId, RtpSenderEvents> {
  readonly #peer: Peer;
  readonly #receiver: RtpReceiver;
  #record: SenderRecord;
  #score = 10;
  #receiverScore = 10;

  constructor(runtime: RoomRuntime, record: SenderRecord, peer: Peer, receiver: RtpReceiver) {
    super(runtime, record.id, {});
    this.#record = record;
    this.#peer = peer;
    this.#receiver = receiver;
  }

  /** Kind of the receiver's media. */
  get kind(): MediaKind {
    return this.#receiver.kind;
  }

  /** The peer whose endpoint gets the media. */
  get peer(): Peer {
    return this.#peer;
  }

  /** Where the media goes out; undefined until `setTransport()`, and again once that transport closed. */
  get transport(): Transport | undefined {
    return this.runtime.objects.openTransport(this.#record.transportId);
  }

  /** Derived from the receiver's and this peer's capabilities. No codecs: the endpoint supports none. */
  get rtpParameters(): RtpParameters {
    return this.#record.rtpParameters;
  }

  /** The source. Never changes. */
  get associatedRtpReceiver(): RtpReceiver {
    return this.#receiver;
  }

  /** Whether media is wanted: usable parameters, an open transport, and not disabled. ICE and DTLS don't count. */
  get active(): boolean {
    return this.#record.available && !this.#record.disabled && this.transport !== undefined;
  }

  /** Whether `disable()` was called last. */
  get paused(): boolean {
    return this.#record.disabled;
  }

  /** Whether the source is paused. */
  get receiverPaused(): boolean {
    return this.#receiver.paused;
  }

  /** How many layers the source has: one, several streams, or several in one stream. */
  get type(): 'simple' | 'simulcast' | 'svc' {
    return this.#receiver.type;
  }

  /** What `setPreferredLayers()` asked for; undefined: the highest. */
  get preferredLayers(): Layers | undefined {
    return this.#record.preferredLayers;
  }

  /** What is forwarded now; undefined: nothing, or the source has one layer only. */
  get currentLayers(): Layers | undefined {
    return this.#record.currentLayers;
  }

  /** 1 to 255: who gets bitrate first when it is short. Default 1. */
  get priority(): number {
    return this.#record.priority;
  }

  /** What `setHysteresis()` asked for; undefined: the defaults. */
  get hysteresis(): Hysteresis | undefined {
    return this.#record.hysteresis;
  }

  /** Last measured quality. */
  get score(): RtpSenderScore {
    return {
      score: this.#score,
      receiverScore: this.#receiverScore,
      receiverScores: this.#receiver.score.map((entry) => entry.score),
    };
  }

  /**
   * Binds it to an open transport of the same peer, from which on it can be active. The parameters get a new
   * `muxId` if the transport is another one. Rejects with TypeError if it is no Transport, InvalidStateError
   * if it is closed, Error if it belongs to another peer.
   */
  setTransport(transport: Transport): Promise<this> {
    return this.runtime.call(this, () => {
      checkTransport(transport, this.#peer);
      this.runtime.execute({ type: 'sender.setTransport', senderId: this.id, transportId: transport.id });
      return this;
    });
  }

  /** Stops the media. `emit: false` keeps `activechange` silent. Resolves too if it is disabled already. */
  disable(options: { emit?: boolean } = {}): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'sender.disable', senderId: this.id, emit: options?.emit !== false });
      return this;
    });
  }

  /** Undoes `disable()`; video starts with a key frame. `emit: false` keeps `activechange` silent. */
  enable(options: { emit?: boolean } = {}): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'sender.enable', senderId: this.id, emit: options?.emit !== false });
      return this;
    });
  }

  /**
   * The highest layers this endpoint wants of a simulcast or SVC source; less is sent if bitrate is short.
   * `null`: the highest there are. Rejects with TypeError unless they are non-negative integers.
   */
  setPreferredLayers(layers: Layers | null): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({
        type: 'sender.setPreferredLayers',
        senderId: this.id,
        layers: layers === null ? null : readLayers(layers),
      });
      return this;
    });
  }

  /** Who gets bitrate first when it is short. Rejects with TypeError unless it is an integer of 1 to 255. */
  setPriority(priority: number): Promise<this> {
    return this.runtime.call(this, () => {
      if (!Number.isInteger(priority) || priority < 1 || priority > 255) {
        throw new TypeError('priority must be an integer of 1 to 255');
      }
      this.runtime.execute({ type: 'sender.setPriority', senderId: this.id, priority });
      return this;
    });
  }

  /** Back to priority 1. */
  unsetPriority(): Promise<this> {
    return this.setPriority(1);
  }

  /**
   * How readily its layers change when the bitrate does; fields that are left out have their defaults, `null`: all of
   * them. Takes the place of what was set before. Rejects with TypeError if a field is out of its range.
   */
  setHysteresis(hysteresis: Hysteresis | null): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'sender.setHysteresis', senderId: this.id, hysteresis });
      return this;
    });
  }

  /** Asks the source for a key frame; does nothing for audio or while inactive. */
  requestKeyFrame(): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'sender.requestKeyFrame', senderId: this.id });
      return this;
    });
  }

  /** For debugging: internals, at the time of execution. */
  dump(): Promise<RtpSenderDump> {
    return this.runtime.call(this, () => dumpSender(this, this.runtime));
  }

  /** `outbound-rtp` and the `inbound-rtp` it is made from. */
  getStats(): Promise<Record<string, unknown>[]> {
    return this.runtime.call(this, async () => {
      const answer = await this.runtime.inspect('stats', { senders: [this.id] });
      return answer.senders[this.id] ?? [];
    });
  }

  /** Why it forwards what it forwards: bandwidth, layers to choose from, and the one limit that decides. */
  explain(): Promise<SenderExplanation> {
    return this.runtime.call(this, async () => {
      const answer = await this.runtime.inspect('explain', { senders: [this.id] });
      // It may have closed meanwhile.
      if (this.closed) throw new InvalidStateError('the RtpSender is closed');
      const media = MediaExplanation.safeParse(answer.senders[this.id]?.[0]).data;
      return explainSender(this.runtime.state, this.id, media);
    });
  }

  [putRecord](record: SenderRecord): void {
    this.#record = record;
  }

  [recordOf](): SenderRecord {
    return this.#record;
  }

  [measured](score: number, receiverScore: number): void {
    this.#score = score;
    this.#receiverScore = receiverScore;
    this[fire]('score', this.score);
  }

  [detach](): void {
    this.#peer[children].rtpSenders.delete(this);
  }
}

function readLayers(layers: unknown): Layers {
  const { spatialLayer, temporalLayer } = (layers ?? {}) as Partial<Layers>;
  if (!isLayer(spatialLayer) || (temporalLayer !== undefined && !isLayer(temporalLayer))) {
    throw new TypeError('layers must be { spatialLayer, temporalLayer? } of non-negative integers');
  }
  return temporalLayer === undefined ? { spatialLayer } : { spatialLayer, temporalLayer };
}

function isLayer(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

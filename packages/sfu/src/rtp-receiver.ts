import type { MediaKind, RtpParameters } from '@weir/ortc';
import type { ReceiverRecord } from '@weir/room';
import type { SentRtpParameters } from './dictionaries.ts';
import { dumpReceiver, type RtpReceiverDump } from './dump.ts';
import { children, detach, fire, measured, putRecord, recordOf, wanted } from './internal.ts';
import type { Peer } from './peer.ts';
import { RoomObject } from './room-object.ts';
import type { RoomRuntime } from './room-runtime.ts';
import { parseRtpObject, type RtpObject } from './rtp-object.ts';
import { checkTransport, type Transport } from './transport.ts';
import type { AppData, RtpReceiverId } from './types.ts';

export interface RtpReceiverEvents {
  /** By `close()`, or with its peer. An Error if it was made before capabilities that then were refused. */
  close: [error?: Error];
  /** The first `receive()` succeeded. */
  parameters: [rtpParameters: RtpParameters];
  /** A later `receive()` succeeded. */
  parameterschange: [rtpParameters: RtpParameters];
  /** `setTransport()` succeeded. */
  transport: [transport: Transport];
  /** Each accepted RTP packet, decrypted and after RTX; only while somebody listens. */
  rtpraw: [packet: Buffer];
  /** The same, parsed. */
  rtpobject: [packet: RtpObject];
  /** Quality of the incoming streams changed. */
  score: [score: StreamScore[]];
  /** Spatial layers that somebody has a use for, rising; the endpoint need not send the others. */
  wantedlayers: [spatialLayers: number[]];
  /** The camera was turned. */
  videoorientationchange: [orientation: VideoOrientation];
}

/** Quality of one incoming stream: 0 (nothing arrives) to 10 (perfect). */
export interface StreamScore {
  encodingIdx: number;
  ssrc: number;
  rid?: string | undefined;
  score: number;
}

export interface VideoOrientation {
  /** Whether it is the back camera. */
  camera: boolean;
  flip: boolean;
  /** Degrees clockwise: 0, 90, 180 or 270. */
  rotation: number;
}

/** Options of `peer.RtpReceiver()`. */
export interface RtpReceiverOptions {
  /** Start paused. Default false. */
  paused?: boolean;
  /** Least milliseconds between two key frame requests to the endpoint. Default 0: the usual throttling. */
  keyFrameRequestDelay?: number;
  /** Sound only: forwarded however quiet it is, beside the `maxLoudestAudio` of the room. Default: false. */
  alwaysForward?: boolean;
  appData?: AppData;
}

/** Media that an endpoint sends to us. */
export class RtpReceiver extends RoomObject<RtpReceiverId, RtpReceiverEvents> {
  readonly #peer: Peer;
  #record: ReceiverRecord;
  #score: StreamScore[] = [];
  #wantedLayers: readonly number[] | undefined;
  #stopTap: (() => void) | undefined;

  constructor(runtime: RoomRuntime, record: ReceiverRecord, peer: Peer) {
    super(runtime, record.id, record.appData);
    this.#record = record;
    this.#peer = peer;
  }

  /** As given to `peer.RtpReceiver()`. */
  get kind(): MediaKind {
    return this.#record.kind;
  }

  /** The owner: the peer whose endpoint sends the media. */
  get peer(): Peer {
    return this.#peer;
  }

  /** Where the media comes in; undefined once that transport closed. */
  get transport(): Transport | undefined {
    return this.runtime.objects.openTransport(this.#record.transportId);
  }

  /** Effective parameters; undefined until `receive()` succeeded. */
  get rtpParameters(): RtpParameters | undefined {
    return this.#record.rtpParameters;
  }

  /** Whether `pause()` was called last. */
  get paused(): boolean {
    return this.#record.paused;
  }

  /** One stream, several, or several layers in one. */
  get type(): 'simple' | 'simulcast' | 'svc' {
    return this.#record.type;
  }

  /** Last measured quality, one entry per stream that was seen. */
  get score(): StreamScore[] {
    return this.#score.map((entry) => ({ ...entry }));
  }

  /** What `wantedlayers` told last; undefined: nothing yet, so all are wanted. */
  get wantedLayers(): number[] | undefined {
    return this.#wantedLayers?.slice();
  }

  /** Ends the media, also at every sender made from it. */
  close(): void {
    this.runtime.close(this, { type: 'receiver.close', receiverId: this.id });
  }

  /**
   * Says what the endpoint sends. The first time, every other peer with capabilities gets an RtpSender; later
   * their parameters change. Rejects with UnsupportedError if no media codec is supported here, else with
   * Error on wrong or colliding parameters; then nothing changes.
   */
  receive(rtpParameters: SentRtpParameters): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'receiver.receive', receiverId: this.id, rtpParameters });
      return this;
    });
  }

  /**
   * Moves it to another open transport of its peer. Rejects with TypeError if it is no Transport,
   * InvalidStateError if it is closed, Error if it belongs to another peer or the parameters collide there.
   */
  setTransport(transport: Transport): Promise<this> {
    return this.runtime.call(this, () => {
      checkTransport(transport, this.#peer);
      this.runtime.execute({
        type: 'receiver.setTransport',
        receiverId: this.id,
        transportId: transport.id,
      });
      return this;
    });
  }

  /** Stops forwarding to every sender; each hears `receiverpause`. Resolves too if it is paused already. */
  pause(): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'receiver.pause', receiverId: this.id });
      return this;
    });
  }

  /** Undoes `pause()`; video starts with a key frame. */
  resume(): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'receiver.resume', receiverId: this.id });
      return this;
    });
  }

  /** For debugging: internals, at the time of execution. */
  dump(): Promise<RtpReceiverDump> {
    return this.runtime.call(this, () => dumpReceiver(this, this.runtime));
  }

  /** `inbound-rtp`, one entry per stream. */
  getStats(): Promise<Record<string, unknown>[]> {
    return this.runtime.call(this, async () => {
      const answer = await this.runtime.inspect('stats', { receivers: [this.id] });
      return answer.receivers[this.id] ?? [];
    });
  }

  /** rtpraw and rtpobject cost a copy per packet, so packets are watched only while somebody listens. */
  protected override onListenersChanged(): void {
    const wanted = !this.closed && this.listenerCount('rtpraw') + this.listenerCount('rtpobject') > 0;
    if (wanted && this.#stopTap === undefined) {
      this.#stopTap = this.runtime.taps.watch(this, (packet) => this.#onPacket(packet));
    } else if (!wanted) {
      this.#stopTap?.();
      this.#stopTap = undefined;
    }
  }

  #onPacket(packet: Uint8Array): void {
    // Each event has its own bytes, since listeners may change what they get.
    if (this.listenerCount('rtpraw') > 0) this[fire]('rtpraw', Buffer.from(packet));
    if (this.listenerCount('rtpobject') === 0) return;
    const object = parseRtpObject(Buffer.from(packet));
    if (object !== undefined) this[fire]('rtpobject', object);
  }

  [putRecord](record: ReceiverRecord): void {
    this.#record = record;
  }

  [recordOf](): ReceiverRecord {
    return this.#record;
  }

  [measured](score: StreamScore[]): void {
    this.#score = score;
    this[fire]('score', this.score);
  }

  [wanted](spatialLayers: readonly number[]): void {
    this.#wantedLayers = [...spatialLayers];
    this[fire]('wantedlayers', [...spatialLayers]);
  }

  [detach](): void {
    this.#peer[children].rtpReceivers.delete(this);
    this.#stopTap?.();
    this.#stopTap = undefined;
  }
}

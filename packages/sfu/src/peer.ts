import type { MediaKind, RtpCapabilities } from '@weir/ortc';
import type { PeerRecord } from '@weir/room';
import type { PeerCapabilities } from './dictionaries.ts';
import { dumpPeer, type PeerDump } from './dump.ts';
import { InvalidStateError } from './errors.ts';
import { children, detach, ownedBy, putRecord, recordOf } from './internal.ts';
import type { PlainTransport, PlainTransportOptions } from './plain-transport.ts';
import { RoomObject, readAppData } from './room-object.ts';
import type { RoomRuntime } from './room-runtime.ts';
import type { RtpReceiver, RtpReceiverOptions } from './rtp-receiver.ts';
import type { RtpSender } from './rtp-sender.ts';
import { Transport, type TransportOptions } from './transport.ts';
import type { PeerId } from './types.ts';

export interface PeerEvents {
  /** After its transports, receivers and senders closed. */
  close: [error?: Error];
  /** `setCapabilities()` succeeded; after the `newrtpsender` burst it caused. */
  capabilities: [capabilities: RtpCapabilities];
  /** Before `createTransport()` or `createPlainTransport()` resolves. */
  newtransport: [transport: Transport];
  /** After `RtpReceiver()` returned, and before any sender made from it is announced. */
  newrtpreceiver: [rtpReceiver: RtpReceiver];
  /** Media of another peer can be had: bind it with `rtpSender.setTransport()`. */
  newrtpsender: [rtpSender: RtpSender];
}

/** A remote media endpoint. What it sends, we receive: an RtpReceiver; what it plays, an RtpSender. */
export class Peer extends RoomObject<PeerId, PeerEvents> {
  readonly [children] = {
    transports: new Set<Transport>(),
    rtpReceivers: new Set<RtpReceiver>(),
    rtpSenders: new Set<RtpSender>(),
  };
  #record: PeerRecord;
  #pendingCapabilities = 0;

  constructor(runtime: RoomRuntime, record: PeerRecord) {
    super(runtime, record.id, record.appData);
    this.#record = record;
  }

  /** Unique among the open peers of the room; free again as soon as this one is closed. */
  get name(): string {
    return this.#record.name;
  }

  /** What the endpoint can receive and the room supports; undefined until `setCapabilities()` succeeded. */
  get capabilities(): RtpCapabilities | undefined {
    return this.#record.capabilities;
  }

  /** Open transports, in the order of their creation. A new array at each read. */
  get transports(): Transport[] {
    return [...this[children].transports];
  }

  /** Open receivers, in the order of their creation. A new array at each read. */
  get rtpReceivers(): RtpReceiver[] {
    return [...this[children].rtpReceivers];
  }

  /** Open senders, in the order of their creation. A new array at each read. */
  get rtpSenders(): RtpSender[] {
    return [...this[children].rtpSenders];
  }

  /** Closes its transports, receivers and senders, then itself. An error goes to its `close` event. */
  close(error?: Error): void {
    this.runtime.close(this, { type: 'peer.close', peerId: this.id }, error);
  }

  /**
   * Says what the endpoint can receive, and optionally what it can send if that differs. Only once. Resolves
   * with what the room supports of it, after an RtpSender was made for every receiver of the other peers.
   * Rejects with TypeError unless given an object, and with Error on wrong contents or a second call.
   */
  setCapabilities(
    capabilities: PeerCapabilities,
    sendCapabilities?: PeerCapabilities,
  ): Promise<RtpCapabilities> {
    if (!this.closed) this.#pendingCapabilities++;
    return this.runtime.call(this, () => {
      this.#pendingCapabilities--;
      this.runtime.execute({
        type: 'peer.setCapabilities',
        peerId: this.id,
        capabilities,
        ...(sendCapabilities !== undefined && { sendCapabilities }),
      });
      return this.#record.capabilities!;
    });
  }

  /** Rejects with Error if the options leave no address to offer. */
  createTransport(options?: TransportOptions): Promise<Transport> {
    return this.runtime.call(this, () => this.runtime.createTransport(this, options));
  }

  /** RTP and RTCP without ICE and DTLS, for ffmpeg, GStreamer and the like. */
  createPlainTransport(options?: PlainTransportOptions): Promise<PlainTransport> {
    return this.runtime.call(this, () => this.runtime.createPlainTransport(this, options));
  }

  /**
   * Makes a receiver for media that comes over `transport`; then call its `receive()`. Throws
   * InvalidStateError if the peer or the transport is closed or no capabilities are set, TypeError on a wrong
   * kind or transport, Error if the transport belongs to another peer.
   */
  RtpReceiver(kind: MediaKind, transport: Transport, options: RtpReceiverOptions = {}): RtpReceiver {
    if (this.closed) throw new InvalidStateError('the peer is closed');
    if (kind !== 'audio' && kind !== 'video' && kind !== 'depth') {
      throw new TypeError('kind must be "audio", "video" or "depth"');
    }
    if (!(transport instanceof Transport)) throw new TypeError('transport must be a Transport');
    if (transport.closed) throw new InvalidStateError('the transport is closed');
    if (!transport[ownedBy](this)) throw new Error('transport not found');
    if (this.capabilities === undefined && this.#pendingCapabilities === 0) {
      throw new InvalidStateError('call peer.setCapabilities() first');
    }
    return this.runtime.createReceiver(this, kind, transport, {
      paused: options?.paused === true,
      keyFrameRequestDelayMs: readDelay(options?.keyFrameRequestDelay),
      alwaysForward: options?.alwaysForward === true,
      appData: readAppData(options?.appData),
    });
  }

  /** For debugging: internals, at the time of execution. */
  dump(): Promise<PeerDump> {
    return this.runtime.call(this, () => dumpPeer(this, this.runtime));
  }

  [putRecord](record: PeerRecord): void {
    this.#record = record;
  }

  [recordOf](): PeerRecord {
    return this.#record;
  }

  [detach](): void {
    // `room.peers` shows open ones only.
  }
}

function readDelay(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new TypeError('keyFrameRequestDelay must be a number of milliseconds');
  }
  return Math.round(value);
}

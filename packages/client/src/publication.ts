import type { types } from 'mediasoup-client';
import { Convergence } from './convergence.ts';
import { Emitter } from './emitter.ts';
import { WeirError } from './errors.ts';
import { LayerSwitch, type PublishedLayer } from './layer-switch.ts';
import type { MediaLink, MediaTransport } from './media-link.ts';
import type { PeerApi } from './peer-api.ts';

export interface PublishOptions {
  /** Several layers of a video, so that each viewer gets what fits. Default: true for video. */
  simulcast?: boolean;
  /** Exact layers, low to high; overrides `simulcast`. */
  encodings?: types.RtpEncodingParameters[];
  /** Such as `VP9`; default: the room's first codec that this browser can send. */
  codec?: string;
  codecOptions?: types.ProducerCodecOptions;
  /** Travels with the track to everybody, such as `{ source: 'screen' }`; at most 4 KiB of JSON. */
  appData?: Record<string, unknown>;
  /** Tracks of one stream are played in sync. Default: one stream for the whole session. */
  streamId?: string;
  /** Publish without sending yet. */
  paused?: boolean;
  /** Sound only: everybody hears it however quiet it is, also where only the loudest are forwarded. */
  alwaysForward?: boolean;
}

export type PublicationEvents = {
  /** The track ended by itself: a camera was unplugged, screen sharing was stopped in the browser. */
  trackended: [];
  /** It has another id, because the server had forgotten it. */
  republished: [];
  /** Other layers are wanted or sent than before: see `layers`. */
  layerschange: [];
  /** It is over; `error` unless it was unpublished. */
  closed: [WeirError | undefined];
};

export interface PublicationDeps {
  api: PeerApi;
  link: MediaLink;
  signal: AbortSignal;
  random: () => number;
  produceOptions: Omit<types.ProducerOptions, 'track' | 'appData'>;
  /** The server may have made a receiver whose answer nobody waits for any more. */
  onAbandoned: (transportId: string, mid: string) => void;
  onGone: (publication: Publication) => void;
}

/** A track that others can get. It survives lost connections and moves between media servers. */
export class Publication extends Emitter<PublicationEvents> {
  readonly kind: types.MediaKind;
  readonly appData: Record<string, unknown>;
  readonly #deps: PublicationDeps;
  readonly #convergence: Convergence;
  readonly #over = new AbortController();
  readonly #alwaysForward: boolean;
  readonly #layers = new LayerSwitch(() => this.#layersChanged());
  #id: string | undefined;
  #track: MediaStreamTrack | null;
  #paused: boolean;
  #pausedAtServer = false;
  #producer: types.Producer | undefined;
  /** On the transport that is being left: sends until nobody needs it there. */
  #leaving: types.Producer | undefined;
  #left: (() => void)[] = [];
  /** Where the server last said that it has it. */
  #serverTransport: string | undefined;
  #transport: MediaTransport | undefined;
  #closed = false;

  constructor(track: MediaStreamTrack, options: PublishOptions, deps: PublicationDeps) {
    super();
    this.kind = track.kind as types.MediaKind;
    this.appData = options.appData ?? {};
    this.#alwaysForward = options.alwaysForward ?? false;
    this.#track = track;
    this.#paused = options.paused ?? false;
    this.#deps = deps;
    this.#convergence = new Convergence({
      step: () => this.#step(),
      signal: deps.signal,
      random: deps.random,
    });
  }

  /** Id of the receiver at the server; what others see as `receiverId`. */
  get id(): string {
    return this.#id ?? '';
  }

  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether there is a track that can be sent. */
  get live(): boolean {
    return this.#track !== null && this.#track.readyState === 'live';
  }

  /**
   * What is sent of a simulcast video, low to high; empty for anything else. Layers that nobody has a use for are
   * switched off by themselves.
   */
  get layers(): PublishedLayer[] {
    return this.#layers.layers;
  }

  /** Of the browser, for what the SDK does not cover; another one after each move. */
  get rtpSender(): RTCRtpSender | undefined {
    return this.#producer?.rtpSender;
  }

  /** Stops sending; others are told. The track goes on living. */
  pause(): Promise<void> {
    return this.#want(() => {
      this.#paused = true;
    });
  }

  resume(): Promise<void> {
    return this.#want(() => {
      this.#paused = false;
    });
  }

  /**
   * Sends another track of the same kind from now on, or nothing with `null`. Nobody need do anything for
   * it. The old track is not stopped.
   */
  replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    if (track && track.kind !== this.kind) {
      const detail = `A publication of ${this.kind} cannot send ${track.kind}`;
      return Promise.reject(new WeirError({ code: 'invalid-parameter', field: 'track', detail }));
    }
    return this.#want(() => {
      this.#track = track;
    });
  }

  /** Takes it back from everybody. The track is not stopped. */
  async unpublish(): Promise<void> {
    if (this.#closed) return;
    this.#finish(undefined);
    const id = this.#id;
    if (id === undefined || this.#deps.signal.aborted) return;
    await this.#deps.api.closeReceiver(id).catch((error: WeirError) => {
      if (error.status !== 404 && error.status !== 410 && error.code !== 'aborted') throw error;
    });
  }

  /** @internal Brings it to where it should be; rejects when that is impossible. */
  async converge(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#convergence.kick();
    } catch (cause) {
      this.#finish(cause as WeirError);
      throw cause;
    }
  }

  /** @internal The server closed the receiver. */
  lost(error: WeirError | undefined): void {
    this.#id = undefined;
    this.#finish(error);
  }

  /** @internal The server forgot the receiver but wants the track: publish it anew. */
  forgotten(): void {
    this.#id = undefined;
    this.#transport = undefined;
    this.converge().catch(() => {});
  }

  /** @internal The server has it on this transport only. */
  movedTo(transportId: string): void {
    this.#serverTransport = transportId;
    if (transportId === this.#transport?.id) this.#leave();
  }

  /** @internal Resolves when nothing is sent any more on a transport that is being left. */
  settled(): Promise<void> {
    if (!this.#leaving || this.#leaving.closed) return Promise.resolve();
    return new Promise((resolve) => this.#left.push(resolve));
  }

  /** @internal The server told which spatial layers somebody has a use for; undefined: it is not known. */
  layersWanted(spatialLayers: readonly number[] | undefined): void {
    if (!this.#closed) this.#layers.want(spatialLayers);
  }

  /** @internal Order in which publications must move: that of their m-sections. */
  get mid(): number {
    return Number(this.#producer?.rtpParameters.mid ?? Number.MAX_SAFE_INTEGER);
  }

  /** @internal */
  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#producer && !this.#producer.closed ? this.#producer.getStats() : undefined;
  }

  #want(change: () => void): Promise<void> {
    if (this.#closed) return Promise.reject(WeirError.closed('The publication'));
    change();
    return this.converge();
  }

  async #step(): Promise<void> {
    if (this.#closed) return;
    const transport = await this.#deps.link.acquire();
    if (this.#closed) return;
    if (this.#transport !== transport || !this.#producer || this.#producer.closed) {
      // Without a living track there is nothing to negotiate; replaceTrack() will bring one.
      if (!this.#track || !this.live) return;
      await this.#produce(transport, this.#track);
      if (this.#closed) return;
    }
    const producer = this.#producer;
    if (!producer) return;
    const track = this.#track;
    const paused = this.#paused;
    for (const one of [producer, this.#leaving]) {
      if (!one || one.closed) continue;
      if (one.track !== track && track?.readyState !== 'ended') {
        const replaced = whileAlive(one, one.replaceTrack({ track }));
        // What is being left may go at any moment.
        await (one === producer ? replaced : replaced.catch(() => {}));
      }
      if (!one.closed && one.paused !== paused) paused ? one.pause() : one.resume();
    }
    if (this.#pausedAtServer !== paused && this.#id !== undefined) {
      await this.#deps.api.updateReceiver(this.#id, { paused });
      this.#pausedAtServer = paused;
    }
  }

  async #produce(transport: MediaTransport, track: MediaStreamTrack): Promise<void> {
    const previous = this.#producer;
    const overlap =
      previous && !previous.closed && this.#transport && this.#deps.link.isLeaving(this.#transport);
    if (overlap) {
      this.#leaving = previous;
      previous.observer.once('close', () => {
        if (this.#leaving === previous) this.#leave();
      });
    }
    const producer = await this.#deps.link.produce(
      transport,
      {
        ...this.#deps.produceOptions,
        track,
        stopTracks: false,
        disableTrackOnPause: true,
        zeroRtpOnPause: true,
      },
      (rtpParameters) => this.#register(transport, rtpParameters),
    );
    if (!overlap) previous?.close();
    if (this.#closed) {
      producer.close();
      return;
    }
    producer.on('trackended', () => this.emit('trackended'));
    this.#producer = producer;
    this.#transport = transport;
    this.#layers.bind(producer.rtpSender, producer.rtpParameters.encodings);
    // The event may have been faster than the answer.
    if (this.#serverTransport === transport.id) this.#leave();
  }

  #leave(): void {
    const leaving = this.#leaving;
    this.#leaving = undefined;
    leaving?.close();
    for (const resolve of this.#left.splice(0)) resolve();
  }

  /** Tells the server what is sent; keeps the receiver, and so everybody's senders, if there is one. */
  async #register(transport: MediaTransport, rtpParameters: types.RtpParameters): Promise<string> {
    const { api } = this.#deps;
    const wire = rtpParameters as never;
    const known = this.#id;
    const signal = AbortSignal.any([this.#over.signal, this.#deps.signal, closing(transport)]);
    if (known !== undefined) {
      try {
        await this.#move(known, transport.id, wire, signal);
        return known;
      } catch (cause) {
        const { status } = cause as WeirError;
        const refused = status === 404 || status === 409 || status === 410 || status === 422;
        if (!refused || signal.aborted) throw cause;
        // Forget it first: its `close` event may come before the answer.
        if (this.#id === known) this.#id = undefined;
        await api.closeReceiver(known).catch(() => {});
      }
    }
    const paused = this.#paused;
    try {
      const view = await api.createReceiver(
        {
          kind: this.kind,
          transportId: transport.id,
          rtpParameters: wire,
          paused,
          alwaysForward: this.#alwaysForward,
          appData: this.appData as never,
        },
        signal,
      );
      if (this.#closed) {
        api.closeReceiver(view.id).catch(() => {});
        throw WeirError.closed('The publication');
      }
      this.#id = view.id;
      this.#serverTransport = transport.id;
      this.#pausedAtServer = paused;
      if (known !== undefined) this.emit('republished');
      return view.id;
    } catch (cause) {
      const { code } = cause as WeirError;
      if (code === 'aborted' || code === 'network' || code === 'timeout') {
        this.#deps.onAbandoned(transport.id, rtpParameters.mid ?? '');
      }
      throw cause;
    }
  }

  /** Takes the receiver along to another transport, with the parameters it is sent with there. */
  async #move(id: string, transportId: string, rtpParameters: never, signal: AbortSignal): Promise<void> {
    const view = await this.#deps.api.moveReceiver(id, { transportId, rtpParameters }, signal);
    this.#serverTransport = view.transportId ?? undefined;
  }

  #layersChanged(): void {
    if (!this.#closed) this.emit('layerschange');
  }

  #finish(error: WeirError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#over.abort();
    this.#leave();
    this.#layers.close();
    this.#producer?.close();
    this.#deps.onGone(this);
    this.emit('closed', error);
  }
}

/** Fires when the transport closes. */
function closing(transport: MediaTransport): AbortSignal {
  const controller = new AbortController();
  if (transport.closed) controller.abort();
  else transport.observer.once('close', () => controller.abort());
  return controller.signal;
}

/** Like `promise`, but rejects when the producer closes meanwhile. */
function whileAlive<T>(producer: types.Producer, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(WeirError.closed('The publication'));
    producer.observer.once('close', onClose);
    promise.then(resolve, reject).finally(() => producer.observer.removeListener('close', onClose));
  });
}

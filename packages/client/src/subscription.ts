import type { HysteresisSpec, LayersSpec, SenderExplanation, SenderView } from '@weir/protocol';
import type { types } from 'mediasoup-client';
import { Convergence } from './convergence.ts';
import { Emitter } from './emitter.ts';
import { WeirError } from './errors.ts';
import { mediaComes } from './media-comes.ts';
import type { MediaLink, MediaTransport } from './media-link.ts';
import type { PeerApi } from './peer-api.ts';
import type { RemoteTrack } from './remote.ts';
import { sameParameters } from './room-view.ts';

export type SubscriptionEvents = {
  /** There is a track, or another one after a move: render it. */
  track: [MediaStreamTrack];
  /** It is over; `error` unless it was unsubscribed or the remote track went away. */
  closed: [WeirError | undefined];
};

export interface SubscriptionDeps {
  api: PeerApi;
  link: MediaLink;
  signal: AbortSignal;
  random: () => number;
  onGone: (subscription: Subscription) => void;
}

interface Binding {
  transport: MediaTransport;
  consumer: types.Consumer;
  parameters: SenderView['rtpParameters'];
}

interface Coming extends Binding {
  /** Media has come, or will not. */
  ready: boolean;
}

/** What the server was last told about the sender. */
interface Told {
  enabled: boolean;
  layers: LayersSpec | null;
  priority: number;
  hysteresis: HysteresisSpec | null;
}

/** A remote track that comes to this browser. It survives lost connections and moves of either side. */
export class Subscription extends Emitter<SubscriptionEvents> {
  readonly remote: RemoteTrack;
  readonly #deps: SubscriptionDeps;
  readonly #convergence: Convergence;
  #binding: Binding | undefined;
  /** On the transport to move to: takes over once media comes there. */
  #coming: Coming | undefined;
  #arrived: (() => void)[] = [];
  #waitsFor: Coming | undefined;
  #stale = false;
  /** How often the browser refused it. */
  #refusals = 0;
  #newestParameters: SenderView['rtpParameters'] | undefined;
  #paused = false;
  #layers: LayersSpec | null = null;
  #priority = 1;
  #hysteresis: HysteresisSpec | null = null;
  #told: Told = { enabled: true, layers: null, priority: 1, hysteresis: null };
  #closed = false;

  constructor(remote: RemoteTrack, deps: SubscriptionDeps) {
    super();
    this.remote = remote;
    this.#deps = deps;
    this.#convergence = new Convergence({
      step: () => this.#step(),
      signal: deps.signal,
      random: deps.random,
    });
  }

  /** Id of the sender at the server. */
  get id(): string {
    return this.remote.senderId;
  }

  /** Undefined until the first connection is negotiated. */
  get track(): MediaStreamTrack | undefined {
    return this.#binding?.consumer.track;
  }

  get kind(): types.MediaKind {
    return this.remote.kind;
  }

  /** Whether this side has stopped it; `remote.paused` tells about the other side. */
  get paused(): boolean {
    return this.#paused;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Of the browser, for what the SDK does not cover; another one after each move. */
  get rtpReceiver(): RTCRtpReceiver | undefined {
    return this.#binding?.consumer.rtpReceiver;
  }

  /** Loudness as last heard, 0 to 1; undefined for video, and before the first packet. */
  get audioLevel(): number | undefined {
    if (this.kind !== 'audio') return undefined;
    return this.rtpReceiver?.getSynchronizationSources?.()[0]?.audioLevel;
  }

  /** Stops the flow of media, such as for a tile that nobody sees. */
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

  /** The best layer that is wanted, such as a low one for a small tile; `null`: the best that fits. */
  setPreferredLayers(layers: LayersSpec | null): Promise<void> {
    return this.#want(() => {
      this.#layers = layers;
    });
  }

  /** What `setPreferredLayers()` asked for last; null: the best that fits. */
  get preferredLayers(): LayersSpec | null {
    return this.#layers;
  }

  /** 1 (default) to 255: who gets bitrate first when there is too little. */
  setPriority(priority: number): Promise<void> {
    return this.#want(() => {
      this.#priority = priority;
    });
  }

  /** How readily layers change when the network does; what is left out, or all with `null`, has its default. */
  setHysteresis(hysteresis: HysteresisSpec | null): Promise<void> {
    return this.#want(() => {
      this.#hysteresis = hysteresis && { ...hysteresis };
    });
  }

  requestKeyFrame(): Promise<void> {
    if (this.#closed) return Promise.reject(WeirError.closed('The subscription'));
    return this.#deps.api.requestKeyFrame(this.id);
  }

  /**
   * Why the picture is as it is: what the network carries, the layers to choose from, and the one limit that decides,
   * as a code and as a sentence for people.
   */
  explain(): Promise<SenderExplanation> {
    if (this.#closed) return Promise.reject(WeirError.closed('The subscription'));
    return this.#deps.api.explainSender(this.id);
  }

  async unsubscribe(): Promise<void> {
    if (this.#closed) return;
    this.#finish(undefined);
    if (this.#deps.signal.aborted) return;
    await this.#deps.api.updateSender(this.id, { transportId: null }).catch((error: WeirError) => {
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

  /** @internal Resolves when nothing comes any more on a transport that is being left. */
  settled(): Promise<void> {
    if (!this.#coming) return Promise.resolve();
    return new Promise((resolve) => this.#arrived.push(resolve));
  }

  /** @internal The remote track is gone. */
  lost(): void {
    this.#finish(undefined);
  }

  /** @internal The source is sent with other parameters. */
  parametersChanged(parameters: SenderView['rtpParameters']): void {
    this.#newestParameters = parameters;
    this.converge().catch(() => {});
  }

  /** @internal Catching up after a gap: is what the server has what we think it has? */
  reconcile(view: SenderView): void {
    const binding = this.#binding;
    if (binding && !this.#coming && view.transportId !== binding.transport.id) this.#stale = true;
    this.parametersChanged(view.rtpParameters);
  }

  /** @internal */
  getStats(): Promise<RTCStatsReport> | undefined {
    const consumer = this.#binding?.consumer;
    return consumer && !consumer.closed ? consumer.getStats() : undefined;
  }

  #want(change: () => void): Promise<void> {
    if (this.#closed) return Promise.reject(WeirError.closed('The subscription'));
    change();
    return this.converge();
  }

  async #step(): Promise<void> {
    if (this.#closed || !this.remote.playable) return;
    const transport = await this.#deps.link.acquire();
    if (this.#closed) return;
    const newest = this.#newestParameters;
    this.#newestParameters = undefined;
    if (this.#binding && newest && !sameParameters(this.#binding.parameters, newest)) this.#stale = true;
    try {
      if (this.#stale || this.#binding?.transport !== transport || this.#binding.consumer.closed) {
        if (this.#mayOverlap(transport)) await this.#move(transport);
        else await this.#bind(transport);
      }
      await this.#tell();
    } catch (cause) {
      const error = cause as WeirError;
      if (error.code === 'sender-not-found') return; // Its `close` is on the way.
      if (error.code === 'media' && ++this.#refusals >= 2) {
        const detail = `This browser cannot play this track: ${error.detail}`;
        throw new WeirError({ code: 'unsupported', detail, cause });
      }
      if (error.code === 'transport-not-found') {
        this.#deps.link.lost(transport.id, 'the server does not know it');
      }
      throw error;
    }
  }

  /** Whether what is there can go on until the next transport has media. */
  #mayOverlap(transport: MediaTransport): boolean {
    const { link } = this.#deps;
    const now = this.#binding;
    if (this.#stale || !now || now.transport === transport) return false;
    if (this.#coming?.transport === transport && !this.#coming.consumer.closed) return true;
    return !now.consumer.closed && link.isLeaving(now.transport);
  }

  /** Goes over to another pod: first it comes from both, and once media is there, from the new one only. */
  async #move(transport: MediaTransport): Promise<void> {
    const { api } = this.#deps;
    const transportId = transport.id;
    let coming = this.#coming;
    if (coming?.transport !== transport || coming.consumer.closed) {
      coming?.consumer.close();
      const view = await api.moveSender(this.id, { transportId });
      if (this.#closed || view.rtpParameters.codecs.length === 0) return;
      const consumer = await this.#deps.link.consume(transport, {
        id: view.consumerId,
        producerId: view.receiverId,
        kind: view.kind,
        rtpParameters: view.rtpParameters as types.RtpParameters,
      });
      if (this.#closed) {
        consumer.close();
        return;
      }
      coming = { transport, consumer, parameters: view.rtpParameters, ready: view.moved };
      this.#coming = coming;
      // What came before the browser could take it was for nothing.
      if (this.kind === 'video') api.requestKeyFrame(this.id).catch(() => {});
    }
    if (!coming.ready) {
      void this.#await(coming);
      return;
    }
    await api.moveSender(this.id, { transportId, done: true });
    if (this.#closed) return;
    const previous = this.#binding;
    this.#binding = coming;
    this.#arrive();
    this.emit('track', coming.consumer.track);
    previous?.consumer.close();
  }

  /** Waits until media comes on the new transport, or none comes on the old one either. */
  async #await(coming: Coming): Promise<void> {
    if (this.#waitsFor === coming) return;
    this.#waitsFor = coming;
    const old = this.#binding?.consumer;
    await mediaComes(coming.consumer, old, () => this.#closed || this.#paused || this.remote.paused);
    if (this.#closed || this.#coming !== coming) return;
    coming.ready = true;
    this.converge().catch(() => {});
  }

  #arrive(): void {
    this.#coming = undefined;
    for (const resolve of this.#arrived.splice(0)) resolve();
  }

  async #bind(transport: MediaTransport): Promise<void> {
    const { api } = this.#deps;
    this.#coming?.consumer.close();
    this.#arrive();
    const previous = this.#binding;
    if (previous?.transport === transport) {
      // A consumer can't change: end this one and make the server offer anew, with another id and mid.
      previous.consumer.close();
      await api.updateSender(this.id, { transportId: null });
    }
    const view = await api.updateSender(this.id, { transportId: transport.id, enabled: false });
    this.#told.enabled = false;
    if (this.#closed || view.rtpParameters.codecs.length === 0) return;
    const consumer = await this.#deps.link.consume(transport, {
      id: view.consumerId,
      producerId: view.receiverId,
      kind: view.kind,
      rtpParameters: view.rtpParameters as types.RtpParameters,
    });
    if (this.#closed) {
      consumer.close();
      return;
    }
    previous?.consumer.close();
    this.#stale = false;
    this.#binding = { transport, consumer, parameters: view.rtpParameters };
    this.emit('track', consumer.track);
  }

  /** Enables it once the browser can take it, and tells what else changed. */
  async #tell(): Promise<void> {
    if (this.#closed || !this.#binding) return;
    const want: Told = {
      enabled: !this.#paused,
      layers: this.#layers,
      priority: this.#priority,
      hysteresis: this.#hysteresis,
    };
    const told = this.#told;
    const layersChanged =
      want.layers?.spatialLayer !== told.layers?.spatialLayer ||
      want.layers?.temporalLayer !== told.layers?.temporalLayer;
    const changes = {
      ...(want.enabled !== told.enabled && { enabled: want.enabled }),
      ...(layersChanged && { preferredLayers: want.layers }),
      ...(want.priority !== told.priority && { priority: want.priority }),
      ...(want.hysteresis !== told.hysteresis && { hysteresis: want.hysteresis }),
    };
    if (Object.keys(changes).length === 0) return;
    await this.#deps.api.updateSender(this.id, changes);
    this.#told = want;
  }

  #finish(error: WeirError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#binding?.consumer.close();
    this.#coming?.consumer.close();
    this.#arrive();
    this.#deps.onGone(this);
    this.emit('closed', error);
  }
}

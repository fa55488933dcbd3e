import type { IceServer } from '@weir/protocol';
import type { Device, types } from 'mediasoup-client';
import { backoffMs, streamBackoff, wait } from './backoff.ts';
import { WeirError } from './errors.ts';
import { Gate } from './gate.ts';
import type { History } from './history.ts';
import type { PeerApi } from './peer-api.ts';
import { countsOf, lookEveryMs, SilenceWatch } from './silence-watch.ts';

export type Direction = 'send' | 'recv';
export type MediaTransport = types.Transport;

/** What the media path of one direction is doing. */
export type LinkState =
  /** Nothing was asked of it yet. */
  | 'idle'
  /** A connection is being made: the first one, or one to move to while the old one still works. */
  | 'connecting'
  | 'up'
  /** It was up, or should be by now, and is being repaired. */
  | 'interrupted';

/** Announces RTP parameters to the server; answers the receiver's id. */
export type Register = (rtpParameters: types.RtpParameters) => Promise<string>;

export interface MediaLinkOptions {
  direction: Direction;
  device: Device;
  api: PeerApi;
  iceServers: readonly IceServer[];
  iceTransportPolicy: RTCIceTransportPolicy | undefined;
  signal: AbortSignal;
  random: () => number;
  history: History;
  onState: () => void;
  /** Whether media should come (for sending: go) now. */
  expected: () => boolean;
  /** The transport was given up: move to the next one. Resolves when all that could move has moved. */
  onRenew: () => Promise<void>;
}

/** A first connection that takes longer is worth telling. */
const slowMs = 8_000;
/** ICE often heals by itself within this. */
const selfHealingMs = 2_500;
/** A restarted ICE that is not connected by then did not work. */
const restartTimeoutMs = 5_000;
const restartsBeforeRenewal = 2;
/** A transport that held so long was a good one: the next renewal is not delayed. */
const goodTransportMs = 30_000;

/**
 * The media path of one direction: one mediasoup-client transport after another. It is made when first
 * needed, its ICE is restarted when it breaks, and it is replaced when it can't be saved or when the server
 * asks to move.
 */
export class MediaLink {
  readonly #options: MediaLinkOptions;
  readonly #registers = new Map<number, Register>();
  readonly #retired = new Map<string, MediaTransport>();
  /** Of those that were retired: their media may go on until it comes on the next one. */
  readonly #leaving = new Set<MediaTransport>();
  readonly #oneByOne = new Gate(1);
  #nextRegister = 1;
  #careful = false;
  #pending: Promise<MediaTransport> | undefined;
  #transport: MediaTransport | undefined;
  #state: LinkState = 'idle';
  #restarting = false;
  #restarts = 0;
  #renewals = 0;
  #upSince = 0;
  #notBefore = 0;
  #healing: ReturnType<typeof setTimeout> | undefined;
  #slow: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(options: MediaLinkOptions) {
    this.#options = options;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Id of the present transport, if there is one. */
  get transportId(): string | undefined {
    return this.#transport?.id;
  }

  /**
   * The present transport, made now if there is none. Ask again after each failure.
   *
   * @throws WeirError
   */
  acquire(): Promise<MediaTransport> {
    if (this.#transport?.closed) {
      this.#transport = undefined;
      this.#pending = undefined;
    }
    if (!this.#pending) {
      const pending = this.#create();
      this.#pending = pending;
      pending.catch(() => {
        if (this.#pending === pending) this.#pending = undefined;
      });
    }
    return this.#pending;
  }

  /** Sends a track; `register` tells the server. */
  async produce(
    transport: MediaTransport,
    options: types.ProducerOptions,
    register: Register,
  ): Promise<types.Producer> {
    const key = this.#nextRegister++;
    this.#registers.set(key, register);
    try {
      return await whileOpen(transport, transport.produce({ ...options, appData: { register: key } }));
    } catch (cause) {
      throw this.#negotiationFailed(transport, cause);
    } finally {
      this.#registers.delete(key);
    }
  }

  /** Receives a track. */
  async consume(transport: MediaTransport, options: types.ConsumerOptions): Promise<types.Consumer> {
    const consume = () => whileOpen(transport, transport.consume(options));
    try {
      return await (this.#careful ? this.#oneByOne.run(consume) : consume());
    } catch (cause) {
      throw this.#negotiationFailed(transport, cause);
    }
  }

  /** Whether media on this transport may go on until the next one has it. */
  isLeaving(transport: MediaTransport): boolean {
    return this.#leaving.has(transport) && !transport.closed;
  }

  /** The server closed one of our transports. */
  lost(transportId: string, reason: string): void {
    const retired = this.#retired.get(transportId);
    if (retired) {
      this.#retired.delete(transportId);
      retired.close();
    }
    if (this.#transport?.id === transportId) this.renew(`closed by the server: ${reason}`, false);
  }

  /**
   * Goes over to a new transport.
   *
   * @param alive whether the present one still carries media: it is kept until everything has moved; `overlap`: and
   * carries media until the next one does
   */
  renew(reason: string, alive: boolean | 'overlap'): void {
    const old = this.#transport;
    if (!old || this.#options.signal.aborted) return;
    this.#note(`gives up transport ${old.id}: ${reason}`);
    if (this.#upSince > 0 && Date.now() - this.#upSince > goodTransportMs) this.#renewals = 0;
    const attempt = this.#renewals++;
    this.#notBefore =
      attempt === 0 ? 0 : Date.now() + backoffMs(streamBackoff, attempt, this.#options.random());
    this.#transport = undefined;
    this.#pending = undefined;
    this.#upSince = 0;
    clearTimeout(this.#healing);
    if (alive) {
      // Media flows on while we move; that is told only if it takes long.
      this.#retired.set(old.id, old);
      if (alive === 'overlap') this.#leaving.add(old);
      this.#setConnecting();
    } else {
      old.close();
      this.#setState('interrupted');
    }
    void this.#options.onRenew().finally(() => {
      this.#retired.delete(old.id);
      this.#leaving.delete(old);
      old.close();
      if (this.#options.signal.aborted) return;
      this.#options.api.closeTransport(old.id).catch(() => {
        // It is gone already, or goes with the peer.
      });
      // Nobody needed another one.
      if (!this.#pending) this.#setState('idle');
    });
  }

  /** The machine's network changed: an interrupted path is worth a try at once. */
  nudge(): void {
    if (this.#state === 'interrupted' && this.#transport) void this.#restartIce(this.#transport);
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    return this.#transport && !this.#transport.closed ? this.#transport.getStats() : undefined;
  }

  close(): void {
    clearTimeout(this.#healing);
    clearTimeout(this.#slow);
    clearInterval(this.#watch);
    for (const transport of [...this.#retired.values(), this.#transport]) transport?.close();
    this.#retired.clear();
    this.#transport = undefined;
    this.#pending = Promise.reject(WeirError.closed('The session'));
    this.#pending.catch(() => {});
    this.#state = 'idle';
  }

  async #create(): Promise<MediaTransport> {
    const { api, device, direction, iceServers, iceTransportPolicy, signal } = this.#options;
    if (this.#state === 'idle') this.#setConnecting();
    const delay = this.#notBefore - Date.now();
    if (delay > 0) await wait(delay, signal);
    const view = await api.createTransport({ direction });
    if (signal.aborted) throw WeirError.closed('The session');
    const options = {
      id: view.id,
      iceParameters: view.iceParameters,
      iceCandidates: view.iceCandidates,
      dtlsParameters: view.dtlsParameters,
      iceServers: (view.iceServers.length > 0 ? view.iceServers : iceServers) as RTCIceServer[],
      ...(iceTransportPolicy && { iceTransportPolicy }),
    } as types.TransportOptions;
    let transport: MediaTransport;
    try {
      transport =
        direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
    } catch (cause) {
      throw WeirError.media('Creating a media transport', cause);
    }
    transport.on('connect', ({ dtlsParameters }, done, failed) => {
      api.connectTransport(view.id, { dtlsParameters }).then(done, failed);
    });
    transport.on('produce', ({ rtpParameters, appData }, done, failed) => {
      const register = this.#registers.get(appData.register as number);
      if (register) register(rtpParameters).then((id) => done({ id }), failed);
      else failed(WeirError.closed('The publication'));
    });
    transport.on('connectionstatechange', (state) => this.#onConnectionState(transport, state));
    this.#transport = transport;
    this.#restarts = 0;
    this.#listen(transport);
    this.#note(`has transport ${view.id}`);
    return transport;
  }

  /**
   * What the browser refused stays in mediasoup-client's SDP and makes all later negotiations of this
   * transport fail, so the others move to a clean one. mediasoup-client also negotiates several consumers at
   * once, and one that is refused takes the others down: from now on they come one by one, and only the
   * guilty one fails.
   */
  #negotiationFailed(transport: MediaTransport, cause: unknown): WeirError {
    if (cause instanceof WeirError) return cause;
    const error = WeirError.media('Negotiating media', cause);
    const harmless = error.code === 'unsupported' || cause instanceof TypeError || transport.closed;
    if (!harmless && transport === this.#transport) {
      this.#careful = true;
      this.renew(error.detail, true);
    }
    return error;
  }

  #onConnectionState(transport: MediaTransport, state: types.ConnectionState): void {
    if (transport !== this.#transport) return;
    this.#note(`transport ${transport.id} is ${state}`);
    clearTimeout(this.#healing);
    switch (state) {
      case 'connected':
        this.#restarts = 0;
        this.#upSince = Date.now();
        this.#setState('up');
        return;
      case 'disconnected':
        this.#setState('interrupted');
        this.#healing = setTimeout(() => void this.#restartIce(transport), selfHealingMs);
        return;
      case 'failed':
        this.#setState('interrupted');
        void this.#restartIce(transport);
        return;
      case 'new':
      case 'connecting':
      case 'closed':
        return;
    }
  }

  /** Looks whether media comes; when it stops, the server is asked at once what became of its media server. */
  #listen(transport: MediaTransport): void {
    const silence = new SilenceWatch(this.#options.direction === 'send');
    let busy = false;
    clearInterval(this.#watch);
    this.#watch = setInterval(async () => {
      if (busy || transport !== this.#transport || transport.closed) return;
      busy = true;
      try {
        const counts = countsOf(await transport.getStats());
        if (silence.look(counts, this.#options.expected(), Date.now())) await this.#ask(transport);
      } catch {
        // The transport closed, or the server does not answer: there is a next time.
      } finally {
        busy = false;
      }
    }, lookEveryMs);
  }

  async #ask(transport: MediaTransport): Promise<void> {
    const { pod } = await this.#options.api.checkTransport(transport.id);
    if (transport !== this.#transport) return;
    this.#note(`hears nothing on transport ${transport.id}; its media server is ${pod}`);
    if (pod === 'lost') this.renew('its media server is lost', false);
  }

  async #restartIce(transport: MediaTransport): Promise<void> {
    if (this.#restarting) return;
    this.#restarting = true;
    clearTimeout(this.#healing);
    try {
      while (transport === this.#transport && transport.connectionState !== 'connected') {
        if (this.#restarts >= restartsBeforeRenewal) {
          this.renew('ICE restarts did not help', false);
          return;
        }
        const { iceParameters } = await this.#options.api.restartIce(transport.id);
        if (transport !== this.#transport) return;
        this.#restarts++;
        this.#note(`restarts ICE of transport ${transport.id}`);
        await whileOpen(transport, transport.restartIce({ iceParameters }));
        await connectedWithin(transport, restartTimeoutMs);
      }
    } catch (cause) {
      if (transport === this.#transport) this.renew(`ICE restart failed: ${String(cause)}`, false);
    } finally {
      this.#restarting = false;
    }
  }

  #setConnecting(): void {
    this.#setState('connecting');
    clearTimeout(this.#slow);
    this.#slow = setTimeout(() => this.#setState('interrupted'), slowMs);
  }

  #setState(state: LinkState): void {
    if (this.#state === state) return;
    clearTimeout(this.#slow);
    this.#state = state;
    this.#options.onState();
  }

  #note(text: string): void {
    this.#options.history.add({ kind: 'media', text: `${this.#options.direction} ${text}` });
  }
}

/**
 * Like `promise`, but rejects when the transport closes: what is asked of a closed RTCPeerConnection may
 * never be answered.
 */
export function whileOpen<T>(transport: MediaTransport, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(WeirError.closed('The transport'));
    if (transport.closed) onClose();
    transport.observer.once('close', onClose);
    promise.then(resolve, reject).finally(() => transport.observer.removeListener('close', onClose));
  });
}

/** Resolves when the transport is connected or closed, or after `ms`. */
function connectedWithin(transport: MediaTransport, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      transport.removeListener('connectionstatechange', onState);
      transport.observer.removeListener('close', done);
      resolve();
    };
    const onState = (state: types.ConnectionState) => {
      if (state === 'connected') done();
    };
    const timer = setTimeout(done, ms);
    transport.on('connectionstatechange', onState);
    transport.observer.once('close', done);
    if (transport.closed || transport.connectionState === 'connected') done();
  });
}

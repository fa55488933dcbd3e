import type { JoinAnswer, LogEvent, PeerInfo, ReceiverView, Snapshot } from '@weir/protocol';
import type { Device } from 'mediasoup-client';
import type { ApiClient } from './api-client.ts';
import type { CloseReason, ConnectionInfo } from './connection.ts';
import { ConnectionMonitor } from './connection-monitor.ts';
import { Emitter } from './emitter.ts';
import { produceOptions } from './encodings.ts';
import { WeirError } from './errors.ts';
import { EventFeed } from './event-feed.ts';
import type { FeedMode } from './feed-policy.ts';
import type { History, HistoryEntry } from './history.ts';
import { MediaLink } from './media-link.ts';
import { watchPage } from './page.ts';
import type { PeerApi } from './peer-api.ts';
import { Publication, type PublishOptions } from './publication.ts';
import { ReceiverLedger } from './receiver-ledger.ts';
import type { RemotePeer, RemoteTrack } from './remote.ts';
import { type AutoSubscribe, RemoteMedia } from './remote-media.ts';
import type { SessionStats } from './stats.ts';
import { StatsSampler } from './stats-sampler.ts';
import type { Subscription } from './subscription.ts';

export interface AudioLevel {
  peerId: string;
  receiverId: string;
  /** dBov: 0 is the loudest, -127 silence. */
  audioLevel: number;
}

export type SessionEvents = {
  connectionstate: [ConnectionInfo];
  peerjoined: [RemotePeer];
  peerleft: [RemotePeer, string | undefined];
  trackadded: [RemoteTrack];
  trackremoved: [RemoteTrack];
  trackpaused: [RemoteTrack];
  trackresumed: [RemoteTrack];
  /** Another layer of it comes. */
  layerschange: [RemoteTrack];
  /** A remote track can be rendered: `subscription.track`. */
  subscribed: [Subscription];
  /** It has another MediaStreamTrack, after a move: render that one. */
  trackchanged: [Subscription];
  unsubscribed: [Subscription];
  /** A publication ended that nobody unpublished. */
  publicationclosed: [Publication, WeirError | undefined];
  audiolevels: [AudioLevel[]];
  /** Who speaks most; undefined: nobody, or oneself. */
  dominantspeaker: [RemotePeer | undefined];
  /** Something failed for good and the session goes on without it. */
  problem: [WeirError];
  /** Every line of the log, for what this class has no event for. */
  logevent: [LogEvent];
};

/** @internal */
export interface SessionDeps {
  client: ApiClient;
  api: PeerApi;
  device: Device;
  answer: JoinAnswer;
  history: History;
  over: AbortController;
  random: () => number;
  events: FeedMode;
  autoSubscribe: AutoSubscribe;
  iceTransportPolicy: RTCIceTransportPolicy | undefined;
}

/** One peer in one room, from `Weir.join` to `leave`. */
export class Session extends Emitter<SessionEvents> {
  readonly room: string;
  readonly self: PeerInfo;
  readonly #deps: SessionDeps;
  readonly #remote: RemoteMedia;
  readonly #publications = new Set<Publication>();
  readonly #ledger = new ReceiverLedger();
  readonly #send: MediaLink;
  readonly #recv: MediaLink;
  readonly #feed: EventFeed;
  readonly #stats: StatsSampler;
  readonly #streamId: string;
  readonly #monitor: ConnectionMonitor;

  /** @internal Use `Weir.join`. */
  constructor(deps: SessionDeps) {
    super();
    const { snapshot, peer, iceServers } = deps.answer;
    this.#deps = deps;
    this.room = snapshot.room.id;
    this.self = peer;
    this.#streamId = `weir-${peer.id}`;
    const expected = {
      send: () => this.publications.some(({ live, paused }) => live && !paused),
      recv: () => this.subscriptions.some(({ track, paused, remote }) => track && !paused && !remote.paused),
    };
    const link = (direction: 'send' | 'recv', users: () => Iterable<Publication | Subscription>) =>
      new MediaLink({
        direction,
        device: deps.device,
        api: deps.api,
        iceServers,
        iceTransportPolicy: deps.iceTransportPolicy,
        signal: deps.over.signal,
        random: deps.random,
        history: deps.history,
        onState: () => this.#monitor.refresh(),
        expected: expected[direction],
        onRenew: async () => {
          await Promise.allSettled([...users()].map((user) => user.converge()));
          await Promise.all([...users()].map((user) => user.settled()));
        },
      });
    this.#send = link('send', () => [...this.#publications].sort((a, b) => a.mid - b.mid));
    this.#recv = link('recv', () => this.#remote.subscriptions);
    this.#remote = this.#createRemoteMedia(snapshot);
    this.#monitor = new ConnectionMonitor(
      () =>
        (this.#send.state === 'interrupted' && this.#publications.size > 0) ||
        (this.#recv.state === 'interrupted' && this.#remote.subscribed),
      (info) => {
        deps.history.add({ kind: 'state', text: `${info.state}: ${info.sentence}` });
        this.emit('connectionstate', info);
      },
    );
    this.#stats = new StatsSampler({
      up: () => this.#send.getStats(),
      down: () => this.#recv.getStats(),
      publications: () => this.publications,
      subscriptions: () => this.subscriptions,
    });
    this.#feed = new EventFeed({
      api: deps.client,
      path: `${deps.api.path}/events`,
      cursor: snapshot.cursor,
      mode: deps.events,
      random: deps.random,
      onEvent: (event) => this.#onEvent(event),
      onUp: () => this.#monitor.setEventsUp(true),
      onDown: () => this.#monitor.setEventsUp(false),
      onEnd: (error) => this.#onFeedEnd(error),
    });
  }

  // ---- what there is

  get connection(): ConnectionInfo {
    return this.#monitor.info;
  }

  /** How events come at present: streaming may have fallen back to polling. */
  get eventMode(): FeedMode {
    return this.#feed.mode;
  }

  /** The others, in the order in which they joined. */
  get peers(): RemotePeer[] {
    return this.#remote.peers;
  }

  /** Everything that the others publish. */
  get tracks(): RemoteTrack[] {
    return this.#remote.tracks;
  }

  get publications(): Publication[] {
    return [...this.#publications];
  }

  get subscriptions(): Subscription[] {
    return this.#remote.subscriptions;
  }

  // ---- what can be done

  /**
   * Lets the others have a track. Resolves when the server has accepted it.
   *
   * @throws WeirError: `unsupported` (no common codec), `forbidden`, `limit-reached`, `closed` …
   */
  async publish(track: MediaStreamTrack, options: PublishOptions = {}): Promise<Publication> {
    if (this.#monitor.closed) throw WeirError.closed('The session');
    const publication = new Publication(track, options, {
      api: this.#deps.api,
      link: this.#send,
      signal: this.#deps.over.signal,
      random: this.#deps.random,
      produceOptions: produceOptions(this.#deps.device.sendRtpCapabilities, track, this.#streamId, options),
      onAbandoned: (transportId, mid) => this.#closeOrphan(this.#ledger.abandon(transportId, mid)),
      onGone: (gone) => {
        this.#publications.delete(gone);
        this.#monitor.refresh();
      },
    });
    this.#publications.add(publication);
    await publication.converge();
    if (this.#monitor.closed || publication.closed) throw WeirError.closed('The session');
    publication.on('closed', (error) => {
      if (error) this.emit('publicationclosed', publication, error);
    });
    return publication;
  }

  /**
   * Asks for a remote track. Resolves when `track` is there.
   *
   * @throws WeirError: `sender-not-found`, `unsupported`, `closed` …
   */
  async subscribe(remote: RemoteTrack | string): Promise<Subscription> {
    if (this.#monitor.closed) throw WeirError.closed('The session');
    return this.#remote.subscribe(remote);
  }

  /** Bitrate, loss and round trip since the last call. */
  stats(): Promise<SessionStats> {
    return this.#stats.look();
  }

  /** What happened lately, without secrets: attach it to a bug report. */
  history(): HistoryEntry[] {
    return this.#deps.history.entries();
  }

  /** Leaves the room. Local tracks are not stopped. Resolves when the server knows, or cannot be told. */
  async leave(): Promise<void> {
    if (this.#monitor.closed) return;
    this.#close('left');
    await this.#deps.api.leave().catch(() => {
      // The server will notice by itself.
    });
  }

  // ---- the life of it

  /** @internal Reads events and listens to the page. */
  start(): void {
    this.#feed.start();
    watchPage(this.#deps.over.signal, {
      onLeave: () => {
        this.#deps.api.farewell();
        this.#close('left');
      },
      onNudge: () => {
        this.#deps.client.nudge();
        this.#feed.nudge();
        this.#send.nudge();
        this.#recv.nudge();
      },
    });
  }

  #close(reason: CloseReason): void {
    if (this.#monitor.closed) return;
    this.#deps.over.abort();
    this.#feed.stop();
    this.#remote.close();
    for (const publication of this.publications) publication.lost(undefined);
    this.#send.close();
    this.#recv.close();
    this.#monitor.close(reason);
  }

  #onFeedEnd(error: WeirError): void {
    this.#deps.history.add({ kind: 'state', text: 'events ended', error: error.code });
    const reason = closeReasonOf(error);
    if (reason === 'error') {
      this.emit('problem', error);
      this.#deps.api.leave().catch(() => {});
    }
    this.#close(reason);
  }

  // ---- events

  #onEvent(event: LogEvent): void {
    if (!frequent.has(event.type)) {
      const text = `${event.type} ${event.target.kind} ${event.target.id} (${event.cursor})`;
      this.#deps.history.add({ kind: 'event', text });
    }
    this.#remote.apply(event);
    const { target, data } = event;
    const reason = typeof data.reason === 'string' ? data.reason : '';
    switch (event.type) {
      case 'close':
        if (target.kind === 'room') this.#close('room-closed');
        else if (target.kind === 'peer') this.#close(closeReasons[reason] ?? 'removed');
        // When a peer is closed, all that is its own goes first (object-model.md §1.6): nothing of that is
        // to be repaired, so look after the burst.
        else if (target.kind === 'transport') this.#afterBurst(() => this.#transportLost(target.id, reason));
        else if (target.kind === 'rtpreceiver') this.#afterBurst(() => this.#receiverLost(target.id, reason));
        break;
      case 'transport':
        if (target.kind !== 'rtpreceiver') break;
        this.publications.find(({ id }) => id === target.id)?.movedTo(String(data.transportId));
        break;
      case 'newrtpreceiver':
        this.#closeOrphan(this.#ledger.made(data as unknown as ReceiverView));
        break;
      case 'migrate':
        this.#migrate(data);
        // There is somewhere to go to now.
        this.#deps.client.nudge();
        break;
      case 'reset':
        this.#reconcile(data as unknown as Snapshot);
        break;
      case 'wantedlayers':
        this.#layersWanted(target.id, data.spatialLayers);
        break;
      case 'audiolevels':
        if (Array.isArray(data.levels)) this.emit('audiolevels', data.levels as AudioLevel[]);
        break;
      case 'dominantspeaker':
        this.emit('dominantspeaker', this.#remote.peer(String(data.peerId)));
        break;
      default:
        break;
    }
    this.emit('logevent', event);
  }

  #createRemoteMedia(snapshot: Snapshot): RemoteMedia {
    const { api, over, random, autoSubscribe } = this.#deps;
    const remote = new RemoteMedia(
      this.self.id,
      { api, link: this.#recv, signal: over.signal, random },
      autoSubscribe,
      {
        onPeer: (what, peer, reason) =>
          what === 'peerjoined' ? this.emit(what, peer) : this.emit(what, peer, reason),
        onTrack: (what, track) => this.emit(what, track),
        onSubscription: (what, subscription) => this.emit(what, subscription),
        onProblem: (error) => this.emit('problem', error),
        onChange: () => this.#monitor.refresh(),
      },
    );
    remote.load(snapshot);
    return remote;
  }

  #afterBurst(task: () => void): void {
    setTimeout(() => {
      if (!this.#monitor.closed) task();
    });
  }

  #transportLost(id: string, reason: string): void {
    this.#send.lost(id, reason);
    this.#recv.lost(id, reason);
  }

  #receiverLost(id: string, reason: string): void {
    this.#ledger.closed(id);
    const publication = this.publications.find((candidate) => candidate.id === id);
    if (!publication) return;
    // Without a living track nobody misses it now; it is published anew with the next one.
    if (reason === 'pod-lost' || !publication.live) {
      publication.forgotten();
      return;
    }
    const detail = `The server closed the publication${reason && `: ${reason}`}`;
    publication.lost(new WeirError({ code: 'receiver-not-found', detail }));
  }

  #layersWanted(id: string, spatialLayers: unknown): void {
    const publication = this.publications.find((candidate) => candidate.id === id);
    if (Array.isArray(spatialLayers)) publication?.layersWanted(spatialLayers as number[]);
  }

  /** A receiver for whose answer nobody waits any more. */
  #closeOrphan(id: string | undefined): void {
    if (id !== undefined) this.#deps.api.closeReceiver(id).catch(() => {});
  }

  #migrate(data: Record<string, unknown>): void {
    const ids = Array.isArray(data.transportIds) ? (data.transportIds as unknown[]) : undefined;
    // A pod that is lost carries nothing any more; one that is to be left does until we are away.
    const alive = data.reason === 'pod-lost' ? false : 'overlap';
    for (const link of [this.#send, this.#recv]) {
      if (!ids || ids.includes(link.transportId)) link.renew('the server asked to move', alive);
    }
  }

  /** After a gap in the log: what of ours does the server still have? */
  #reconcile(snapshot: Snapshot): void {
    const transports = new Set(snapshot.transports.map((transport) => transport.id as string));
    for (const link of [this.#send, this.#recv]) {
      const id = link.transportId;
      if (id !== undefined && !transports.has(id)) link.lost(id, 'not in the snapshot');
    }
    const receivers = new Set(snapshot.receivers.map((receiver) => receiver.id as string));
    for (const publication of this.publications) {
      if (publication.id !== '' && !receivers.has(publication.id)) publication.forgotten();
      // A word on layers may have got lost in the gap: too much is sent rather than too little.
      publication.layersWanted(undefined);
    }
    for (const { id, transportId } of snapshot.receivers) {
      if (transportId !== null) this.publications.find((one) => one.id === id)?.movedTo(transportId);
    }
    this.#remote.reconcile(snapshot);
  }
}

/** Come all the time, and would push everything else out of the history. */
const frequent: ReadonlySet<LogEvent['type']> = new Set(['audiolevels', 'dominantspeaker', 'score']);

/** Why a peer is closed, in the server's words. */
const closeReasons: Record<string, CloseReason> = {
  left: 'left',
  removed: 'removed',
  replaced: 'replaced',
  timeout: 'timeout',
  'room-closed': 'room-closed',
};

/** What the end of the events means for the session. */
function closeReasonOf(error: WeirError): CloseReason {
  if (error.code === 'room-closed' || error.code === 'room-not-found') return 'room-closed';
  if (error.status === 401 || error.status === 403) return 'unauthorized';
  if (error.status === 404 || error.status === 410 || error.status === 204) return 'removed';
  return 'error';
}

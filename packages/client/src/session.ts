import type { JoinAnswer, LogEvent, PeerInfo, SenderView, Snapshot } from '@weir/protocol';
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
import { RemotePeer, RemoteTrack } from './remote.ts';
import { RoomView, type ViewChange } from './room-view.ts';
import type { SessionStats } from './stats.ts';
import { StatsSampler } from './stats-sampler.ts';
import { Subscription } from './subscription.ts';

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
  autoSubscribe: boolean | ((track: RemoteTrack) => boolean);
  iceTransportPolicy: RTCIceTransportPolicy | undefined;
}

/** One peer in one room, from `Weir.join` to `leave`. */
export class Session extends Emitter<SessionEvents> {
  readonly room: string;
  readonly self: PeerInfo;
  readonly #deps: SessionDeps;
  readonly #view: RoomView;
  readonly #peers = new Map<string, RemotePeer>();
  readonly #tracks = new Map<string, RemoteTrack>();
  readonly #publications = new Set<Publication>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #abandoned = new Set<string>();
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
    this.#view = new RoomView(peer.id);
    for (const change of this.#view.reset(snapshot)) this.#store(change);
    const link = (direction: 'send' | 'recv', users: () => Iterable<{ converge(): Promise<void> }>) =>
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
        onRenew: async () => {
          await Promise.allSettled([...users()].map((user) => user.converge()));
        },
      });
    this.#send = link('send', () => [...this.#publications].sort((a, b) => a.mid - b.mid));
    this.#recv = link('recv', () => this.#subscriptions.values());
    this.#monitor = new ConnectionMonitor(
      () =>
        (this.#send.state === 'interrupted' && this.#publications.size > 0) ||
        (this.#recv.state === 'interrupted' && this.#subscriptions.size > 0),
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
    return [...this.#peers.values()];
  }

  /** Everything that the others publish. */
  get tracks(): RemoteTrack[] {
    return [...this.#tracks.values()];
  }

  get publications(): Publication[] {
    return [...this.#publications];
  }

  get subscriptions(): Subscription[] {
    return [...this.#subscriptions.values()];
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
      onAbandoned: (transportId, mid) => this.#abandoned.add(`${transportId}/${mid}`),
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
    const track = typeof remote === 'string' ? this.#tracks.get(remote) : remote;
    if (!track || this.#tracks.get(track.senderId) !== track) {
      throw new WeirError({ code: 'sender-not-found', detail: 'This track is not published any more' });
    }
    if (!track.playable) {
      throw new WeirError({ code: 'unsupported', detail: 'This browser has no codec for this track' });
    }
    const subscription = track.subscription ?? this.#newSubscription(track);
    await subscription.converge();
    if (!subscription.track || subscription.closed) throw WeirError.closed('The subscription');
    return subscription;
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
    for (const subscription of this.subscriptions) subscription.lost();
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
    this.#deps.history.add({
      kind: 'event',
      text: `${event.type} ${event.target.kind} ${event.target.id} (${event.cursor})`,
    });
    for (const change of this.#view.apply(event)) this.#store(change, true);
    const { target, data } = event;
    const reason = typeof data.reason === 'string' ? data.reason : '';
    switch (event.type) {
      case 'close':
        if (target.kind === 'room') this.#close('room-closed');
        else if (target.kind === 'peer') this.#close(reason === 'replaced' ? 'replaced' : 'removed');
        else if (target.kind === 'transport') this.#transportLost(target.id, reason);
        else if (target.kind === 'rtpreceiver') this.#receiverLost(target.id, reason);
        break;
      case 'newrtpreceiver':
        this.#dropIfAbandoned(data);
        break;
      case 'migrate':
        this.#migrate(data);
        break;
      case 'reset':
        this.#reconcile(data as unknown as Snapshot);
        break;
      case 'audiolevels':
        if (Array.isArray(data.levels)) this.emit('audiolevels', data.levels as AudioLevel[]);
        break;
      case 'dominantspeaker':
        this.emit('dominantspeaker', this.#peers.get(String(data.peerId)));
        break;
      default:
        break;
    }
    this.emit('logevent', event);
  }

  #store(change: ViewChange, tell = false): void {
    switch (change.type) {
      case 'peerjoined': {
        const peer = new RemotePeer(change.peer);
        this.#peers.set(peer.id, peer);
        if (tell) this.emit('peerjoined', peer);
        break;
      }
      case 'peerleft': {
        const peer = this.#peers.get(change.peer.id);
        this.#peers.delete(change.peer.id);
        if (peer && tell) this.emit('peerleft', peer, change.reason);
        break;
      }
      case 'senderadded':
        this.#senderAdded(change.sender, tell);
        break;
      case 'senderremoved':
        this.#senderRemoved(change.sender, tell);
        break;
      default:
        this.#senderChanged(change);
    }
  }

  #senderAdded(view: SenderView, tell: boolean): void {
    const peer = this.#peers.get(view.sourcePeerId);
    if (!peer) return;
    const track = new RemoteTrack(peer, view);
    this.#tracks.set(track.senderId, track);
    peer.trackMap.set(track.senderId, track);
    if (tell) this.emit('trackadded', track);
    this.#maybeSubscribe(track);
  }

  #senderRemoved(view: SenderView, tell: boolean): void {
    const track = this.#tracks.get(view.id);
    if (!track) return;
    this.#tracks.delete(track.senderId);
    track.peer.trackMap.delete(track.senderId);
    track.subscription?.lost();
    if (tell) this.emit('trackremoved', track);
  }

  #senderChanged(change: Exclude<ViewChange, { peer: PeerInfo }>): void {
    const track = this.#tracks.get(change.sender.id);
    if (!track) return;
    track.view = change.sender;
    if (change.type === 'senderpaused') this.emit('trackpaused', track);
    if (change.type === 'senderresumed') this.emit('trackresumed', track);
    if (change.type === 'senderlayers') this.emit('layerschange', track);
    if (change.type === 'senderparameters') {
      if (track.subscription) track.subscription.parametersChanged(change.sender.rtpParameters);
      else this.#maybeSubscribe(track);
    }
  }

  #maybeSubscribe(track: RemoteTrack): void {
    const { autoSubscribe } = this.#deps;
    const wanted = typeof autoSubscribe === 'function' ? autoSubscribe(track) : autoSubscribe;
    if (!wanted || !track.playable || track.subscription || this.#monitor.closed) return;
    this.#newSubscription(track)
      .converge()
      .catch(() => {
        // Told by the subscription's `closed`.
      });
  }

  #newSubscription(track: RemoteTrack): Subscription {
    const subscription = new Subscription(track, {
      api: this.#deps.api,
      link: this.#recv,
      signal: this.#deps.over.signal,
      random: this.#deps.random,
      onGone: (gone) => {
        this.#subscriptions.delete(gone.id);
        track.subscription = undefined;
        this.#monitor.refresh();
      },
    });
    track.subscription = subscription;
    this.#subscriptions.set(subscription.id, subscription);
    let first = true;
    subscription.on('track', () => {
      this.emit(first ? 'subscribed' : 'trackchanged', subscription);
      first = false;
    });
    subscription.on('closed', (error) => {
      if (!first) this.emit('unsubscribed', subscription);
      if (error && error.code !== 'closed') this.emit('problem', error);
    });
    return subscription;
  }

  #transportLost(id: string, reason: string): void {
    this.#send.lost(id, reason);
    this.#recv.lost(id, reason);
  }

  #receiverLost(id: string, reason: string): void {
    const publication = this.publications.find((candidate) => candidate.id === id);
    if (!publication) return;
    if (reason === 'pod-lost') {
      publication.forgotten();
      return;
    }
    const detail = `The server closed the publication${reason && `: ${reason}`}`;
    publication.lost(new WeirError({ code: 'receiver-not-found', detail }));
  }

  /** A receiver whose answer came too late for anybody to wait for it. */
  #dropIfAbandoned(data: Record<string, unknown>): void {
    const { id, transportId, rtpParameters } = data as {
      id?: string;
      transportId?: string;
      rtpParameters?: { mid?: string };
    };
    if (id === undefined || !this.#abandoned.delete(`${transportId}/${rtpParameters?.mid ?? ''}`)) return;
    this.#deps.api.closeReceiver(id).catch(() => {});
  }

  #migrate(data: Record<string, unknown>): void {
    const ids = Array.isArray(data.transportIds) ? (data.transportIds as unknown[]) : undefined;
    for (const link of [this.#send, this.#recv]) {
      if (!ids || ids.includes(link.transportId)) link.renew('the server asked to move', true);
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
    }
    for (const sender of snapshot.senders) this.#subscriptions.get(sender.id)?.reconcile(sender);
  }
}

/** What the end of the events means for the session. */
function closeReasonOf(error: WeirError): CloseReason {
  if (error.code === 'room-closed' || error.code === 'room-not-found') return 'room-closed';
  if (error.status === 401 || error.status === 403) return 'unauthorized';
  if (error.status === 404 || error.status === 410 || error.status === 204) return 'removed';
  return 'error';
}

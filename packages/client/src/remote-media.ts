import type { LogEvent, PeerInfo, SenderView, Snapshot } from '@weir/protocol';
import { WeirError } from './errors.ts';
import { RemotePeer, RemoteTrack } from './remote.ts';
import { RoomView, type ViewChange } from './room-view.ts';
import { Subscription, type SubscriptionDeps } from './subscription.ts';

/** What the others do, as it is told to the application. */
export interface RemoteMediaListener {
  onPeer: (what: 'peerjoined' | 'peerleft', peer: RemotePeer, reason?: string) => void;
  onTrack: (
    what: 'trackadded' | 'trackremoved' | 'trackpaused' | 'trackresumed' | 'layerschange',
    track: RemoteTrack,
  ) => void;
  onSubscription: (what: 'subscribed' | 'trackchanged' | 'unsubscribed', subscription: Subscription) => void;
  onProblem: (error: WeirError) => void;
  /** The set of subscriptions changed. */
  onChange: () => void;
}

/** Which remote tracks are wanted without being asked for. */
export type AutoSubscribe = boolean | ((track: RemoteTrack) => boolean);

/** The others in the room, what they publish, and what of it comes to us. */
export class RemoteMedia {
  readonly #view: RoomView;
  readonly #peers = new Map<string, RemotePeer>();
  readonly #tracks = new Map<string, RemoteTrack>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #deps: Omit<SubscriptionDeps, 'onGone'>;
  readonly #autoSubscribe: AutoSubscribe;
  readonly #listener: RemoteMediaListener;

  constructor(
    selfId: string,
    deps: Omit<SubscriptionDeps, 'onGone'>,
    autoSubscribe: AutoSubscribe,
    listener: RemoteMediaListener,
  ) {
    this.#view = new RoomView(selfId);
    this.#deps = deps;
    this.#autoSubscribe = autoSubscribe;
    this.#listener = listener;
  }

  get peers(): RemotePeer[] {
    return [...this.#peers.values()];
  }

  get tracks(): RemoteTrack[] {
    return [...this.#tracks.values()];
  }

  get subscriptions(): Subscription[] {
    return [...this.#subscriptions.values()];
  }

  get subscribed(): boolean {
    return this.#subscriptions.size > 0;
  }

  peer(id: string): RemotePeer | undefined {
    return this.#peers.get(id);
  }

  /** The first look at the room; nobody is told. */
  load(snapshot: Snapshot): void {
    for (const change of this.#view.reset(snapshot)) this.#store(change, false);
  }

  apply(event: LogEvent): void {
    const changes = this.#view.apply(event);
    for (const track of this.#tracks.values()) {
      track.view = this.#view.senders.get(track.senderId) ?? track.view;
    }
    for (const change of changes) this.#store(change, true);
  }

  /** After a gap: are our senders bound as we think? */
  reconcile(snapshot: Snapshot): void {
    for (const sender of snapshot.senders) this.#subscriptions.get(sender.id)?.reconcile(sender);
  }

  /** @throws WeirError */
  async subscribe(remote: RemoteTrack | string): Promise<Subscription> {
    const track = this.#tracks.get(typeof remote === 'string' ? remote : remote.senderId);
    if (!track || (typeof remote !== 'string' && track !== remote)) {
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

  close(): void {
    for (const subscription of this.subscriptions) subscription.lost();
  }

  #store(change: ViewChange, tell: boolean): void {
    switch (change.type) {
      case 'peerjoined': {
        const peer = new RemotePeer(change.peer);
        this.#peers.set(peer.id, peer);
        if (tell) this.#listener.onPeer('peerjoined', peer);
        break;
      }
      case 'peerleft': {
        const peer = this.#peers.get(change.peer.id);
        this.#peers.delete(change.peer.id);
        if (peer && tell) this.#listener.onPeer('peerleft', peer, change.reason);
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
    if (tell) this.#listener.onTrack('trackadded', track);
    this.#maybeSubscribe(track);
  }

  #senderRemoved(view: SenderView, tell: boolean): void {
    const track = this.#tracks.get(view.id);
    if (!track) return;
    this.#tracks.delete(track.senderId);
    track.peer.trackMap.delete(track.senderId);
    track.subscription?.lost();
    if (tell) this.#listener.onTrack('trackremoved', track);
  }

  #senderChanged(change: Exclude<ViewChange, { peer: PeerInfo }>): void {
    const track = this.#tracks.get(change.sender.id);
    if (!track) return;
    if (change.type === 'senderpaused') this.#listener.onTrack('trackpaused', track);
    if (change.type === 'senderresumed') this.#listener.onTrack('trackresumed', track);
    if (change.type === 'senderlayers') this.#listener.onTrack('layerschange', track);
    if (change.type === 'senderparameters') {
      if (track.subscription) track.subscription.parametersChanged(change.sender.rtpParameters);
      else this.#maybeSubscribe(track);
    }
  }

  #maybeSubscribe(track: RemoteTrack): void {
    const wanted =
      typeof this.#autoSubscribe === 'function' ? this.#autoSubscribe(track) : this.#autoSubscribe;
    if (!wanted || !track.playable || track.subscription || this.#deps.signal.aborted) return;
    this.#newSubscription(track)
      .converge()
      .catch(() => {
        // Told by the subscription's `closed`.
      });
  }

  #newSubscription(track: RemoteTrack): Subscription {
    const subscription = new Subscription(track, {
      ...this.#deps,
      onGone: (gone) => {
        this.#subscriptions.delete(gone.id);
        track.subscription = undefined;
        this.#listener.onChange();
      },
    });
    track.subscription = subscription;
    this.#subscriptions.set(subscription.id, subscription);
    let first = true;
    subscription.on('track', () => {
      this.#listener.onSubscription(first ? 'subscribed' : 'trackchanged', subscription);
      first = false;
    });
    subscription.on('closed', (error) => {
      if (!first) this.#listener.onSubscription('unsubscribed', subscription);
      if (error && error.code !== 'closed') this.#listener.onProblem(error);
    });
    return subscription;
  }
}

import type { LayersSpec, PeerInfo, SenderView } from '@weir/protocol';
import type { Subscription } from './subscription.ts';

/** Somebody else in the room. */
export class RemotePeer {
  readonly id: string;
  readonly name: string;
  readonly appData: Readonly<Record<string, unknown>>;
  /** @internal */
  readonly trackMap = new Map<string, RemoteTrack>();

  constructor(info: PeerInfo) {
    this.id = info.id;
    this.name = info.name;
    this.appData = info.appData;
  }

  /** What this peer publishes, oldest first. */
  get tracks(): RemoteTrack[] {
    return [...this.trackMap.values()];
  }
}

/** What somebody else publishes, subscribed or not. */
export class RemoteTrack {
  readonly peer: RemotePeer;
  /** @internal The newest word of the server. */
  view: SenderView;
  /** If this side wants it. */
  subscription: Subscription | undefined;

  constructor(peer: RemotePeer, view: SenderView) {
    this.peer = peer;
    this.view = view;
  }

  get senderId(): string {
    return this.view.id;
  }

  /** The publication's id; the same for everybody in the room. */
  get receiverId(): string {
    return this.view.receiverId;
  }

  get kind(): 'audio' | 'video' {
    return this.view.kind;
  }

  /** `simulcast` and `svc` come in layers, of which one can be preferred. */
  get type(): 'simple' | 'simulcast' | 'svc' {
    return this.view.type;
  }

  /** What the publisher said of it, such as `{ source: 'camera' }`. */
  get appData(): Readonly<Record<string, unknown>> {
    return this.view.appData;
  }

  /** Whether the publisher paused it. */
  get paused(): boolean {
    return this.view.receiverPaused;
  }

  /** False if this browser has no codec for it. */
  get playable(): boolean {
    return this.view.rtpParameters.codecs.length > 0;
  }

  /** Which layer comes at present, of a simulcast or SVC source. */
  get currentLayers(): LayersSpec | undefined {
    return this.view.currentLayers;
  }
}

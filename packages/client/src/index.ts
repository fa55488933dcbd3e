/** Browser SDK of Weir: rooms, publications and subscriptions over plain HTTP and WebRTC. */

export type { HysteresisSpec, LayersSpec, SenderExplanation } from '@weir/protocol';
export type { TokenSource } from './api-client.ts';
export type { CloseReason, ConnectionInfo, ConnectionState } from './connection.ts';
export { Emitter } from './emitter.ts';
export { WeirError, type WeirErrorCode } from './errors.ts';
export type { FeedMode } from './feed-policy.ts';
export type { HistoryEntry } from './history.ts';
export type { PublishedLayer } from './layer-switch.ts';
export type { Publication, PublicationEvents, PublishOptions } from './publication.ts';
export type { RemotePeer, RemoteTrack } from './remote.ts';
export type { AudioLevel, Session, SessionEvents } from './session.ts';
export type { DirectionStats, SessionStats, TrackStats } from './stats.ts';
export type { Subscription, SubscriptionEvents } from './subscription.ts';
export { type JoinOptions, join, Weir } from './weir.ts';

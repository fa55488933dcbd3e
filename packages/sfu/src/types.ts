declare const brand: unique symbol;

/** A number that can't be mistaken for the id of another kind of object. */
type Id<Kind extends string> = number & { readonly [brand]: Kind };

export type RoomId = Id<'Room'>;
export type PeerId = Id<'Peer'>;
export type TransportId = Id<'Transport'>;
export type RtpReceiverId = Id<'RtpReceiver'>;
export type RtpSenderId = Id<'RtpSender'>;

/** Free for the application; kept by reference, never read by Weir. */
export type AppData = Record<string, unknown>;

export type { Layers, TransportTuple };

import type { LayersSpec as Layers, TransportTuple } from '@weir/protocol';

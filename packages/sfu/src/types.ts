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

/** Both ends of the way that packets take. */
export interface TransportTuple {
  localIP: string;
  localPort: number;
  remoteIP: string;
  remotePort: number;
  protocol: 'udp' | 'tcp';
}

/** Layers of a simulcast or SVC source, from 0, the lowest. */
export interface Layers {
  /** Which stream, or spatial layer. */
  spatialLayer: number;
  /** Which frame rate; default: the highest. */
  temporalLayer?: number | undefined;
}

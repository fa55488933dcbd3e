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

/** How readily an RtpSender changes its layers; what is left out has its default. */
export interface Hysteresis {
  /** Share of a better layer's cost that must be to spare before it is taken: 0 to 2, default 0.12. */
  upMargin?: number | undefined;
  /** Share of its cost by which the present layer may be too big and is kept: 0 to 0.5, default 0.08. */
  downMargin?: number | undefined;
  /** No better layer so soon after one was given up: 0 to 120000 ms, default 700. */
  upHoldMs?: number | undefined;
  /** A layer that is a little too big is kept so long: 0 to 30000 ms, default 1500. */
  downHoldMs?: number | undefined;
}

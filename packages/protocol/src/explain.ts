import { z } from 'zod';
import { SenderId } from './ids.ts';
import { HysteresisSpec, LayersSpec, MediaKind } from './media.ts';

/** Why a sender forwards what it forwards: what the media side knows, and the answer made of it for people. */

const bps = z.number().int().nonnegative();

/** Bandwidth of a transport towards its endpoint. */
export const BandwidthExplanation = z.object({
  /** Bits per second that the network is believed to carry; absent until something is known. */
  estimateBps: bps.optional(),
  /** Bits per second that may be sent; absent = not limited. */
  availableBps: bps.optional(),
  /**
   * What sets `availableBps`: the delay or the loss that packets meet, no word from the endpoint (`silence`), its
   * REMB, what is believed at the start (`initial`), the application's `minimum` or `maximum`, or nothing (`none`).
   */
  limit: z.enum(['initial', 'delay', 'loss', 'silence', 'minimum', 'maximum', 'remb', 'none']),
  /** Bits per second that arrive there; 0 = unknown. */
  acknowledgedBps: bps,
  /** Bits per second that all senders of the transport were given, sound included. */
  allocatedBps: bps,
  /** Bits per second that would satisfy all of them. */
  wantedBps: bps,
  /** How long packets wait on the way, beyond the least delay seen. */
  queueMs: z.number().nonnegative(),
  /** Share of packets that get lost, 0 to 1. */
  lossFraction: z.number().min(0).max(1),
  rttMs: z.number().nonnegative(),
  /**
   * Packets of pictures that were held back for a moment so far, since they came faster than the path takes them, and
   * for how long on average; absent = none.
   */
  paced: z.object({ packets: z.number().int().positive(), averageMs: z.number().nonnegative() }).optional(),
});
export type BandwidthExplanation = z.infer<typeof BandwidthExplanation>;

/** A way to forward the source: everything up to these layers. */
export const LayerCandidate = z.object({
  spatialLayer: z.number().int().nonnegative(),
  temporalLayer: z.number().int().nonnegative(),
  bitrateBps: bps,
});
export type LayerCandidate = z.infer<typeof LayerCandidate>;

/** A spatial layer that the publisher announced: an encoding of simulcast, or a layer within the one stream. */
export const SourceLayer = z.object({
  spatialLayer: z.number().int().nonnegative(),
  rid: z.string().optional(),
  /** Whether packets of it come. */
  live: z.boolean(),
  /** Bits per second that come now. */
  bitrateBps: bps,
});
export type SourceLayer = z.infer<typeof SourceLayer>;

/** Answer of a media worker to `inspect` with `what: 'explain'`, per sender. */
export const MediaExplanation = z.object({
  /** The transport has keys and a path. */
  connected: z.boolean(),
  /** Its source is not among the loudest of the room, and only those are forwarded. */
  heldBack: z.boolean().optional(),
  transport: BandwidthExplanation,
  /** From low to high. */
  source: z.array(SourceLayer),
  /** What could be forwarded now, from low to high; one if there is no choice. */
  candidates: z.array(LayerCandidate),
  /** null = nothing fits, or nothing comes. */
  allocated: LayersSpec.nullable(),
  /** What goes out; null = nothing. */
  current: LayersSpec.nullable(),
  allocatedBps: bps,
  /** What keeps it from a better candidate. */
  limit: z.enum(['none', 'preference', 'source', 'bandwidth', 'maximum', 'hysteresis', 'priority']),
  /** What the transport would have to carry in all for the next better candidate; absent if there is none. */
  neededBps: bps.optional(),
  /** With `hysteresis`: until the next candidate is tried again. */
  retryInMs: z.number().nonnegative().optional(),
  /** The layer to forward begins with the next key frame, which has not come yet. */
  awaitsKeyFrame: z.boolean(),
  /** How long ago that key frame was asked for. */
  keyFrameWantedForMs: z.number().nonnegative().optional(),
});
export type MediaExplanation = z.infer<typeof MediaExplanation>;

/** The one thing that decides what a sender forwards. Codes are stable; the first that holds is told. */
export const SenderLimit = z.enum([
  /** The endpoint has no codec for it. */
  'unsupported',
  /** It is bound to no transport. */
  'unbound',
  /** The viewer has disabled it. */
  'disabled',
  /** The publisher has paused the receiver. */
  'receiver-paused',
  /** The receiver has no transport, or no parameters yet. */
  'receiver-unbound',
  /** The media pod does not answer, or does not hold it yet. */
  'pod-silent',
  /** The viewer's transport is not connected. */
  'not-connected',
  /** The publisher sends no packets. */
  'source-silent',
  /** Only the loudest of the room are forwarded, and its source is not among them. */
  'not-loudest',
  /** What is to be forwarded begins with a key frame that has not come yet. */
  'key-frame',
  /** The network carries no more. */
  'bandwidth',
  /** The application's ceiling for the transport. */
  'maximum',
  /** Senders of greater priority come first. */
  'priority',
  /** It would fit, but was given up a short while ago. */
  'hysteresis',
  /** The viewer prefers no more. */
  'preference',
  /** The publisher sends nothing better. */
  'source',
  /** It gets the best there is. */
  'none',
]);
export type SenderLimit = z.infer<typeof SenderLimit>;

/** Answer of `GET …/senders/{sender}/explain`. */
export const SenderExplanation = z.object({
  senderId: SenderId,
  kind: MediaKind,
  /** The one limit that decides, as a stable code and as a sentence for people. */
  limit: z.object({ code: SenderLimit, sentence: z.string() }),
  /** Whether packets go out. */
  forwarding: z.boolean(),
  /** What the viewer asked for; absent = the best there is. */
  preferredLayers: LayersSpec.optional(),
  /** The highest layers that the publisher announced and the viewer does not mind; null for sound. */
  wantedLayers: LayersSpec.nullable(),
  /** What the bitrate allows; null = nothing. */
  allocatedLayers: LayersSpec.nullable(),
  /** What goes out; null = nothing. */
  currentLayers: LayersSpec.nullable(),
  /** Bits per second that were allocated to it. */
  allocatedBps: bps,
  candidates: z.array(LayerCandidate),
  source: z.array(SourceLayer),
  /** 1 to 255; greater gets bitrate first. */
  priority: z.number().int(),
  /** How readily layers change, defaults included. */
  hysteresis: HysteresisSpec.required(),
  /** Absent while no transport or no pod can tell. */
  transport: BandwidthExplanation.optional(),
});
export type SenderExplanation = z.infer<typeof SenderExplanation>;

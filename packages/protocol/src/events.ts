import { z } from 'zod';
import { Cursor } from './ids.ts';

/** Every event type a peer can find in its log (object-model.md §1.5, architecture.md §4). */
export const EventType = z.enum([
  'newpeer',
  'peerclose',
  'capabilities',
  'newtransport',
  'newrtpreceiver',
  'newrtpsender',
  'close',
  'iceselectedtuplechange',
  'icestatechange',
  'dtlsstatechange',
  'parameters',
  'parameterschange',
  'transport',
  'activechange',
  'receiverpause',
  'receiverresume',
  'layerschange',
  'score',
  'videoorientationchange',
  'wantedlayers',
  'audiolevels',
  'dominantspeaker',
  'migrate',
  'reset',
]);
export type EventType = z.infer<typeof EventType>;

/** The object an event belongs to: `rtpsender` 12345678 emitted `activechange`. */
export const EventTarget = z.object({
  kind: z.enum(['room', 'peer', 'transport', 'rtpreceiver', 'rtpsender']),
  id: z.string(),
});
export type EventTarget = z.infer<typeof EventTarget>;

/**
 * One line of a peer's log. `data` by type:
 * - newpeer, peerclose (target room): PeerInfo, `reason` with peerclose
 * - capabilities (target peer): WireRtpCapabilities, effective
 * - newtransport: `{ id }` · newrtpreceiver: ReceiverView · newrtpsender: SenderView
 * - close (any target): `{ reason? }`
 * - icestatechange, dtlsstatechange: `{ state }` · iceselectedtuplechange: TransportTuple
 * - parameters, parameterschange: `{ rtpParameters, active? }` · transport: `{ transportId }`
 * - activechange: `{ active }` · layerschange: `{ layers }` · score: `{ score … }`
 * - audiolevels: `{ levels: [{ receiverId, peerId, audioLevel }] }`
 * - wantedlayers (target rtpreceiver): `{ spatialLayers }`, rising: nobody has a use for the others, so the publisher
 *   need not send them; only the newest is kept
 * - dominantspeaker (target room): `{ receiverId, peerId }`, somebody else speaks now
 * - reset: Snapshot, in place of events that are no longer kept
 */
export const LogEvent = z.object({
  cursor: Cursor,
  type: EventType,
  target: EventTarget,
  /** Milliseconds since 1970, at commit. */
  time: z.number().int(),
  data: z.record(z.string(), z.unknown()),
});
export type LogEvent = z.infer<typeof LogEvent>;

export const EventPage = z.object({
  events: z.array(LogEvent),
  /** Pass as `after` next time. */
  cursor: Cursor,
});
export type EventPage = z.infer<typeof EventPage>;

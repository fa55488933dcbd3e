import { z } from 'zod';

/**
 * Ids as they travel over HTTP. Objects of a room carry v1's numeric ids (object-model.md §1.2); on the
 * wire they are decimal strings because mediasoup-client insists on strings (§15.1).
 */
const numericId = z.string().regex(/^[1-9][0-9]{7}$/, 'must be an id of 8 digits, as Weir returned it');

export const RoomId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must be 1 to 64 characters of A-Z a-z 0-9 _ . -')
  .brand<'RoomId'>();
export type RoomId = z.infer<typeof RoomId>;

export const PeerId = numericId.brand<'PeerId'>();
export type PeerId = z.infer<typeof PeerId>;
export const TransportId = numericId.brand<'TransportId'>();
export type TransportId = z.infer<typeof TransportId>;
export const ReceiverId = numericId.brand<'ReceiverId'>();
export type ReceiverId = z.infer<typeof ReceiverId>;
export const SenderId = numericId.brand<'SenderId'>();
export type SenderId = z.infer<typeof SenderId>;

/** A pod's name: stable for one process life, chosen by configuration or at random. */
export const PodId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/)
  .brand<'PodId'>();
export type PodId = z.infer<typeof PodId>;

/** The name a person or program joins with; unique among the living peers of a room. */
export const PeerName = z.string().min(1).max(128);
export type PeerName = z.infer<typeof PeerName>;

/** Position in one peer's event log. Opaque for clients; decimal text of the sequence number. */
export const Cursor = z.string().regex(/^[0-9]{1,15}$/, 'must be a cursor that Weir returned');
export type Cursor = z.infer<typeof Cursor>;

import { z } from 'zod';
import { RoomId } from './ids.ts';

/** What an application's backend can hear of a room. */
export const WebhookEventType = z.enum([
  'room.created',
  'room.closed',
  'peer.joined',
  'peer.left',
  'receiver.created',
  'receiver.closed',
  'receiver.paused',
  'receiver.resumed',
]);
export type WebhookEventType = z.infer<typeof WebhookEventType>;

/** Where a room's own webhook is called. */
export const RoomWebhook = z.object({
  url: z.string().max(2048),
  /** Default: all. */
  events: z.array(WebhookEventType).min(1).max(WebhookEventType.options.length).optional(),
});
export type RoomWebhook = z.infer<typeof RoomWebhook>;

/**
 * The body of a webhook call. `data` by type:
 * - room.created: `{ metadata }` · room.closed: `{ reason }`
 * - peer.joined, peer.left: `{ id, name, appData, reason? }`
 * - receiver.…: `{ id, peerId, kind, appData, reason? }`
 */
export const WebhookEvent = z.object({
  type: WebhookEventType,
  /** ISO 8601, at commit. */
  timestamp: z.string(),
  room: RoomId,
  /** Rises by one with each line of the room's log, so that a receiver can see what it missed. */
  seq: z.number().int(),
  data: z.record(z.string(), z.unknown()),
});
export type WebhookEvent = z.infer<typeof WebhookEvent>;

/** A room that one webhook has not heard all of. */
export const WebhookBacklog = z.object({
  endpoint: z.string(),
  room: RoomId,
  url: z.string(),
  /** Lines of the room's log that wait. */
  waiting: z.number().int(),
  /** Failed attempts at the first of them. */
  attempts: z.number().int(),
  nextAt: z.number().int(),
  lastError: z.string(),
});
export type WebhookBacklog = z.infer<typeof WebhookBacklog>;

export const WebhookList = z.object({
  endpoints: z.array(z.object({ id: z.string(), url: z.string(), events: z.array(WebhookEventType) })),
  backlog: z.array(WebhookBacklog),
});
export type WebhookList = z.infer<typeof WebhookList>;

/** A line that was given up. */
export const WebhookDeadLetter = z.object({
  id: z.string(),
  endpoint: z.string(),
  url: z.string(),
  event: WebhookEvent,
  /** Milliseconds since 1970. */
  failedAt: z.number().int(),
  attempts: z.number().int(),
  lastError: z.string(),
});
export type WebhookDeadLetter = z.infer<typeof WebhookDeadLetter>;

export const WebhookDeadLetterList = z.object({
  deadLetters: z.array(WebhookDeadLetter),
  next: z.string().optional(),
});
export type WebhookDeadLetterList = z.infer<typeof WebhookDeadLetterList>;

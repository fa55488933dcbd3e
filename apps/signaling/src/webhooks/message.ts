import type { RoomEvent } from '@weir/db';
import type { RoomId, WebhookEvent } from '@weir/protocol';

/** What identifies a line wherever and however often it is delivered. Room ids have no `~`, message ids no `.`. */
export function messageId({ roomId, seq }: Pick<RoomEvent, 'roomId' | 'seq'>): string {
  return `evt_${roomId.replaceAll('.', '~')}_${seq}`;
}

/** A line as it is sent. The same line always gives the same. */
export function webhookEvent({ type, roomId, seq, data, createdAt }: RoomEvent): WebhookEvent {
  return { type, timestamp: new Date(createdAt).toISOString(), room: roomId as RoomId, seq, data };
}

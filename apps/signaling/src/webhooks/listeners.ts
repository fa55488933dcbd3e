import type { RoomDetails, RoomListener, WebhookCursor } from '@weir/db';
import { roomEndpoint, type WebhookEndpoint, type WebhookSettings } from './settings.ts';

/** Who is to hear of a room: the webhooks of the deployment, and its own. */
export function listenersOf(settings: WebhookSettings, details: RoomDetails): RoomListener[] {
  const { webhook } = details;
  return [
    ...settings.endpoints.map(({ id, events }) => ({ endpointId: id, url: '', events })),
    ...(webhook === undefined
      ? []
      : [{ endpointId: roomEndpoint, url: webhook.url, events: webhook.events }]),
  ];
}

/** Where a cursor's lines go; undefined = its webhook is not configured here any more. */
export function endpointOf(
  settings: WebhookSettings,
  {
    endpointId,
    url,
    events,
  }: Pick<WebhookCursor, 'endpointId' | 'url'> & { events?: WebhookCursor['events'] },
): WebhookEndpoint | undefined {
  if (endpointId === roomEndpoint) {
    return { id: roomEndpoint, url, events: events ?? undefined, secrets: settings.secrets };
  }
  const endpoint = settings.endpoints.find(({ id }) => id === endpointId);
  if (endpoint === undefined || endpoint.secrets.length > 0) return endpoint;
  return { ...endpoint, secrets: settings.secrets };
}

/** An address as it may stand in answers and logs: what is secret about it stands behind its path. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

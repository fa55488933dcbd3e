import type { RoomWebhook } from '@weir/protocol';
import { ProblemError } from '../problem.ts';
import type { WebhookSettings } from './settings.ts';
import { whyNotUrl } from './target.ts';

/** Refuses a room's own webhook that could not be called. @throws ProblemError `invalid-parameter` */
export function requireWebhook(settings: WebhookSettings, webhook: RoomWebhook | undefined): void {
  if (webhook === undefined) return;
  if (settings.secrets.length === 0) {
    throw new ProblemError(
      'invalid-parameter',
      'webhook: there is nothing here to sign it with; set WEIR_WEBHOOK_SECRETS.',
      { field: 'webhook' },
    );
  }
  const reason = whyNotUrl(webhook.url, settings);
  if (reason !== undefined) {
    throw new ProblemError('invalid-parameter', `webhook.url: ${reason}.`, { field: 'webhook.url' });
  }
}

import { createHmac } from 'node:crypto';
import type { WebhookEvent } from '@weir/protocol';
import type { WebhookAnswer, WebhookSender } from '../src/webhooks/sender.ts';

export const secrets = [
  `whsec_${Buffer.from('a webhook secret for tests, long').toString('base64')}`,
  `whsec_${Buffer.from('another webhook secret for tests').toString('base64')}`,
] as const;

export interface Received {
  readonly url: string;
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly event: WebhookEvent;
}

/** An application's backend, which keeps all that it hears and answers as the test says. */
export class Receiver {
  readonly got: Received[] = [];
  /** Calls that have not been answered. */
  open = 0;
  mostOpen = 0;
  answer: (call: Received) => WebhookAnswer | Promise<WebhookAnswer> = () => ({ status: 204 });

  readonly send: WebhookSender = async (url, { headers, body }) => {
    const call = { url, id: headers['webhook-id']!, headers, body, event: JSON.parse(body) };
    this.got.push(call);
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    try {
      return await this.answer(call);
    } finally {
      this.open -= 1;
    }
  };

  types(room?: string): string[] {
    return this.got.flatMap(({ event }) => (room === undefined || event.room === room ? [event.type] : []));
  }
}

/** Every signature of a call that is right for one of the secrets, by a second implementation. */
export function rightSignatures({ id, headers, body }: Received, keys: readonly string[]): number {
  const signed = `${id}.${headers['webhook-timestamp']}.${body}`;
  const right = keys.map((key) => {
    const bytes = Buffer.from(key.slice('whsec_'.length), 'base64');
    return `v1,${createHmac('sha256', bytes).update(signed).digest('base64')}`;
  });
  return headers['webhook-signature']!.split(' ').filter((one) => right.includes(one)).length;
}

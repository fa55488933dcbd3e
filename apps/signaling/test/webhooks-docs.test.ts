import { readFileSync } from 'node:fs';
import { WebhookEventType } from '@weir/protocol';
import { expect, it } from 'vitest';
import { environment } from '../src/config.ts';
import { messageId, webhookEvent } from '../src/webhooks/message.ts';
import { signatureHeaders } from '../src/webhooks/signature.ts';
import { secrets } from './webhook-receiver.ts';

const text = readFileSync(new URL('../../../docs/webhooks.md', import.meta.url), 'utf8');
type Verify = (headers: Record<string, string>, body: string, secret: string) => unknown;

it('the sample of docs/webhooks.md takes what Weir signs, with either secret, and nothing else', async () => {
  const sample = /```js\n([\s\S]*?)```/.exec(text)![1]!;
  const { verify } = (await import(`data:text/javascript,${encodeURIComponent(sample)}`)) as {
    verify: Verify;
  };
  const line = { roomId: 'a.b', seq: 7, type: 'peer.joined' as const, data: { name: 'Zoë' }, createdAt: 0 };
  const body = JSON.stringify(webhookEvent(line));
  const headers = await signatureHeaders(secrets, { id: messageId(line), body }, Date.now());
  for (const secret of secrets) expect(verify(headers, body, secret)).toEqual(JSON.parse(body));
  const other = `whsec_${Buffer.from('a secret that signed nothing at all').toString('base64')}`;
  expect(() => verify(headers, body, other)).toThrow(/not signed/);
  expect(() => verify(headers, body.replace('Zoë', 'Eve'), secrets[0])).toThrow(/not signed/);
  expect(() => verify({ ...headers, 'webhook-id': 'evt_a~b_8' }, body, secrets[0])).toThrow(/not signed/);
  const old = await signatureHeaders(secrets, { id: messageId(line), body }, Date.now() - 600_000);
  expect(() => verify(old, body, secrets[0])).toThrow(/too old/);
});

it('docs/webhooks.md names every type and every variable', () => {
  for (const type of WebhookEventType.options) expect(text).toContain(`\`${type}\``);
  for (const name of Object.keys(environment).filter((one) => one.includes('WEBHOOK'))) {
    expect(text).toContain(name);
  }
});

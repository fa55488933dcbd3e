import { canonicalAddress, reachOf } from '../rooms/remote-address.ts';
import type { WebhookSettings } from './settings.ts';

/**
 * Why a URL may not be called; undefined = it may. What a name leads to is found out by whoever connects, and checked
 * there with `whyNotAddress()`.
 */
export function whyNotUrl(
  text: string,
  settings: Pick<WebhookSettings, 'allowHttp' | 'allowPrivate'>,
): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https:';
  if (url.protocol === 'http:' && !settings.allowHttp) {
    return 'must begin with https: (WEIR_WEBHOOK_ALLOW_HTTP=1 allows http:)';
  }
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host)) return whyNotAddress(host, settings);
  const local = host === 'localhost' || /\.(localhost|local|internal)$/.test(host) || !host.includes('.');
  if (local && !settings.allowPrivate) return `must not lead to ${host} ${remedy}`;
  return undefined;
}

/** Why an IP address may not be called; undefined = it may. */
export function whyNotAddress(
  ip: string,
  { allowPrivate }: Pick<WebhookSettings, 'allowPrivate'>,
): string | undefined {
  const reach = reachOf(ip);
  if (reach === 'unusable') return `must not lead to ${canonicalAddress(ip)}`;
  if (reach === 'private' && !allowPrivate) return `must not lead to ${canonicalAddress(ip)} ${remedy}`;
  return undefined;
}

const remedy = '(WEIR_WEBHOOK_ALLOW_PRIVATE=1 allows private networks and this machine)';

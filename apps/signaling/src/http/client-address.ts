import type { Context } from 'hono';
import { canonicalAddress, reachOf } from '../rooms/remote-address.ts';

/**
 * The address a request came from, as far as it can be believed; `unknown` if there is none. What a client writes
 * into headers counts only where a proxy of ours has had its hands on them.
 */
export function clientAddress(c: Context): string {
  const socket = (c.env as NodeBindings | undefined)?.incoming?.socket?.remoteAddress;
  // Without a socket it is Cloudflare who calls, and who overwrites this header.
  if (socket === undefined) return c.req.header('cf-connecting-ip') ?? 'unknown';
  const address = canonicalAddress(socket.replace(/%.*$/, ''));
  if (reachOf(address) === 'public') return address;
  // The nearest proxy appends whom it was called by; what is left of that anybody may have written.
  return c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() || address;
}

/** What the Node server passes along with a request. */
interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
}

import type { Context } from 'hono';
import { canonicalAddress, reachOf } from '../rooms/remote-address.ts';

/**
 * The address a request came from, as far as it can be believed; `unknown` if there is none. What a client writes
 * into headers counts only where a proxy of ours has had its hands on them.
 */
export function clientAddress(c: Context): string {
  const env = c.env as Bindings | undefined;
  const { requestContext } = env ?? {};
  if (requestContext !== undefined) {
    const { http, identity } = requestContext;
    return http?.sourceIp ?? identity?.sourceIp ?? forwarded(c) ?? 'unknown';
  }
  const socket = env?.incoming?.socket?.remoteAddress;
  // Without a socket it is Cloudflare who calls, and who overwrites this header.
  if (socket === undefined) return c.req.header('cf-connecting-ip') ?? 'unknown';
  const address = canonicalAddress(socket.replace(/%.*$/, ''));
  if (reachOf(address) === 'public') return address;
  // The nearest proxy appends whom it was called by; what is left of that anybody may have written.
  return forwarded(c) ?? address;
}

function forwarded(c: Context): string | undefined {
  return c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() || undefined;
}

/** What servers pass along with a request. */
interface Bindings {
  /** Lambda: whom the gateway was called by; a load balancer says so in the header only. */
  readonly requestContext?: {
    readonly http?: { readonly sourceIp?: string };
    readonly identity?: { readonly sourceIp?: string };
  };
  /** Node. */
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
}

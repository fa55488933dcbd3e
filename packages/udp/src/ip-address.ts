import { isIPv4, isIPv6 } from 'node:net';

/** Throws RangeError when the text is no IP address literal; names are not resolved. */
export function familyOf(ip: string): 'ipv4' | 'ipv6' {
  if (isIPv4(ip)) return 'ipv4';
  if (isIPv6(ip)) return 'ipv6';
  throw new RangeError(`ip: "${ip}" is no IP address`);
}

const mappedPrefix = '::ffff:';

/** IPv4 addresses that a dual-stack socket writes as `::ffff:192.0.2.1`, in their own form. */
export function unmapped(ip: string): string {
  return ip.startsWith(mappedPrefix) && ip.includes('.') ? ip.slice(mappedPrefix.length) : ip;
}

/** The form that a socket of family `family` can send to. */
export function mappedFor(family: 'ipv4' | 'ipv6', ip: string): string {
  return family === 'ipv6' && !ip.includes(':') ? mappedPrefix + ip : ip;
}

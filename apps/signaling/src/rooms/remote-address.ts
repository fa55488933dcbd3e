/**
 * Where an IP address leads, so that nobody makes a pod send into the network it stands in.
 *
 * - `public`: to a host of the internet
 * - `private`: to what only the pod, its machine or its network reaches (RFC 6890, RFC 4193, RFC 6598)
 * - `unusable`: to no single host: unspecified, multicast, broadcast, reserved
 */
export type Reach = 'public' | 'private' | 'unusable';

/**
 * Sorts an address that is known to be IPv4 or IPv6 text. What carries an IPv4 address (mapped, NAT64, 6to4) leads
 * where that one does.
 */
export function reachOf(ip: string): Reach {
  return ip.includes(':') ? reachOfWords(wordsOf(ip)) : reachOfIPv4(ip.split('.').map(Number));
}

/** The one way to write an address, as sockets show it: IPv6 compressed, mapped IPv4 as IPv4. */
export function canonicalAddress(ip: string): string {
  if (!ip.includes(':')) return ip;
  const words = wordsOf(ip);
  return isMapped(words) ? bytesOf(words, 6).join('.') : compressed(ip);
}

function reachOfIPv4(bytes: readonly number[]): Reach {
  const [a = 0, b = 0, c = 0] = bytes;
  if (a === 0 || a >= 224) return 'unusable';
  if (a === 10 || a === 127) return 'private';
  if (a === 100 && b >= 64 && b < 128) return 'private';
  if (a === 169 && b === 254) return 'private';
  if (a === 172 && b >= 16 && b < 32) return 'private';
  if (a === 192 && b === 168) return 'private';
  if (a === 192 && b === 0 && c === 0) return 'private';
  if (a === 198 && (b === 18 || b === 19)) return 'private';
  return 'public';
}

function reachOfWords(words: readonly number[]): Reach {
  const [first = 0, second = 0] = words;
  if (isMapped(words)) return reachOfIPv4(bytesOf(words, 6));
  if (first === 0x64 && second === 0xff9b) {
    const wellKnown = words.slice(2, 6).every((word) => word === 0);
    return wellKnown ? reachOfIPv4(bytesOf(words, 6)) : 'private';
  }
  if (first === 0x2002) return reachOfIPv4(bytesOf(words, 1));
  if (words.slice(0, 7).every((word) => word === 0)) return words[7] === 1 ? 'private' : 'unusable';
  // Teredo hides an address of somebody's own network.
  if (first === 0x2001 && second === 0) return 'private';
  if ((first & 0xfe00) === 0xfc00) return 'private';
  if ((first & 0xff80) === 0xfe80) return 'private';
  // Only 2000::/3 is given out as global unicast.
  return (first & 0xe000) === 0x2000 ? 'public' : 'unusable';
}

function isMapped(words: readonly number[]): boolean {
  return words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
}

function bytesOf(words: readonly number[], from: number): number[] {
  return words.slice(from, from + 2).flatMap((word) => [word >> 8, word & 255]);
}

/** RFC 5952, by the one who parses addresses of URLs. */
function compressed(ip: string): string {
  return new URL(`http://[${ip}]`).hostname.slice(1, -1);
}

/** The eight words of an IPv6 address. */
function wordsOf(ip: string): number[] {
  const [head = '', tail] = compressed(ip).split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const before = parse(head);
  const after = parse(tail ?? '');
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

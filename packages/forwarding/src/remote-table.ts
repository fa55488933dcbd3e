import type { RemoteAddress } from './engine.ts';

/** Addresses that are interned without anybody holding them; a flood of spoofed ones costs no more. */
const maxLoose = 4096;

/**
 * Numbers for remote addresses. UDP over IPv4 is `address × 65536 + port`, which needs no memory. All others
 * get negative numbers, never used twice; those of open paths are kept, of the rest the newest few thousand.
 */
export class RemoteTable {
  readonly #numbers = new Map<string, number>();
  readonly #remotes = new Map<number, RemoteAddress>();
  /** How many paths hold a number. */
  readonly #held = new Map<number, number>();
  #next = -1;

  /** The number of an address. */
  number(ip: string, port: number, protocol: 'udp' | 'tcp'): number {
    if (protocol === 'udp') {
      const address = parseIpv4(ip);
      if (address >= 0) return address * 65_536 + port;
    }
    const key = `${protocol} ${ip} ${port}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.#numbers.size - this.#held.size >= maxLoose) this.#dropOldest();
    const number = this.#next--;
    this.#numbers.set(key, number);
    this.#remotes.set(number, { ip, port, protocol });
    return number;
  }

  /** Throws RangeError for a number that is not known (any more). */
  remote(number: number): RemoteAddress {
    if (number >= 0) {
      const port = number % 65_536;
      return { ip: formatIpv4((number - port) / 65_536), port, protocol: 'udp' };
    }
    const remote = this.#remotes.get(number);
    if (remote === undefined) throw new RangeError(`remote: no address has the number ${number}`);
    return remote;
  }

  /** Keeps the number of an address until released as often as held. */
  hold(remote: RemoteAddress): number {
    const number = this.number(remote.ip, remote.port, remote.protocol);
    if (number < 0) this.#held.set(number, (this.#held.get(number) ?? 0) + 1);
    return number;
  }

  release(number: number): void {
    const holders = this.#held.get(number);
    if (holders === undefined) return;
    if (holders > 1) this.#held.set(number, holders - 1);
    else this.#held.delete(number);
  }

  /** Interned addresses now; those of UDP over IPv4 are not among them. */
  get size(): number {
    return this.#numbers.size;
  }

  #dropOldest(): void {
    // Maps keep the order of insertion.
    for (const [key, number] of this.#numbers) {
      if (this.#held.has(number)) continue;
      this.#numbers.delete(key);
      this.#remotes.delete(number);
      return;
    }
  }
}

/** The address as an unsigned number; -1 when the text is no IPv4 address. */
export function parseIpv4(ip: string): number {
  let address = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < ip.length; i++) {
    const c = ip.charCodeAt(i);
    if (c === 46) {
      if (digits === 0 || ++dots > 3) return -1;
      address = address * 256 + part;
      part = 0;
      digits = 0;
    } else {
      part = part * 10 + c - 48;
      if (c < 48 || c > 57 || ++digits > 3 || part > 255) return -1;
    }
  }
  return dots === 3 && digits > 0 ? address * 256 + part : -1;
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

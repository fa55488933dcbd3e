/**
 * The bytes of an IP address in text: 4 for IPv4 (also for IPv4-mapped IPv6), 16 for IPv6, undefined if it
 * is neither. A zone (`%eth0`) is ignored.
 */
export function ipToBytes(text: string): Uint8Array | undefined {
  return text.includes(':') ? ipv6ToBytes(text) : ipv4ToBytes(text);
}

/** The inverse of `ipToBytes`; IPv6 is written in full, without `::`. Throws RangeError on other lengths. */
export function bytesToIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return groups.join(':');
}

function ipv4ToBytes(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!;
    if (!/^\d{1,3}$/.test(part)) return undefined;
    const value = Number(part);
    if (value > 255) return undefined;
    bytes[i] = value;
  }
  return bytes;
}

function ipv6ToBytes(text: string): Uint8Array | undefined {
  const address = text.split('%', 1)[0]!;
  const halves = address.split('::');
  if (halves.length > 2) return undefined;
  const head = groupsToBytes(halves[0]!);
  const tail = halves.length === 2 ? groupsToBytes(halves[1]!) : [];
  if (!head || !tail) return undefined;
  const length = head.length + tail.length;
  if (halves.length === 2 ? length > 14 : length !== 16) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  const mapped =
    bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
  return mapped ? bytes.slice(12) : bytes;
}

function groupsToBytes(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!;
    if (i === groups.length - 1 && group.includes('.')) {
      const ipv4 = ipv4ToBytes(group);
      if (!ipv4) return undefined;
      bytes.push(...ipv4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length <= 16 ? bytes : undefined;
}

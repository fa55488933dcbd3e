/** The few DER encodings (X.690) that a self-signed certificate needs. */

export function derSequence(...items: Uint8Array[]): Uint8Array {
  return tlv(0x30, ...items);
}

export function derSet(...items: Uint8Array[]): Uint8Array {
  return tlv(0x31, ...items);
}

/** A non-negative INTEGER from big-endian bytes. */
export function derInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const value = bytes.subarray(start);
  return value[0]! & 0x80 ? tlv(0x02, Uint8Array.of(0), value) : tlv(0x02, value);
}

export function derObjectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let value = arc >>> 7; value > 0; value >>>= 7) digits.unshift((value & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, Uint8Array.from(bytes));
}

export function derUtf8(text: string): Uint8Array {
  return tlv(0x0c, Buffer.from(text, 'utf8'));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export function derTime(date: Date): Uint8Array {
  const text = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050
    ? tlv(0x17, Buffer.from(text.slice(2), 'latin1'))
    : tlv(0x18, Buffer.from(text, 'latin1'));
}

export function derBitString(bytes: Uint8Array): Uint8Array {
  return tlv(0x03, Uint8Array.of(0), bytes);
}

export function derExplicit(tag: number, content: Uint8Array): Uint8Array {
  return tlv(0xa0 | tag, content);
}

function tlv(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.from(header), ...parts]);
}

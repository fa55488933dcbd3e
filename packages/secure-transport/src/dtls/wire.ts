import { Alert, DtlsError } from './alert.ts';

/** Reads TLS presentation language (RFC 5246 §4). Throws DtlsError(decode_error) past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    if (length > this.remaining) throw new DtlsError(Alert.decodeError, 'a handshake message is cut short');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  uint(size: 1 | 2 | 3): number {
    let value = 0;
    for (const byte of this.take(size)) value = value * 256 + byte;
    return value;
  }

  /** An opaque vector with a length prefix of `size` bytes. */
  vector(size: 1 | 2 | 3): Uint8Array {
    return this.take(this.uint(size));
  }

  /** A vector of 16-bit numbers with a 16-bit length. */
  uint16List(): number[] {
    const reader = new ByteReader(this.vector(2));
    const list: number[] = [];
    while (reader.remaining > 0) list.push(reader.uint(2));
    return list;
  }

  end(): void {
    if (this.remaining > 0) throw new DtlsError(Alert.decodeError, 'a handshake message has bytes left over');
  }
}

export function uint8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function uint24(value: number): Uint8Array {
  return Uint8Array.of(value >>> 16, value >>> 8, value);
}

/** A vector: the content with its length before it in `size` bytes. */
export function vector(size: 1 | 2 | 3, ...parts: Uint8Array[]): Uint8Array {
  const content = concat(...parts);
  const prefix =
    size === 1 ? uint8(content.length) : size === 2 ? uint16(content.length) : uint24(content.length);
  return concat(prefix, content);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * RTP payload for redundant audio data (RFC 2198): older frames before the newest, each with a header of its own.
 * Browsers send Opus so (`audio/red`). A block header is `F | block PT (7)`, and with F = 1 14 bits of timestamp offset and 10
 * of length; the last one, of the newest frame, is that one byte.
 */
export class RedPayload {
  /** Of the newest frame: where it begins, relative to the payload, how long it is, and its payload type. */
  primaryOffset = 0;
  primaryLength = 0;
  primaryPayloadType = 0;

  /** False where the bytes can't be RED, for instance because they are encrypted. */
  parse(bytes: Uint8Array, offset: number, length: number): boolean {
    let at = 0;
    let redundant = 0;
    while (at < length && bytes[offset + at]! >= 128) {
      if (at + 4 > length) return false;
      redundant += ((bytes[offset + at + 2]! & 3) << 8) | bytes[offset + at + 3]!;
      at += 4;
    }
    if (at >= length) return false;
    this.primaryPayloadType = bytes[offset + at]!;
    this.primaryOffset = at + 1 + redundant;
    this.primaryLength = length - this.primaryOffset;
    return this.primaryLength >= 0;
  }

  /**
   * Gives the blocks other payload types, in place: `map` has one for each, 255 where there is none. Nothing is
   * touched unless all of it can be RED with blocks that have one.
   */
  renumber(bytes: Uint8Array, offset: number, length: number, map: Uint8Array): boolean {
    if (!this.parse(bytes, offset, length)) return false;
    let at = offset;
    for (; bytes[at]! >= 128; at += 4) if (map[bytes[at]! & 127] === 255) return false;
    if (map[bytes[at]!] === 255) return false;
    at = offset;
    for (; bytes[at]! >= 128; at += 4) bytes[at] = 128 | map[bytes[at]! & 127]!;
    bytes[at] = map[bytes[at]!]!;
    return true;
  }
}

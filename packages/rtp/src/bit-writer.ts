/** Writes big-endian bit fields over bytes that may hold anything before. The caller sees to the room. */
export class BitWriter {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** Begins at bit `bit`, counted from the most significant one of byte `offset`. */
  start(bytes: Uint8Array, offset: number, bit = 0): void {
    this.#bytes = bytes;
    this.#at = offset * 8 + bit;
  }

  /** The `count` low bits of `value`, at most 32. */
  write(value: number, count: number): void {
    for (let left = count; left > 0; ) {
      const inByte = 8 - (this.#at & 7);
      const take = Math.min(left, inByte);
      left -= take;
      const mask = (1 << take) - 1;
      const bits = (left >= 32 ? 0 : value >>> left) & mask;
      const shift = inByte - take;
      const byte = this.#at >>> 3;
      this.#bytes[byte] = (this.#bytes[byte]! & ~(mask << shift)) | (bits << shift);
      this.#at += take;
    }
  }
}

/** Reads big-endian bit fields. Reading beyond the end sets `overrun` and gives zeros. */
export class BitReader {
  overrun = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #at = 0;
  #end = 0;

  /** Begins at bit `bit`, counted from the most significant one of byte `offset`. */
  start(bytes: Uint8Array, offset: number, length: number, bit = 0): void {
    this.#bytes = bytes;
    this.overrun = offset < 0 || length < 0 || offset + length > bytes.length;
    this.#start = offset * 8;
    this.#at = this.#start + bit;
    this.#end = this.overrun ? this.#at : (offset + length) * 8;
  }

  /** Bits from `offset` to where it reads next. */
  get position(): number {
    return this.#at - this.#start;
  }

  /** `count` bits, at most 32, as an unsigned number. */
  read(count: number): number {
    if (this.#at + count > this.#end) {
      this.overrun = true;
      this.#at = this.#end;
      return 0;
    }
    let value = 0;
    for (let left = count; left > 0; ) {
      const inByte = 8 - (this.#at & 7);
      const take = Math.min(left, inByte);
      const bits = (this.#bytes[this.#at >>> 3]! >>> (inByte - take)) & ((1 << take) - 1);
      value = value * 2 ** take + bits;
      this.#at += take;
      left -= take;
    }
    return value;
  }

  flag(): boolean {
    return this.read(1) === 1;
  }

  /** A number below `n` in the non-symmetric code ns(n) of AV1 (§4.10.7). */
  readBelow(n: number): number {
    let width = 0;
    for (let x = n; x > 0; x >>>= 1) width++;
    const shorter = 2 ** width - n;
    const value = this.read(Math.max(0, width - 1));
    if (value < shorter) return value;
    return value * 2 - shorter + this.read(1);
  }
}

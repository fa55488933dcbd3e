/**
 * Where the last packets of an incoming stream lie in the arena, by extended sequence number. One cache per
 * source serves duplicate detection and the retransmissions to all of its viewers.
 */
export class PacketCache {
  readonly #mask: number;
  readonly #number: Float64Array;
  readonly #serial: Float64Array;
  readonly #length: Uint16Array;
  readonly #arrivedAt: Float64Array;

  /** @param capacity packets; a power of two. */
  constructor(capacity: number) {
    if (capacity < 2 || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`capacity must be a power of two, not ${capacity}`);
    }
    this.#mask = capacity - 1;
    this.#number = new Float64Array(capacity).fill(-1);
    this.#serial = new Float64Array(capacity);
    this.#length = new Uint16Array(capacity);
    this.#arrivedAt = new Float64Array(capacity);
  }

  get capacity(): number {
    return this.#mask + 1;
  }

  put(number: number, serial: number, length: number, now: number): void {
    const i = number & this.#mask;
    this.#number[i] = number;
    this.#serial[i] = serial;
    this.#length[i] = length;
    this.#arrivedAt[i] = now;
  }

  has(number: number): boolean {
    return this.#number[number & this.#mask] === number;
  }

  /** Serial of the arena slot; -1 when the packet never came or was pushed out. */
  serial(number: number): number {
    const i = number & this.#mask;
    return this.#number[i] === number ? this.#serial[i]! : -1;
  }

  /** Plain length; only meaningful after serial() found the packet. */
  packetLength(number: number): number {
    return this.#length[number & this.#mask]!;
  }

  /** Milliseconds; only meaningful after serial() found the packet. */
  arrivedAt(number: number): number {
    return this.#arrivedAt[number & this.#mask]!;
  }
}

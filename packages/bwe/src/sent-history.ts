/** What became of a sent packet as far as feedback told. */
export const PacketFate = { unknown: 0, sent: 1, received: 2, lost: 3 } as const;

const firstCapacity = 256;
const maxCapacity = 16_384;
/** Packets without word for longer than this are not waited for. */
const keepMs = 2000;

/**
 * Packets sent over one transport by their transport-wide number, unwrapped: when, how big, and in which probe
 * cluster. A ring that doubles while packets younger than two seconds would be pushed out.
 */
export class SentHistory {
  /** Unwrapped number of the packet sent last; -1 = none. */
  last = -1;
  #mask = firstCapacity - 1;
  #number = new Float64Array(firstCapacity).fill(-1);
  #sentAt = new Float64Array(firstCapacity);
  #bytes = new Uint16Array(firstCapacity);
  #cluster = new Uint16Array(firstCapacity);
  #fate = new Uint8Array(firstCapacity);

  /** Notes a packet. `sequence` is the 16-bit number in it; numbers only go up. */
  add(sequence: number, bytes: number, now: number, cluster: number): void {
    const number =
      this.last < 0 ? sequence + 65_536 : this.last + Math.max(1, (sequence - this.last) & 0xffff);
    this.last = number;
    let i = number & this.#mask;
    if (
      this.#fate[i] === PacketFate.sent &&
      now - this.#sentAt[i]! < keepMs &&
      this.#mask < maxCapacity - 1
    ) {
      this.#grow();
      i = number & this.#mask;
    }
    this.#number[i] = number;
    this.#sentAt[i] = now;
    this.#bytes[i] = bytes;
    this.#cluster[i] = cluster;
    this.#fate[i] = PacketFate.sent;
  }

  /** Unwraps a 16-bit number of feedback: the newest sent packet that has it. -1 when nothing was sent. */
  unwrap(sequence: number): number {
    if (this.last < 0) return -1;
    return this.last - ((this.last - sequence) & 0xffff);
  }

  has(number: number): boolean {
    return this.#number[number & this.#mask] === number;
  }

  fate(number: number): number {
    return this.has(number) ? this.#fate[number & this.#mask]! : PacketFate.unknown;
  }

  setFate(number: number, fate: number): void {
    this.#fate[number & this.#mask] = fate;
  }

  /** The following are true only where has() is. */
  sentAt(number: number): number {
    return this.#sentAt[number & this.#mask]!;
  }

  bytes(number: number): number {
    return this.#bytes[number & this.#mask]!;
  }

  /** 0 = no probe. */
  cluster(number: number): number {
    return this.#cluster[number & this.#mask]!;
  }

  get capacity(): number {
    return this.#mask + 1;
  }

  #grow(): void {
    const old = this.#mask + 1;
    const mask = old * 2 - 1;
    const number = new Float64Array(old * 2).fill(-1);
    const sentAt = new Float64Array(old * 2);
    const bytes = new Uint16Array(old * 2);
    const cluster = new Uint16Array(old * 2);
    const fate = new Uint8Array(old * 2);
    for (let i = 0; i < old; i++) {
      const n = this.#number[i]!;
      if (n < 0) continue;
      const to = n & mask;
      number[to] = n;
      sentAt[to] = this.#sentAt[i]!;
      bytes[to] = this.#bytes[i]!;
      cluster[to] = this.#cluster[i]!;
      fate[to] = this.#fate[i]!;
    }
    this.#mask = mask;
    this.#number = number;
    this.#sentAt = sentAt;
    this.#bytes = bytes;
    this.#cluster = cluster;
    this.#fate = fate;
  }
}

/** What became of a sent packet as far as feedback told. */
export const PacketFate = { unknown: 0, sent: 1, received: 2, lost: 3 } as const;

const firstCapacity = 256;
const maxCapacity = 8192;
/** Packets without word for longer than this are not waited for. */
const keepMs = 2000;
/** Fields of a packet lie side by side, so that noting one touches one line of the processor's cache. */
const stride = 4;
const sentAtField = 1;
const bytesField = 2;
/** Probe cluster × 4 + fate. */
const stateField = 3;

/**
 * Packets sent over one transport by their transport-wide number, unwrapped: when, how big, and in which probe
 * cluster. A ring that doubles while packets younger than two seconds would be pushed out.
 */
export class SentHistory {
  /** Unwrapped number of the packet sent last; -1 = none. */
  last = -1;
  /** Off until feedback is known to come: what nobody will speak of need not be kept. */
  mayGrow = true;
  #mask = firstCapacity - 1;
  #data = new Float64Array(firstCapacity * stride).fill(-1);

  /** Notes a packet. `sequence` is the 16-bit number in it; numbers only go up. */
  add(sequence: number, bytes: number, now: number, cluster: number): void {
    const { last } = this;
    const number = last < 0 ? sequence + 65_536 : last + Math.max(1, (sequence - last) & 0xffff);
    this.last = number;
    let at = (number & this.#mask) * stride;
    if (this.mayGrow && this.#mask < maxCapacity - 1 && this.#young(at, now)) {
      this.#grow();
      at = (number & this.#mask) * stride;
    }
    const data = this.#data;
    data[at] = number;
    data[at + sentAtField] = now;
    data[at + bytesField] = bytes;
    data[at + stateField] = cluster * 4 + PacketFate.sent;
  }

  /** Unwraps a 16-bit number of feedback: the newest sent packet that has it. -1 when nothing was sent. */
  unwrap(sequence: number): number {
    if (this.last < 0) return -1;
    return this.last - ((this.last - sequence) & 0xffff);
  }

  has(number: number): boolean {
    return this.#data[(number & this.#mask) * stride] === number;
  }

  fate(number: number): number {
    return this.has(number) ? this.#state(number) & 3 : PacketFate.unknown;
  }

  setFate(number: number, fate: number): void {
    this.#data[(number & this.#mask) * stride + stateField] = (this.#state(number) & ~3) | fate;
  }

  /** The following are true only where has() is. */
  sentAt(number: number): number {
    return this.#data[(number & this.#mask) * stride + sentAtField]!;
  }

  bytes(number: number): number {
    return this.#data[(number & this.#mask) * stride + bytesField]!;
  }

  /** 0 = no probe. */
  cluster(number: number): number {
    return this.#state(number) >> 2;
  }

  get capacity(): number {
    return this.#mask + 1;
  }

  #state(number: number): number {
    return this.#data[(number & this.#mask) * stride + stateField]!;
  }

  /** The packet at that place waits for word and may still get it. */
  #young(at: number, now: number): boolean {
    if (this.#data[at]! < 0) return false;
    return (
      (this.#data[at + stateField]! & 3) === PacketFate.sent && now - this.#data[at + sentAtField]! < keepMs
    );
  }

  #grow(): void {
    const old = this.#data;
    const mask = (this.#mask + 1) * 2 - 1;
    const data = new Float64Array((mask + 1) * stride).fill(-1);
    for (let from = 0; from < old.length; from += stride) {
      const number = old[from]!;
      if (number < 0) continue;
      const to = (number & mask) * stride;
      for (let field = 0; field < stride; field++) data[to + field] = old[from + field]!;
    }
    this.#mask = mask;
    this.#data = data;
  }
}

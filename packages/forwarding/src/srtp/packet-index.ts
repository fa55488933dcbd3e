/** Packets a replay window remembers; at least 64 by RFC 3711 §3.3.2, more since RTX and relays reorder. */
export const replayWindowSize = 1024;

/**
 * Highest index and replay window of one SSRC in one direction (RFC 3711 §3.3). Indices are RTP's 48 bits
 * (rollover counter and sequence number) or SRTCP's 31 bits.
 */
export class PacketIndex {
  /** -1 before the first accepted packet. */
  highest = -1;
  /** When the owner used it last, on a scale of the owner's. */
  lastUse = 0;
  readonly #seen = new Uint32Array(replayWindowSize / 32);

  /**
   * The index of a 16-bit sequence number, guessed within 2^15 of the highest (RFC 3711 appendix A).
   * Negative when the packet is from before the first rollover counter: not acceptable.
   */
  estimate(seq: number): number {
    if (this.highest < 0) return seq;
    const last = this.highest & 0xffff;
    const base = this.highest - last;
    if (last < 32_768) return seq - last > 32_768 ? base - 65_536 + seq : base + seq;
    return last - 32_768 > seq ? base + 65_536 + seq : base + seq;
  }

  /** True when this index was accepted before, or lies before the window. */
  isReplay(index: number): boolean {
    if (index > this.highest) return false;
    if (this.highest - index >= replayWindowSize) return true;
    const bit = index % replayWindowSize;
    return (this.#seen[bit >>> 5]! & (1 << (bit & 31))) !== 0;
  }

  /** Marks an authenticated packet as seen. */
  accept(index: number): void {
    if (index > this.highest) {
      const from = this.highest + 1;
      if (index - this.highest >= replayWindowSize) this.#seen.fill(0);
      else for (let i = from; i < index; i++) this.#clear(i);
      this.highest = index;
    }
    const bit = index % replayWindowSize;
    this.#seen[bit >>> 5]! |= 1 << (bit & 31);
  }

  #clear(index: number): void {
    const bit = index % replayWindowSize;
    this.#seen[bit >>> 5]! &= ~(1 << (bit & 31));
  }
}

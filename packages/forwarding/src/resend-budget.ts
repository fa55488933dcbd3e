/** Packets that may be asked for again are remembered in so many places. */
const places = 256;
const minDistanceMs = 10;
/** Retransmissions per second never need more than the stream itself, but a little for slow streams. */
const minBytesPerSecond = 64_000;
const leastBytesPerSecond = 6000;
const leastShare = 0.3;
/** So much of it may go out at once. */
const burstSeconds = 0.5;

/**
 * What one sender may send again: so many bytes per second, and no packet twice within a round trip. Repairs for a path
 * that is full make it fuller, so they get what media leaves, and some of its share at least.
 */
export class ResendBudget {
  /** Both are made at the first use: most senders are never asked. */
  #number: Float64Array | undefined = undefined;
  #at: Float64Array | undefined = undefined;
  #bytes = 0;
  #earnedAt = 0;

  /**
   * True when packet `out` of `bytes` bytes may go out again at `now` (ms); it then counts as sent.
   *
   * @param ownBps bitrate of the stream
   * @param spareBps what the path has left for repairs; Infinity = unknown
   */
  take(out: number, bytes: number, ownBps: number, spareBps: number, rttMs: number, now: number): boolean {
    const own = ownBps / 8;
    const perSecond = Math.min(
      Math.max(minBytesPerSecond, own),
      Math.max(leastBytesPerSecond, own * leastShare, spareBps / 8),
    );
    const earned = ((now - this.#earnedAt) * perSecond) / 1000;
    this.#bytes = Math.min(perSecond * burstSeconds, this.#bytes + earned);
    this.#earnedAt = now;
    if (this.#bytes < bytes) return false;
    this.#number ??= new Float64Array(places).fill(-1);
    this.#at ??= new Float64Array(places);
    const place = out % places;
    // A viewer asks again after a round trip as it measures it, which may be a little less.
    const distance = Math.max(minDistanceMs, rttMs * 0.75);
    if (this.#number[place] === out && now - this.#at[place]! < distance) return false;
    this.#number[place] = out;
    this.#at[place] = now;
    this.#bytes -= bytes;
    return true;
  }

  /** Numbers begin anew: what went out under the old ones does not count. */
  restart(): void {
    this.#number?.fill(-1);
  }
}

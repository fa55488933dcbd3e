/** Streams that left a transport are remembered up to so many, then those of closed senders are forgotten. */
const maxRemembered = 1024;

/**
 * Where the streams that left a transport stopped, by SSRC, as extended sequence numbers. With the same key no
 * number of an SSRC may ever be sealed twice (RFC 3711 §9.1, RFC 7714 §8.1), and the viewer's rollover counter
 * goes on as well: a stream that comes back continues from here. Void with the keys.
 */
export class SentNumbers {
  readonly #last = new Map<number, number>();
  #limit = maxRemembered;

  /** The highest number sent so far with that SSRC; undefined = none. */
  last(ssrc: number): number | undefined {
    return this.#last.get(ssrc);
  }

  /**
   * Remembers that `ssrc` was sent up to `last`.
   * @param living answers the SSRCs that can come back; asked for only when much is remembered.
   */
  keep(ssrc: number, last: number, living: () => ReadonlySet<number>): void {
    this.#last.set(ssrc, Math.max(last, this.#last.get(ssrc) ?? 0));
    if (this.#last.size <= this.#limit) return;
    const alive = living();
    for (const known of this.#last.keys()) if (!alive.has(known)) this.#last.delete(known);
    this.#limit = Math.max(maxRemembered, this.#last.size * 2);
  }

  /** New keys: every stream may begin anywhere. */
  clear(): void {
    this.#last.clear();
    this.#limit = maxRemembered;
  }
}

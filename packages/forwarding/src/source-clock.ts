/** A publisher's clock that jumps further than this is a new clock. */
const maxJumpMs = 1000;
/** How far one sender report may pull the offset, so that drift is followed and jitter is not. */
const maxSlewMs = 0.5;

/**
 * Relates the NTP clock of one publisher to ours. All its streams share one instance, so that audio and video
 * are moved by exactly the same amount and viewers keep them in sync (RFC 3550 §6.4.1).
 */
export class SourceClock {
  /** Grows when the publisher's clock jumped; older sender reports are then void. */
  epoch = 0;
  #offsetMs = 0;
  #started = false;

  /** Takes the time of a sender report and when it came, both in milliseconds since 1970. Answers the epoch. */
  note(sourceUnixMs: number, arrivedUnixMs: number): number {
    const offset = arrivedUnixMs - sourceUnixMs;
    const error = offset - this.#offsetMs;
    if (!this.#started) {
      this.#started = true;
      this.#offsetMs = offset;
    } else if (Math.abs(error) > maxJumpMs) {
      this.#offsetMs = offset;
      this.epoch++;
    } else {
      this.#offsetMs += Math.max(-maxSlewMs, Math.min(maxSlewMs, error));
    }
    return this.epoch;
  }

  /** Our time on the publisher's clock; only after note(). */
  toSource(unixMs: number): number {
    return unixMs - this.#offsetMs;
  }
}

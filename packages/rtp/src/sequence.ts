/** Arithmetic on numbers that wrap (RFC 1982, RFC 3550 A.1). */

/** Signed distance from `b` to `a` in 16 bits: -32768…32767, positive when `a` is newer. */
export function seqDiff(a: number, b: number): number {
  return ((a - b) << 16) >> 16;
}

/** True when 16-bit `a` comes after `b`. Exactly half a turn apart counts as older. */
export function seqNewer(a: number, b: number): boolean {
  return seqDiff(a, b) > 0;
}

export function seqAdd(a: number, delta: number): number {
  return (a + delta) & 0xffff;
}

/** Signed distance from `b` to `a` in 32 bits, for RTP timestamps. */
export function timestampDiff(a: number, b: number): number {
  return (a - b) | 0;
}

export function timestampNewer(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

export function timestampAdd(a: number, delta: number): number {
  return (a + delta) >>> 0;
}

/**
 * Unwraps 16-bit sequence numbers to numbers that do not wrap. The first value keeps its 16 bits, so
 * `rollover` starts at 0; numbers from before the first one are negative.
 */
export class SequenceUnwrapper {
  /** Highest extended number so far; -1 before the first. */
  highest = -1;
  #started = false;

  /** The extended number of `seq`, and remembers it when it is the highest. */
  unwrap(seq: number): number {
    if (!this.#started) {
      this.#started = true;
      this.highest = seq;
      return seq;
    }
    const extended = this.peek(seq);
    if (extended > this.highest) this.highest = extended;
    return extended;
  }

  /** The extended number of `seq`, remembering nothing. */
  peek(seq: number): number {
    if (!this.#started) return seq;
    return this.highest + seqDiff(seq, this.highest & 0xffff);
  }

  /** How many times the highest number has wrapped. */
  get rollover(): number {
    return this.highest < 0 ? 0 : Math.floor(this.highest / 65536);
  }

  reset(): void {
    this.#started = false;
    this.highest = -1;
  }
}

/** As SequenceUnwrapper, for 32-bit RTP timestamps. */
export class TimestampUnwrapper {
  #last = 0;
  #started = false;

  unwrap(timestamp: number): number {
    if (!this.#started) {
      this.#started = true;
      this.#last = timestamp;
      return timestamp;
    }
    // The low 32 bits of a number above 2^32 survive `| 0`, of a negative one too.
    const extended = this.#last + ((timestamp - this.#last) | 0);
    if (extended > this.#last) this.#last = extended;
    return extended;
  }

  reset(): void {
    this.#started = false;
    this.#last = 0;
  }
}

/** What RFC 3550 A.1 says of a sequence number. */
export const SequenceVerdict = {
  /** Newest or slightly late: take it. */
  ok: 0,
  /** A jump of more than maxDropout or maxMisorder: drop it; two in a row restart the count. */
  jump: 1,
  /** The second packet after a jump: the source restarted, counters were reset; take it. */
  restart: 2,
} as const;
export type SequenceVerdict = (typeof SequenceVerdict)[keyof typeof SequenceVerdict];

/** Sequence validation and loss counting of one source (RFC 3550 A.1 and A.3), without probation. */
export class SequenceValidator {
  static readonly maxDropout = 3000;
  static readonly maxMisorder = 100;

  /** Packets taken since the start or restart. */
  received = 0;
  /** Highest sequence number, extended by wraps × 65536; goes into report blocks modulo 2^32. */
  extendedHighest = 0;
  #base = 0;
  #bad = -1;
  #started = false;
  #expectedPrior = 0;
  #receivedPrior = 0;

  /** Judges and counts one packet. */
  update(seq: number): SequenceVerdict {
    if (!this.#started) {
      this.#restart(seq);
      return SequenceVerdict.ok;
    }
    const forward = (seq - this.extendedHighest) & 0xffff;
    if (forward < SequenceValidator.maxDropout) {
      this.extendedHighest += forward;
    } else if (forward <= 65536 - SequenceValidator.maxMisorder) {
      if (seq !== this.#bad) {
        this.#bad = (seq + 1) & 0xffff;
        return SequenceVerdict.jump;
      }
      this.#restart(seq);
      return SequenceVerdict.restart;
    }
    this.#bad = -1;
    this.received++;
    return SequenceVerdict.ok;
  }

  get started(): boolean {
    return this.#started;
  }

  /** Packets that should have come. */
  get expected(): number {
    return this.#started ? this.extendedHighest - this.#base + 1 : 0;
  }

  /** Expected minus received; negative when duplicates came. Fits a report after clamping to 24 bits. */
  get lost(): number {
    return this.expected - this.received;
  }

  /** Fraction lost (0…255) since the last call (RFC 3550 A.3). Call once per report. */
  takeFractionLost(): number {
    const expected = this.expected - this.#expectedPrior;
    const received = this.received - this.#receivedPrior;
    this.#expectedPrior = this.expected;
    this.#receivedPrior = this.received;
    const lost = expected - received;
    if (expected <= 0 || lost <= 0) return 0;
    return Math.min(255, Math.floor((lost * 256) / expected));
  }

  #restart(seq: number): void {
    this.#started = true;
    this.#base = seq;
    this.extendedHighest = seq;
    this.#bad = -1;
    this.received = 1;
    this.#expectedPrior = 0;
    this.#receivedPrior = 0;
  }
}

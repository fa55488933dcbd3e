/** Media may leave so much faster than the path is believed to carry (docs/decisions/0049-pace.md). */
export const defaultPaceFactor = 2;
/** What the path carries in this time may leave at once, and so much at least and at most. */
const burstMs = 40;
const minBurstBytes = 3600;
const maxBurstBytes = 12_000;
/** While packets wait, what the timer that lets them go comes late by is made up for, up to this. */
const maxLateMs = 25;

/**
 * How much a transport may send now: a token bucket that fills at a multiple of what the path is believed to carry. A
 * key frame that leaves at once fills the queue of a narrow link, or of the radio cell, and what does not fit is lost.
 */
export class SendPace {
  /** A rate is set; nothing else needs to be asked as long as it is not. */
  limited = false;
  /** Packets wait: what comes has to go behind them. */
  waiting = false;
  /** Packets that waited, and milliseconds in all. */
  held = 0;
  heldMs = 0;
  #bytesPerMs = Number.POSITIVE_INFINITY;
  #burstBytes = maxBurstBytes;
  #credit = maxBurstBytes;
  #at = 0;

  /** @param availableBps what the path is believed to carry; Infinity = unknown @param factor 0 = no limit */
  set(availableBps: number, factor: number): void {
    const bps = factor > 0 ? availableBps * factor : Number.POSITIVE_INFINITY;
    this.limited = bps !== Number.POSITIVE_INFINITY;
    if (!this.limited) return;
    this.#bytesPerMs = bps / 8000;
    this.#burstBytes = Math.max(minBurstBytes, Math.min(maxBurstBytes, (availableBps * burstMs) / 8000));
  }

  /** True when `bytes` may go out at `now` (ms); they then count as sent. */
  take(bytes: number, now: number): boolean {
    if (this.waiting || !this.open(now)) return false;
    this.spend(bytes, now);
    return true;
  }

  /** A packet may go out at `now`. The last one may take more than there was. */
  open(now: number): boolean {
    this.#earn(now);
    return this.#credit > 0;
  }

  /** `bytes` go out whatever there is: sound, repairs, what has waited long enough. Debt has an end as credit has. */
  spend(bytes: number, now: number): void {
    this.#earn(now);
    this.#credit = Math.max(-this.#burstBytes, this.#credit - bytes);
  }

  #earn(now: number): void {
    if (now <= this.#at) return;
    const most = this.waiting ? Math.max(this.#burstBytes, this.#bytesPerMs * maxLateMs) : this.#burstBytes;
    this.#credit = Math.min(most, this.#credit + (now - this.#at) * this.#bytesPerMs);
    this.#at = now;
  }
}

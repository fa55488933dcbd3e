/** What a transport has carried so far, in all. */
export interface TransportCounts {
  /** Bytes of media and reports, without ICE. */
  readonly sent: number;
  readonly received: number;
}

/**
 * Notices that nothing comes any more on a transport that should carry media, long before ICE does: a media server
 * sends at least its reports several times per second to whoever sends, and media to whoever is to get some. Pure:
 * counts and times in, suspicion out.
 */
export class SilenceWatch {
  readonly #answersOnly: boolean;
  #last: TransportCounts | undefined;
  #heardAt = 0;
  /** Looks in a row that found nothing new, without a pause of our own. */
  #silentLooks = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Something came since it was last told. */
  #flowed = false;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** The longest gap between two arrivals, of late. */
  #usualGapMs = firstGapMs;
  #alarms = 0;
  #alarmedAt = Number.NEGATIVE_INFINITY;
  #notBefore = 0;

  /** @param answersOnly nothing comes but answers to what is sent: while nothing is sent, silence is no wonder */
  constructor(answersOnly: boolean) {
    this.#answersOnly = answersOnly;
  }

  /**
   * @param counts as they are now
   * @param expected whether something should come: for sending, whether we send; for receiving, whether a source
   * that is not paused is subscribed to
   * @param now milliseconds
   * @returns whether to ask what became of the media server
   */
  look(counts: TransportCounts, expected: boolean, now: number): boolean {
    const last = this.#last;
    this.#last = counts;
    const sinceLookMs = now - this.#lookedAt;
    this.#lookedAt = now;
    if (last && counts.sent > last.sent) this.#sentAt = now;
    const dueToSilence = this.#answersOnly && now - this.#sentAt > sendingMs;
    if (!last || counts.received < last.received || !expected || dueToSilence) {
      this.#heardAt = now;
      this.#silentLooks = 0;
      return false;
    }
    if (counts.received > last.received) {
      this.#silentLooks = 0;
      if (this.#flowed) this.#usualGapMs = Math.max(this.#usualGapMs * forgetting, now - this.#heardAt);
      this.#heardAt = now;
      this.#flowed = true;
      this.#notBefore = 0;
      if (now - this.#alarmedAt > calmMs) this.#alarms = 0;
      return false;
    }
    if (sinceLookMs > pauseMs) this.#silentLooks = 0;
    if (sinceLookMs >= lookEveryMs / 2) this.#silentLooks += 1;
    const silentMs = Math.min(greatestSilentMs, Math.max(leastSilentMs, 1.5 * this.#usualGapMs));
    // What never flowed is being set up, and has timeouts of its own.
    if (!this.#flowed || now - this.#heardAt < silentMs || now < this.#notBefore) return false;
    // After a pause of our own what came meanwhile may not be counted yet.
    if (this.#silentLooks < 2) return false;
    // Once more soon, for it takes several to be sure; then less and less often.
    this.#alarms += 1;
    this.#alarmedAt = now;
    this.#notBefore =
      now + Math.min(greatestPauseMs, firstPauseMs * 2 ** Math.max(0, this.#alarms - quickAlarms));
    return true;
  }
}

/** How often to look, in milliseconds. */
export const lookEveryMs = 200;
/** Reports come each second at least; media comes much more often, which is soon noticed. */
const firstGapMs = 1_000;
const forgetting = 0.97;
/** For less, nobody asks. */
export const leastSilentMs = 700;
const greatestSilentMs = 3_000;
/** Hidden pages look once a second. Who did not look for longer did not run. */
const pauseMs = 1_500;
/** Who has sent nothing for so long does not send. */
const sendingMs = 600;
/** After so long without alarms they are quick again. */
const calmMs = 30_000;
const firstPauseMs = 600;
const quickAlarms = 3;
const greatestPauseMs = 15_000;

/** Reads the counts from what browsers tell of the candidate pair in use. */
export function countsOf(report: RTCStatsReport): TransportCounts {
  let sent = 0;
  let received = 0;
  report.forEach((entry: { type: string; bytesSent?: number; bytesReceived?: number }) => {
    if (entry.type !== 'candidate-pair') return;
    sent += entry.bytesSent ?? 0;
    received += entry.bytesReceived ?? 0;
  });
  return { sent, received };
}

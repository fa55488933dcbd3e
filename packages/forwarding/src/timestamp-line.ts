import type { ReceiveStream } from './receive-stream.ts';
import type { Segment } from './segment.ts';

/** An exact timestamp at a switch may differ so far from what the clock on the wall says. */
const maxErrorSeconds = 10;

/** Lets the timestamps that a viewer gets go on, at a steady pace, over switches from stream to stream. */
export class TimestampLine {
  /** Timestamp and time where the last segment ended; NaN = nothing was sent yet. */
  #endTimestamp = Number.NaN;
  #endAt = 0;

  /** `segment`, of `stream`, ends here. */
  end(stream: ReceiveStream, segment: Segment): void {
    this.#endTimestamp = stream.newestTimestamp + segment.timestampOffset;
    this.#endAt = stream.newestArrivalMs;
  }

  /**
   * What to add to the timestamps of `stream`, now at `timestamp`, so that they go on from what was sent; `last` is the
   * segment before.
   */
  offset(last: Segment, stream: ReceiveStream, timestamp: number, now: number): number {
    // Nothing was sent yet: the source's own timestamps are as good as any.
    if (Number.isNaN(this.#endTimestamp)) return 0;
    const elapsed = Math.max(1, Math.round(((now - this.#endAt) * stream.clockRate) / 1000));
    let target = this.#endTimestamp + elapsed;
    const old = last.stream;
    if (
      old !== undefined &&
      old !== stream &&
      old.generation === last.generation &&
      old.clock === stream.clock &&
      old.hasClock &&
      stream.hasClock
    ) {
      // Both are on the publisher's clock, so the switch can be exact.
      const exact = old.timestampOfSourceMs(stream.sourceMsOf(timestamp)) + last.timestampOffset;
      const difference = Math.round(exact - target) | 0;
      if (Math.abs(difference) < maxErrorSeconds * stream.clockRate) target += difference;
      if (((target - this.#endTimestamp) | 0) <= 0) target = this.#endTimestamp + 1;
    }
    return (target - timestamp) | 0;
  }
}

import type { FanOut } from './fan-out.ts';
import type { Sender } from './sender.ts';

const capacity = 1024;

/**
 * Second and further copies of repairs, each sent a little after the one before: what loses one packet loses those
 * right behind it too. Bounded; what does not fit is not sent.
 */
export class RepeatQueue {
  /** When run() wants to be called; Infinity = nothing waits. */
  nextAt = Number.POSITIVE_INFINITY;
  #count = 0;
  readonly #senders: (Sender | undefined)[] = new Array(capacity).fill(undefined);
  readonly #out = new Float64Array(capacity);
  readonly #at = new Float64Array(capacity);
  readonly #maxAgeMs = new Float64Array(capacity);

  /** Packet `out` of the sender goes out again at `at`, if it is not older than `maxAgeMs` by then. */
  add(sender: Sender, out: number, maxAgeMs: number, at: number): void {
    if (this.#count === capacity) return;
    const i = this.#count++;
    this.#senders[i] = sender;
    this.#out[i] = out;
    this.#at[i] = at;
    this.#maxAgeMs[i] = maxAgeMs;
    this.nextAt = Math.min(this.nextAt, at);
  }

  /** Sends what is due. */
  run(fanOut: FanOut, now: number): void {
    let next = Number.POSITIVE_INFINITY;
    let kept = 0;
    const count = this.#count;
    for (let i = 0; i < count; i++) {
      const sender = this.#senders[i]!;
      const at = this.#at[i]!;
      if (at <= now) {
        fanOut.resend(sender, this.#out[i]!, this.#maxAgeMs[i]!, now, true);
        continue;
      }
      this.#senders[kept] = sender;
      this.#out[kept] = this.#out[i]!;
      this.#at[kept] = at;
      this.#maxAgeMs[kept] = this.#maxAgeMs[i]!;
      kept++;
      if (at < next) next = at;
    }
    // Nobody who is gone is held on to.
    this.#senders.fill(undefined, kept, count);
    this.#count = kept;
    this.nextAt = next;
  }
}

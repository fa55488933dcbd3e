/** Packets sent within so many milliseconds of the first of a group belong to it (one burst, one frame). */
const groupMs = 5;
/** A clock that jumps by more than this begins anew. */
const jumpMs = 3000;

/**
 * Groups packets by when they were sent and tells how much later than sent the next group came
 * (draft-ietf-rmcat-gcc-02 §5.2). After add() answers true, the deltas hold.
 */
export class InterArrival {
  sendDeltaMs = 0;
  arrivalDeltaMs = 0;
  /** Arrival of the group that was completed. */
  arrivalMs = 0;
  #firstSend = Number.NaN;
  #lastSend = 0;
  #lastArrival = 0;
  #firstArrival = 0;
  #beforeSend = Number.NaN;
  #beforeArrival = 0;

  /** True when the packet began a new group and the two before it can be compared. */
  add(sentMs: number, arrivalMs: number): boolean {
    if (Number.isNaN(this.#firstSend)) {
      this.#begin(sentMs, arrivalMs);
      return false;
    }
    // Reordered ones tell nothing about the queue.
    if (sentMs < this.#firstSend) return false;
    if (Math.abs(arrivalMs - this.#lastArrival) > jumpMs) {
      this.reset();
      this.#begin(sentMs, arrivalMs);
      return false;
    }
    const together =
      sentMs - this.#firstSend <= groupMs ||
      // Sent apart but arrived in one burst: something held them up together.
      (arrivalMs - this.#lastArrival <= groupMs &&
        arrivalMs - this.#lastArrival - (sentMs - this.#lastSend) < 0 &&
        arrivalMs - this.#firstArrival < 100);
    if (together) {
      this.#lastSend = Math.max(this.#lastSend, sentMs);
      this.#lastArrival = Math.max(this.#lastArrival, arrivalMs);
      return false;
    }
    let ready = false;
    if (!Number.isNaN(this.#beforeSend)) {
      this.sendDeltaMs = this.#lastSend - this.#beforeSend;
      this.arrivalDeltaMs = this.#lastArrival - this.#beforeArrival;
      this.arrivalMs = this.#lastArrival;
      ready = this.arrivalDeltaMs >= 0;
    }
    this.#beforeSend = this.#lastSend;
    this.#beforeArrival = this.#lastArrival;
    this.#begin(sentMs, arrivalMs);
    return ready;
  }

  reset(): void {
    this.#firstSend = Number.NaN;
    this.#beforeSend = Number.NaN;
  }

  #begin(sentMs: number, arrivalMs: number): void {
    this.#firstSend = sentMs;
    this.#lastSend = sentMs;
    this.#firstArrival = arrivalMs;
    this.#lastArrival = arrivalMs;
  }
}

/** Newest values count most. */
const weights = [7, 6, 5, 4, 3, 2, 1, 1];

/**
 * Quality of one stream from 0 (nothing comes) to 10, from loss and repair over the last seconds. Repaired
 * packets hurt less than lost ones: they came, but late.
 */
export class StreamScore {
  value: number;
  readonly #history: number[] = [];

  constructor(initial: number) {
    this.value = initial;
  }

  /**
   * Takes one interval: packets that should have come, those that never did, and those that came by
   * retransmission. True when the value changed.
   */
  update(expected: number, lost: number, repaired: number): boolean {
    if (expected <= 0) return false;
    const bad = Math.max(0, Math.min(expected, lost)) + Math.max(0, Math.min(expected, repaired)) / 4;
    const delivered = Math.max(0, 1 - bad / expected);
    this.#history.unshift(10 * delivered ** 4);
    if (this.#history.length > weights.length) this.#history.pop();
    let sum = 0;
    let weight = 0;
    for (let i = 0; i < this.#history.length; i++) {
      sum += this.#history[i]! * weights[i]!;
      weight += weights[i]!;
    }
    return this.#set(Math.round(sum / weight));
  }

  /** The stream fell silent, or came back: its past counts no more. True when the value changed. */
  reset(value: number): boolean {
    this.#history.length = 0;
    return this.#set(value);
  }

  #set(value: number): boolean {
    const changed = value !== this.value;
    this.value = value;
    return changed;
  }
}

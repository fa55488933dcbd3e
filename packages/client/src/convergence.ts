import { backoffMs, requestBackoff, wait } from './backoff.ts';
import { WeirError } from './errors.ts';

export interface ConvergenceOptions {
  /** One pass from what is to what is wanted. Must be repeatable after any failure. */
  step: () => Promise<void>;
  /** Everything is over; nothing is tried any more. */
  signal: AbortSignal;
  random: () => number;
  /** Failures in a row until it is given up. */
  patience?: number;
}

/**
 * Brings one object from what it is to what is wanted, one pass at a time. Wishes that come while a pass
 * runs are looked at in the next one, so no order of events and answers can leave the two apart.
 */
export class Convergence {
  readonly #options: Required<ConvergenceOptions>;
  #running: Promise<void> | undefined;
  #wished = false;

  constructor(options: ConvergenceOptions) {
    this.#options = { patience: 4, ...options };
  }

  /**
   * Something changed: run until nothing is left to do.
   *
   * @throws WeirError when it is given up; a later kick tries again
   */
  kick(): Promise<void> {
    this.#wished = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    // Wishes of the same turn are one pass.
    await Promise.resolve();
    let failures = 0;
    try {
      while (this.#wished && !this.#options.signal.aborted) {
        this.#wished = false;
        try {
          await this.#options.step();
          failures = 0;
        } catch (cause) {
          if (this.#options.signal.aborted) return;
          const error = WeirError.media('The media step', cause);
          if (isFinal(error) || ++failures >= this.#options.patience) throw error;
          await wait(backoffMs(requestBackoff, failures - 1, this.#options.random()), this.#options.signal);
          this.#wished = true;
        }
      }
    } finally {
      this.#running = undefined;
    }
  }
}

/** Errors that a repetition cannot heal. */
function isFinal(error: WeirError): boolean {
  return (
    error.code === 'unsupported' ||
    error.code === 'unauthorized' ||
    error.code === 'forbidden' ||
    error.code === 'limit-reached' ||
    error.code === 'unsupported-codec' ||
    error.code === 'invalid-parameter' ||
    error.code === 'peer-closed' ||
    error.code === 'room-closed'
  );
}

/**
 * Calls back once per turn of the event loop, after everything that was ready has been read: setImmediate
 * callbacks run right after the poll phase.
 */
export class DrainSignal {
  readonly #call: () => void;
  #pending = false;

  constructor(call: () => void) {
    this.#call = () => {
      this.#pending = false;
      call();
    };
  }

  /** To be called with each datagram. */
  note(): void {
    if (this.#pending) return;
    this.#pending = true;
    setImmediate(this.#call);
  }
}

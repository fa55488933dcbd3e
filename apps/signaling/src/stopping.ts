/**
 * Whether this instance is told to stop. Not an AbortSignal, which on Workers belongs to the request that made it.
 */
export class Stopping {
  readonly #listeners = new Set<() => void>();
  #stopped = false;

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls when it stops; answers how to cancel. */
  onStop(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

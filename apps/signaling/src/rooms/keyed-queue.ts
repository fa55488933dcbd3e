/** Runs work one after another per key. Only speed depends on it: commits are guarded by the database. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs `work` when all earlier work with any of these keys is done. */
  run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.map((key) => this.#tails.get(key)).filter((tail) => tail !== undefined);
    const result = before.length === 0 ? work() : Promise.all(before).then(work);
    const tail = result.then(
      () => {},
      () => {},
    );
    for (const key of keys) this.#tails.set(key, tail);
    void tail.then(() => {
      for (const key of keys) if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return result;
  }
}

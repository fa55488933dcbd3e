/** Objects by small numbers; freed numbers are used again. */
export class HandleTable<T> {
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];

  add(item: T): number {
    const handle = this.#free.pop() ?? this.#items.length;
    this.#items[handle] = item;
    return handle;
  }

  /** Undefined for handles that are not in use. */
  get(handle: number): T | undefined {
    return handle >= 0 ? this.#items[handle] : undefined;
  }

  remove(handle: number): T | undefined {
    const item = this.get(handle);
    if (item !== undefined) {
      this.#items[handle] = undefined;
      this.#free.push(handle);
    }
    return item;
  }

  /** Handles in use. */
  get size(): number {
    return this.#items.length - this.#free.length;
  }
}

/** Lets so many tasks run at a time; the others wait in line. */
export class Gate {
  readonly #limit: number;
  readonly #line: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#line.push(resolve));
    else this.#running++;
    try {
      return await task();
    } finally {
      const next = this.#line.shift();
      // The place passes on, so that nobody can slip in between.
      if (next) next();
      else this.#running--;
    }
  }
}

interface Entry {
  run(): void;
}

/**
 * Runs what is asked of one room strictly in the order of the calls (D-3). A command starts in a later
 * microtask than its call, and one microtask after the promise of the command before it was settled, so
 * that who awaits a promise sees the state its command left behind.
 */
export class CommandQueue {
  #entries: Entry[] = [];
  #scheduled = false;

  /** Queues `work`; its result, also a promised one, settles the promise before the next command starts. */
  push<T>(work: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#entries.push({
        run: () => {
          let result: T | Promise<T>;
          try {
            result = work();
          } catch (error) {
            reject(error);
            this.#next();
            return;
          }
          if (!(result instanceof Promise)) {
            resolve(result);
            this.#next();
            return;
          }
          result.then(
            (value) => {
              resolve(value);
              this.#next();
            },
            (error: unknown) => {
              reject(error);
              this.#next();
            },
          );
        },
      });
      if (!this.#scheduled) this.#next();
    });
  }

  #next(): void {
    this.#scheduled = this.#entries.length > 0;
    if (this.#scheduled) queueMicrotask(() => this.#entries.shift()?.run());
  }
}

import type { Driver } from '@weir/db';
import type { Clock } from '../src/clock.ts';

/** Time that passes when a test says so. */
export class VirtualClock implements Clock {
  #now = 1_800_000_000_000;
  #next = 0;
  readonly #timers = new Map<number, { at: number; callback: () => void }>();

  now = (): number => this.#now;

  after = (ms: number, callback: () => void): (() => void) => {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + ms, callback });
    return () => this.#timers.delete(id);
  };

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass until something is done, for at most so long. */
  async until<T>(work: Promise<T>, ms = 120_000): Promise<T> {
    let done = false;
    const noted = work.finally(() => {
      done = true;
    });
    noted.catch(() => {});
    await settle();
    for (let passed = 0; passed < ms && !done; passed += 250) await this.advance(250);
    if (!done) throw new Error(`not done after ${ms} ms`);
    return await noted;
  }

  /** Lets time pass; what timers set off gets to do its work before the next one is due. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      const [id, { at, callback }] = due;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, at);
      callback();
    }
    this.#now = end;
    await settle();
  }
}

/** Calls to databases and to WebCrypto that have not been answered yet: while there are any, time must not pass. */
let busy = 0;

async function during<T>(work: Promise<T>): Promise<T> {
  busy += 1;
  try {
    return await work;
  } finally {
    busy -= 1;
  }
}

/** The same driver, whose calls time waits for. */
export function watched(driver: Driver): Driver {
  return {
    ...driver,
    read: (statements) => during(driver.read(statements)),
    write: (statements) => during(driver.write(statements)),
  };
}

for (const name of ['importKey', 'sign', 'verify', 'digest'] as const) {
  const original = crypto.subtle[name].bind(crypto.subtle) as (...given: unknown[]) => Promise<unknown>;
  Object.defineProperty(crypto.subtle, name, { value: (...given: unknown[]) => during(original(...given)) });
}

/** Lets pending work be done: promises, and answers of databases. */
export async function settle(turns = 3): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    do await new Promise((resolve) => setImmediate(resolve));
    while (busy > 0);
  }
}

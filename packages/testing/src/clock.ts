/** A clock that can wake up its owner; milliseconds. */
export interface Clock {
  now(): number;
  /** Calls back once at that time, or as soon as possible if it is over. */
  at(time: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** Time that only passes when told to. Callbacks of one instant run in the order they were asked for. */
export class VirtualClock implements Clock {
  #now: number;
  #serial = 0;
  readonly #heap: Entry[] = [];

  constructor(start = 0) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  at(time: number, callback: () => void): Timer {
    const entry: Entry = { time: Math.max(time, this.#now), serial: this.#serial++, callback };
    push(this.#heap, entry);
    return {
      cancel: () => {
        entry.callback = undefined;
      },
    };
  }

  /** Time of the next callback; undefined if there is none. */
  next(): number | undefined {
    while (this.#heap[0] && !this.#heap[0].callback) pop(this.#heap);
    return this.#heap[0]?.time;
  }

  /** Lets this much time pass. */
  runFor(milliseconds: number): void {
    this.runUntil(this.#now + milliseconds);
  }

  /** Lets time pass up to and including this moment. */
  runUntil(time: number): void {
    for (let next = this.next(); next !== undefined && next <= time; next = this.next()) this.#step();
    this.#now = Math.max(this.#now, time);
  }

  /**
   * Lets time pass until the condition holds, at most `limitMs`. Returns whether it does; time stands still
   * at the moment it began to.
   */
  runWhile(waiting: () => boolean, limitMs: number): boolean {
    const end = this.#now + limitMs;
    while (waiting()) {
      const next = this.next();
      if (next === undefined || next > end) {
        this.#now = end;
        return !waiting();
      }
      this.#step();
    }
    return true;
  }

  #step(): void {
    const entry = pop(this.#heap)!;
    this.#now = entry.time;
    entry.callback?.();
  }
}

/** The clock of this process; never goes backwards. */
export const realClock: Clock = {
  now: () => performance.now(),
  at(time, callback) {
    const timeout = setTimeout(callback, Math.max(0, time - performance.now()));
    return { cancel: () => clearTimeout(timeout) };
  },
};

interface Entry {
  readonly time: number;
  readonly serial: number;
  callback: (() => void) | undefined;
}

function before(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.serial < b.serial);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (before(heap[parent]!, entry)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): Entry | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!last || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (before(last, heap[child]!)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}

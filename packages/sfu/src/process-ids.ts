import { randomInt } from 'node:crypto';

/** Ids of living objects in this process; numbers of eight digits, as v1's (object-model.md §1.2, D-1). */
const taken = new Set<number>();

const lowest = 10_000_000;
const highest = 99_999_999;

/** A random id that no other living object of the process has. */
export function newProcessId(): number {
  for (;;) {
    const id = randomInt(lowest, highest + 1);
    if (taken.has(id)) continue;
    taken.add(id);
    return id;
  }
}

export function isIdTaken(id: number): boolean {
  return taken.has(id);
}

/** Marks an id that somebody else drew (the room draws those of its senders). */
export function takeId(id: number): void {
  taken.add(id);
}

/** After the object closed. */
export function releaseId(id: number): void {
  taken.delete(id);
}

import { randomBytes } from 'node:crypto';

const pool = randomBytes(1024);
let used = pool.length;

/** 32 random bits that nobody can guess, as a number. */
export function random32(): number {
  if (used + 4 > pool.length) {
    randomBytes(pool.length).copy(pool);
    used = 0;
  }
  const value = pool.readUInt32LE(used);
  used += 4;
  return value;
}

/** A repeatable source of chance. The same seed gives the same numbers, for ever. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** 32 random bits. */
  uint32(): number;
  /** An integer in [0, below). */
  int(below: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  bytes(length: number): Uint8Array;
  /** Another source, not correlated with this one. */
  fork(): Random;
}

/** xoshiro128**, seeded by splitmix32. Not for secrets. */
export function createRandom(seed: number): Random {
  let mix = seed >>> 0;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let d = splitmix() | 1; // never all zero
  const uint32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
  const next = (): number => uint32() / 2 ** 32;
  return {
    next,
    uint32,
    int: (below) => Math.floor(next() * below),
    chance: (probability) => probability > 0 && next() < probability,
    bytes: (length) => Uint8Array.from({ length }, () => uint32() >>> 24),
    fork: () => createRandom(uint32()),
  };
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

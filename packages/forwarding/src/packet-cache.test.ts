import { describe, expect, it } from 'vitest';
import { PacketCache } from './packet-cache.ts';

describe('PacketCache', () => {
  it('finds what came lately, and only that', () => {
    const cache = new PacketCache(8);
    for (let n = 65_530; n < 65_545; n++) cache.put(n, n * 2, n & 0xff, n / 10);
    expect(cache.serial(65_544)).toBe(131_088);
    expect(cache.packetLength(65_544)).toBe(65_544 & 0xff);
    expect(cache.arrivedAt(65_544)).toBe(6554.4);
    expect(cache.has(65_537)).toBe(true);
    // Pushed out, and not to be confused with its successor in the same place.
    expect(cache.has(65_536)).toBe(false);
    expect(cache.serial(65_536)).toBe(-1);
    expect(cache.serial(65_545)).toBe(-1);
  });

  it('works with numbers beyond 32 bits', () => {
    const cache = new PacketCache(16);
    const big = 2 ** 40 + 5;
    cache.put(big, 7, 1, 0);
    expect(cache.serial(big)).toBe(7);
    expect(cache.serial(5)).toBe(-1);
  });

  it('takes powers of two only', () => {
    expect(() => new PacketCache(100)).toThrow(RangeError);
  });
});

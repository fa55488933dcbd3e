import { expect, test } from 'vitest';
import { socketContract } from '../test/socket-contract.ts';
import { createLink, type LinkOptions, seededRandom } from './link.ts';
import { MemoryNetwork } from './memory-network.ts';

let host = 0;

socketContract('memory', () => {
  const network = new MemoryNetwork();
  return {
    open: async () => network.open(`10.0.0.${(host++ % 250) + 1}`),
    run: async (done) => {
      for (let turn = 0; !done(); turn++) {
        if (turn > 1000) throw new Error('it did not happen within 1000 ms');
        network.advance(network.now + 1);
      }
    },
  };
});

test('nothing arrives before its time, and then in order', () => {
  const network = new MemoryNetwork(() => [25]);
  const a = network.open('10.0.0.1', 1000);
  const b = network.open('10.0.0.2', 2000);
  const got: [number, number][] = [];
  b.onMessage = (data) => got.push([data[0]!, network.now]);
  a.send(Uint8Array.of(1), '10.0.0.2', 2000);
  network.advance(10);
  a.send(Uint8Array.of(2), '10.0.0.2', 2000);
  network.advance(24);
  expect(got).toEqual([]);
  expect(network.nextDelivery()).toBe(25);
  network.advance(100);
  expect(got).toEqual([
    [1, 25],
    [2, 35],
  ]);
  expect(network.nextDelivery()).toBeUndefined();
});

test('an answer counts from the moment of delivery', () => {
  const network = new MemoryNetwork(() => [10]);
  const a = network.open('10.0.0.1');
  const b = network.open('10.0.0.2');
  b.onMessage = (data, ip, port) => b.send(data, ip, port);
  let answeredAt = -1;
  a.onMessage = () => {
    answeredAt = network.now;
  };
  a.send(Uint8Array.of(1), b.address.ip, b.address.port);
  network.advance(1000);
  expect(answeredAt).toBe(20);
});

test('time does not run back, taken addresses are refused, closed ones are free again', () => {
  const network = new MemoryNetwork();
  network.advance(5);
  expect(() => network.advance(4)).toThrow(RangeError);
  const a = network.open('10.0.0.1', 9);
  expect(() => network.open('10.0.0.1', 9)).toThrow('EADDRINUSE');
  a.close();
  network.open('10.0.0.1', 9);
});

test('a receiver that keeps the bytes keeps rubbish', () => {
  const network = new MemoryNetwork();
  const a = network.open('10.0.0.1');
  const b = network.open('10.0.0.2');
  let kept = new Uint8Array(0);
  b.onMessage = (data) => {
    kept = data as Uint8Array<ArrayBuffer>;
    expect(data[0]).toBe(7);
  };
  a.send(Uint8Array.of(7), b.address.ip, b.address.port);
  network.advance(1);
  expect(kept).toEqual(Uint8Array.of(0xdb));
});

test('datagrams to nobody are counted', () => {
  const network = new MemoryNetwork();
  network.open('10.0.0.1').send(Uint8Array.of(1), '10.0.0.9', 1);
  network.advance(1);
  expect(network.undeliverable).toBe(1);
});

/** Sends `count` datagrams of 1000 bytes, one per `spacingMs`; answers what arrives and when. */
function through(options: LinkOptions, count: number, spacingMs = 1): { n: number; at: number }[] {
  const network = new MemoryNetwork(createLink(options));
  const a = network.open('10.0.0.1');
  const b = network.open('10.0.0.2');
  const got: { n: number; at: number }[] = [];
  b.onMessage = (data) => got.push({ n: data[0]! * 256 + data[1]!, at: network.now });
  const bytes = new Uint8Array(1000);
  for (let n = 0; n < count; n++) {
    bytes[0] = n >> 8;
    bytes[1] = n;
    a.send(bytes, b.address.ip, b.address.port);
    network.advance((n + 1) * spacingMs);
  }
  network.advance(1e6);
  return got;
}

test('loss, delay and jitter are as told, and the same for the same seed', () => {
  const options = { seed: 5, loss: 0.1, delayMs: 50, jitterMs: 10 };
  const got = through(options, 5000);
  expect(got.length).toBeGreaterThan(4350);
  expect(got.length).toBeLessThan(4650);
  for (const { n, at } of got) {
    expect(at - n).toBeGreaterThanOrEqual(50);
    expect(at - n).toBeLessThan(60);
  }
  expect(got.some(({ n }, i) => i > 0 && n < got[i - 1]!.n)).toBe(true);
  expect(through(options, 5000)).toEqual(got);
  expect(through({ ...options, seed: 6 }, 5000)).not.toEqual(got);
});

test('reordering lets later datagrams overtake, duplication brings some twice', () => {
  const reordered = through({ reorder: 0.1, reorderDelayMs: 5 }, 1000).map(({ n }) => n);
  expect(reordered).toHaveLength(1000);
  expect(reordered).not.toEqual([...reordered].sort((a, b) => a - b));
  const twice = through({ duplicate: 0.5 }, 1000);
  expect(twice.length).toBeGreaterThan(1400);
  expect(new Set(twice.map(({ n }) => n)).size).toBe(1000);
});

test('a bottleneck spaces datagrams and drops what its queue can not hold', () => {
  // 1000 bytes at 800 kbit/s take 10 ms; 5000 bytes may wait.
  const got = through({ rateBps: 800_000, queueBytes: 5000 }, 100, 1);
  expect(got.length).toBeGreaterThan(10);
  expect(got.length).toBeLessThan(20);
  for (let i = 1; i < got.length; i++) expect(got[i]!.at - got[i - 1]!.at).toBeCloseTo(10, 6);
});

test('the random generator spreads evenly', () => {
  const random = seededRandom(42);
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) buckets[Math.floor(random() * 10)]!++;
  for (const n of buckets) expect(Math.abs(n - 1000)).toBeLessThan(150);
});

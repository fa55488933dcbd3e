import { describe, expect, test } from 'vitest';
import { VirtualClock } from './clock.ts';
import type { LinkPolicy } from './link-shaper.ts';
import { LinkShaper } from './link-shaper.ts';
import { pair } from './pair.ts';
import { createRandom } from './random.ts';
import { VirtualNetwork } from './virtual-network.ts';

const COUNT = 20_000;

/** Sends numbered datagrams of 100 bytes, one each ms, and gives what arrived when. */
function send(policy: LinkPolicy, count = COUNT, seed = 1): { number: number; at: number }[] {
  const line = pair({ ...policy, seed });
  const arrived: { number: number; at: number }[] = [];
  line.right.onMessage = (data) => {
    arrived.push({ number: new DataView(data.buffer).getUint32(0), at: line.clock.now() });
  };
  for (let i = 0; i < count; i++) {
    const data = new Uint8Array(100);
    new DataView(data.buffer).setUint32(0, i);
    line.clock.at(i, () => line.left.send(data));
  }
  line.runFor(count + 10_000);
  return arrived;
}

describe('policies', () => {
  test('none: everything at once, in order', () => {
    expect(send({}, 100)).toEqual(Array.from({ length: 100 }, (_, i) => ({ number: i, at: i })));
  });

  test('loss: the share that was asked for', () => {
    expect(send({ loss: 0.1 }).length / COUNT).toBeCloseTo(0.9, 1);
    expect(send({ loss: 1 }, 100)).toEqual([]);
  });

  test('loss in bursts: the same share, in runs of the wanted mean length', () => {
    const numbers = new Set(send({ loss: 0.1, lossBurst: 5 }).map(({ number }) => number));
    let runs = 0;
    let lost = 0;
    for (let i = 0; i < COUNT; i++) {
      if (numbers.has(i)) continue;
      lost++;
      if (numbers.has(i - 1) || i === 0) runs++;
    }
    expect(lost / COUNT).toBeGreaterThan(0.08);
    expect(lost / COUNT).toBeLessThan(0.12);
    expect(lost / runs).toBeGreaterThan(4);
    expect(lost / runs).toBeLessThan(6);
  });

  test('delay and jitter: within bounds, order kept', () => {
    const arrived = send({ delayMs: 30, jitterMs: 20 }, 2_000);
    for (const { number, at } of arrived) {
      expect(at - number).toBeGreaterThanOrEqual(30);
      expect(at - number).toBeLessThanOrEqual(50);
    }
    expect(arrived.map(({ number }) => number)).toEqual(Array.from({ length: 2_000 }, (_, i) => i));
  });

  test('reorder: about that share is overtaken, nothing is lost', () => {
    const arrived = send({ reorder: 0.3, reorderMs: 10 }, 5_000).map(({ number }) => number);
    expect([...arrived].sort((a, b) => a - b)).toEqual(Array.from({ length: 5_000 }, (_, i) => i));
    let highest = -1;
    let late = 0;
    for (const number of arrived) {
      if (number < highest) late++;
      highest = Math.max(highest, number);
    }
    expect(late / 5_000).toBeGreaterThan(0.2);
    expect(late / 5_000).toBeLessThan(0.3);
  });

  test('duplicate: about that share comes twice', () => {
    expect(send({ duplicate: 0.25 }).length / COUNT).toBeCloseTo(1.25, 1);
  });

  test('rate: what passes in a second, the rest waits and then is dropped', () => {
    // 100 bytes each ms are 800 kbit/s; half of that passes.
    const arrived = send({ rateBps: 400_000 }, 4_000);
    const inTime = arrived.filter(({ at }) => at < 4_000).length;
    expect(inTime).toBeGreaterThan(1_980);
    expect(inTime).toBeLessThanOrEqual(2_000);
    const slowest = Math.max(...arrived.map(({ number, at }) => at - number));
    expect(slowest).toBeGreaterThan(240);
    expect(slowest).toBeLessThanOrEqual(252); // the queue of 250 ms, and the datagram itself
  });

  test('maxBytes: longer ones are lost', () => {
    expect(send({ maxBytes: 99 }, 10)).toEqual([]);
    expect(send({ maxBytes: 100 }, 10)).toHaveLength(10);
  });

  test('the same seed gives the same history', () => {
    const policy = { loss: 0.2, jitterMs: 30, reorder: 0.2, duplicate: 0.1 };
    expect(send(policy, 500, 9)).toEqual(send(policy, 500, 9));
    expect(send(policy, 500, 9)).not.toEqual(send(policy, 500, 10));
  });

  test('counters add up', () => {
    const shaper = new LinkShaper({ loss: 0.2, duplicate: 0.1, rateBps: 80_000 }, createRandom(1));
    let arrivals = 0;
    for (let i = 0; i < 1_000; i++) arrivals += shaper.offer(100, i * 5).length;
    const { offered, lost, overflowed, delivered, duplicated } = shaper.counters;
    expect(offered).toBe(1_000);
    expect(delivered).toBe(arrivals);
    expect(lost + overflowed + delivered - duplicated).toBe(offered);
    expect(Math.min(lost, overflowed, duplicated)).toBeGreaterThan(0);
  });
});

describe('addresses', () => {
  test('each direction has its policy, and it can change while datagrams fly', () => {
    const clock = new VirtualClock();
    const network = new VirtualNetwork({ clock });
    const a = network.bind('10.0.0.1', 1);
    const b = network.bind('10.0.0.2');
    const heard: string[] = [];
    a.onMessage = (_, ip, port) => heard.push(`a from ${ip}:${port} at ${clock.now()}`);
    b.onMessage = (_, ip, port) => heard.push(`b from ${ip}:${port} at ${clock.now()}`);
    network.setPolicy('10.0.0.1', '10.0.0.2', { delayMs: 5 });
    a.send(new Uint8Array(1), b.address.ip, b.address.port);
    b.send(new Uint8Array(1), '10.0.0.1', 1);
    network.setDefaultPolicy({ loss: 1 });
    b.send(new Uint8Array(1), '10.0.0.1', 1);
    clock.runFor(10);
    expect(heard).toEqual([`a from 10.0.0.2:${b.address.port} at 0`, 'b from 10.0.0.1:1 at 5']);
    expect(network.counters('10.0.0.2', '10.0.0.1')).toMatchObject({ offered: 2, lost: 1 });
  });

  test('an address is bound once; after close it is free and deaf', () => {
    const network = new VirtualNetwork({ clock: new VirtualClock() });
    const socket = network.bind('10.0.0.1', 1);
    expect(() => network.bind('10.0.0.1', 1)).toThrow(/in use/);
    socket.close();
    network.bind('10.0.0.1', 1);
  });

  test('what is sent is copied', () => {
    const line = pair();
    const data = Uint8Array.of(1);
    line.left.send(data);
    data[0] = 2;
    line.runFor(1);
    expect([...line.right.received[0]!]).toEqual([1]);
  });
});

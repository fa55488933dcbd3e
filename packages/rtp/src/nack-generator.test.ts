import { describe, expect, it, test } from 'vitest';
import { NackGenerator } from './nack-generator.ts';

const out = new Uint16Array(1000);

function collect(generator: NackGenerator, now: number): number[] {
  return [...out.subarray(0, generator.collect(now, out))];
}

function receive(generator: NackGenerator, seq: number, now = 0, isKeyFrame = false): number[] {
  generator.receive(seq, isKeyFrame, false, now);
  return collect(generator, now);
}

test('W39 nack one packet', () => {
  const generator = new NackGenerator();
  expect(receive(generator, 1)).toEqual([]);
  expect(receive(generator, 3)).toEqual([2]);
  expect(receive(generator, 2)).toEqual([]);
  expect(receive(generator, 4)).toEqual([]);
  expect(generator.missingCount).toBe(0);
});

test('W40 wrapping sequence numbers', () => {
  const generator = new NackGenerator();
  expect(receive(generator, 0xfffe)).toEqual([]);
  expect(receive(generator, 1)).toEqual([0xffff, 0]);
});

test('W41 require PLI', () => {
  const generator = new NackGenerator();
  receive(generator, 1);
  expect(receive(generator, 510)).toEqual([]);
  expect(generator.keyFrameNeeded).toBe(true);
});

test('exactly 500 missing packets are still asked for', () => {
  const generator = new NackGenerator();
  receive(generator, 1);
  expect(receive(generator, 502)).toHaveLength(500);
  expect(generator.keyFrameNeeded).toBe(false);
  expect(receive(generator, 504)).toEqual([]);
  expect(generator.keyFrameNeeded).toBe(true);
});

test('packets before a key frame are given up first', () => {
  const generator = new NackGenerator();
  receive(generator, 1);
  expect(receive(generator, 402)).toHaveLength(400);
  receive(generator, 403, 0, true);
  expect(receive(generator, 604)).toHaveLength(200);
  expect(generator.keyFrameNeeded).toBe(false);
  expect(generator.missingCount).toBe(200);
});

test('asks again after each round trip, eight times in all', () => {
  const generator = new NackGenerator();
  generator.rttMs = 50;
  receive(generator, 1, 0);
  expect(receive(generator, 3, 0)).toEqual([2]);
  let asked = 1;
  for (let now = 25; now < 2000; now += 25) {
    const list = collect(generator, now);
    expect(list.length).toBeLessThanOrEqual(1);
    if (list.length > 0) expect(now % 50).toBe(0);
    asked += list.length;
  }
  expect(asked).toBe(8);
  expect(generator.missingCount).toBe(0);
  expect(generator.nextTimeout(2000)).toBeUndefined();
});

test('says when a retransmission fills a gap', () => {
  const generator = new NackGenerator();
  receive(generator, 1);
  receive(generator, 3);
  expect(generator.nextTimeout(0)).toBe(100);
  expect(generator.nextTimeout(99)).toBe(104);
  expect(generator.receive(2, false, true, 10)).toBe(true);
  expect(generator.receive(2, false, true, 11)).toBe(false);
});

test('a retransmission that runs ahead is not asked for again', () => {
  const generator = new NackGenerator();
  receive(generator, 10);
  generator.receive(12, false, true, 0);
  expect(receive(generator, 14)).toEqual([11, 13]);
});

test('a reorder delay holds new gaps back', () => {
  const generator = new NackGenerator(10);
  receive(generator, 1, 0);
  expect(receive(generator, 3, 0)).toEqual([]);
  expect(collect(generator, 9)).toEqual([]);
  expect(collect(generator, 10)).toEqual([2]);
});

test('a small output array gets the rest with the next call', () => {
  const generator = new NackGenerator();
  receive(generator, 1);
  generator.receive(7, false, false, 0);
  const small = new Uint16Array(3);
  expect(generator.collect(0, small)).toBe(3);
  expect([...small]).toEqual([2, 3, 4]);
  expect(generator.collect(0, small)).toBe(2);
  expect([...small.subarray(0, 2)]).toEqual([5, 6]);
});

test('nothing older than 10000 packets is kept', () => {
  const generator = new NackGenerator();
  receive(generator, 0);
  receive(generator, 2);
  for (let seq = 3; seq <= 10_002; seq++) generator.receive(seq, false, false, 0);
  expect(generator.missingCount).toBe(0);
});

describe('the time that a repair takes', () => {
  /** Loses packet `seq`, asks as the owner would, and answers the request number `answered` after `rttMs`. */
  function lose(nack: NackGenerator, seq: number, at: number, rttMs: number, answered = 1): number {
    const out = new Uint16Array(10);
    nack.receive(seq - 1, false, false, at);
    nack.receive(seq + 1, false, false, at);
    let asks = 0;
    let answerAt = Number.POSITIVE_INFINITY;
    for (let now = at; ; now += 5) {
      if (now >= answerAt) {
        nack.receive(seq, false, true, now);
        return asks;
      }
      if (nack.collect(now, out) > 0 && ++asks === answered) answerAt = now + rttMs;
    }
  }

  it('is learnt from repairs, so that near sources are asked again sooner', () => {
    const nack = new NackGenerator();
    nack.rttMs = 100;
    for (let i = 1; i < 40; i++) lose(nack, i * 4, i * 1000, 30);
    expect(nack.repairMs).toBeCloseTo(30, 0);
    const out = new Uint16Array(10);
    nack.receive(999, false, false, 100_000);
    nack.receive(1001, false, false, 100_000);
    nack.collect(100_000, out);
    expect(nack.collect(100_030, out)).toBe(0);
    expect(nack.collect(100_040, out)).toBeGreaterThan(0);
  });

  it('grows where a far source is asked too often, and not because some requests are lost', () => {
    const far = new NackGenerator();
    far.rttMs = 100;
    let asks = 0;
    for (let i = 1; i < 60; i++) asks = lose(far, i * 4, i * 5000, 300);
    expect(asks).toBe(1);
    const near = new NackGenerator();
    for (let i = 1; i < 200; i++) lose(near, i * 4, i * 1000, 40, i % 10 === 0 ? 2 : 1);
    expect(near.repairMs).toBeLessThan(60);
  });
});

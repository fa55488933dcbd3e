import { TransportFeedback, TransportFeedbackRecorder } from '@weir/rtp';
import { createRandom } from '@weir/testing';
import { describe, expect, it } from 'vitest';
import { SendSideEstimator } from './send-side-estimator.ts';

/** A path and a sender that follows the estimate up to `wishBps`, with packets of 1000 bytes every few ms. */
class Loop {
  readonly estimator: SendSideEstimator;
  readonly random = createRandom(7);
  readonly #recorder = new TransportFeedbackRecorder();
  readonly #feedback = new TransportFeedback();
  readonly #bytes = new Uint8Array(1500);
  readonly #arrivals: { at: number; sequence: number }[] = [];
  readonly #inbound: { at: number; bytes: Uint8Array }[] = [];
  now = 1000;
  capacityBps = 1_000_000;
  delayMs = 25;
  jitterMs = 0;
  loss = 0;
  queueMs = 250;
  wishBps = Number.POSITIVE_INFINITY;
  /** What goes out before waits until then, and is not lost. */
  heldUntil = 0;
  /** Longest wait in the queue since the last reset. */
  worstQueueMs = 0;
  #sequence = 65_000;
  #credit = 0;
  #freeAt = 0;
  #lastArrival = 0;
  #nextFeedback = 0;

  constructor(initialBps = 600_000) {
    this.estimator = new SendSideEstimator({ initialBps });
  }

  run(milliseconds: number): void {
    for (const end = this.now + milliseconds; this.now < end; this.now += 5) this.#step();
  }

  #step(): void {
    const { now, estimator } = this;
    const rate = Math.min(this.wishBps, estimator.bps);
    this.#credit = Math.min(5000, this.#credit + (rate * 5) / 8000);
    let probe = estimator.probe.deficit(now);
    while (this.#credit >= 1000 || probe > 0) {
      if (this.#credit >= 1000) this.#credit -= 1000;
      probe -= 1000;
      this.#send();
    }
    while (this.#arrivals[0] !== undefined && this.#arrivals[0].at <= now) {
      const { at, sequence } = this.#arrivals.shift()!;
      this.#recorder.record(sequence, at);
    }
    if (now >= this.#nextFeedback && this.#recorder.pending) {
      this.#nextFeedback = now + 100;
      const end = this.#recorder.write(this.#bytes, 0, 1200, 1, 2);
      this.#inbound.push({ at: now + this.delayMs, bytes: this.#bytes.slice(12, end) });
    }
    while (this.#inbound[0] !== undefined && this.#inbound[0].at <= now) {
      const { bytes } = this.#inbound.shift()!;
      expect(this.#feedback.parse(bytes, 0, bytes.length)).toBe(true);
      estimator.feedback(this.#feedback, now);
    }
    estimator.tick(now);
  }

  #send(): void {
    const sequence = this.#sequence++ & 0xffff;
    this.estimator.sent(sequence, 1000, this.now);
    if (this.random.chance(this.loss) || this.capacityBps <= 0) return;
    const waiting = Math.max(0, this.#freeAt - this.now);
    if (waiting > this.queueMs) return;
    this.worstQueueMs = Math.max(this.worstQueueMs, waiting);
    this.#freeAt = this.now + waiting + 8_000_000 / this.capacityBps;
    const at = Math.max(this.heldUntil, this.#freeAt + this.delayMs + this.random.next() * this.jitterMs);
    this.#lastArrival = Math.max(this.#lastArrival, at);
    this.#arrivals.push({ at: this.#lastArrival, sequence });
  }
}

describe('the estimate', () => {
  it.each([300_000, 1_000_000, 3_000_000])('finds a capacity of %d and keeps the queue short', (capacity) => {
    const loop = new Loop();
    loop.capacityBps = capacity;
    loop.run(30_000);
    loop.worstQueueMs = 0;
    let sum = 0;
    for (let i = 0; i < 100; i++) {
      loop.run(100);
      sum += loop.estimator.bps;
    }
    expect(sum / 100).toBeGreaterThan(capacity * 0.75);
    expect(sum / 100).toBeLessThan(capacity * 1.05);
    expect(loop.worstQueueMs).toBeLessThan(150);
    expect(loop.estimator.limit).toBe('delay');
  });

  it('falls within a second when the capacity does, and is not fooled by the queue that is left', () => {
    const loop = new Loop(2_000_000);
    loop.capacityBps = 3_000_000;
    loop.run(10_000);
    loop.capacityBps = 500_000;
    loop.run(1500);
    expect(loop.estimator.bps).toBeLessThan(600_000);
    loop.run(5000);
    expect(loop.estimator.bps).toBeGreaterThan(300_000);
  });

  it('does not grow on a rate that is not used', () => {
    const loop = new Loop();
    loop.capacityBps = 10_000_000;
    loop.wishBps = 300_000;
    loop.run(20_000);
    expect(loop.estimator.bps).toBeLessThanOrEqual(600_000);
  });

  it('learns by a probe what it does not use', () => {
    const loop = new Loop(300_000);
    loop.capacityBps = 3_000_000;
    loop.wishBps = 150_000;
    loop.run(2000);
    const verdicts: [number, boolean][] = [];
    loop.estimator.onProbe = (bps, carried) => verdicts.push([bps, carried]);
    loop.estimator.probe.start(1_800_000, loop.now);
    loop.run(1000);
    expect(verdicts).toHaveLength(1);
    expect(verdicts[0]![1]).toBe(true);
    expect(loop.estimator.bps).toBeGreaterThan(1_500_000);
    expect(loop.estimator.bps).toBeLessThan(2_100_000);
  });

  it.each([95_000, 150_000])('learns by a probe even at %d, where packets are few', (bps) => {
    const loop = new Loop(bps);
    loop.capacityBps = 3_000_000;
    loop.wishBps = 50_000;
    loop.run(2000);
    const verdicts: boolean[] = [];
    loop.estimator.onProbe = (_, carried) => verdicts.push(carried);
    loop.estimator.probe.start(bps * 3, loop.now);
    loop.run(1500);
    expect(verdicts).toEqual([true]);
    expect(loop.estimator.bps).toBeGreaterThan(bps * 2);
  });

  it('is told by a probe that there is no more', () => {
    const loop = new Loop(300_000);
    loop.capacityBps = 600_000;
    loop.wishBps = 150_000;
    loop.run(2000);
    let carried = true;
    loop.estimator.onProbe = (_, ok) => {
      carried = ok;
    };
    loop.estimator.probe.start(1_800_000, loop.now);
    loop.run(1500);
    expect(carried).toBe(false);
    expect(loop.estimator.bps).toBeLessThan(650_000);
  });

  it.each([0.02, 0.05, 0.1, 0.2])('does not starve at %d loss that sending less does not cure', (loss) => {
    const loop = new Loop();
    loop.capacityBps = 3_000_000;
    loop.wishBps = 1_000_000;
    loop.loss = loss;
    loop.run(30_000);
    let low = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 300; i++) {
      loop.run(100);
      low = Math.min(low, loop.estimator.bps);
    }
    expect(low).toBeGreaterThan(600_000);
    expect(loop.estimator.loss.ownLoss).toBeGreaterThan(loss * 0.5);
  });

  it('respects a path that drops instead of queueing', () => {
    const loop = new Loop(2_000_000);
    loop.capacityBps = 1_000_000;
    loop.queueMs = 12;
    loop.run(20_000);
    let sum = 0;
    for (let i = 0; i < 100; i++) {
      loop.run(100);
      sum += loop.estimator.bps;
    }
    expect(sum / 100).toBeLessThan(1_400_000);
    expect(sum / 100).toBeGreaterThan(500_000);
  });

  it('stands jitter', () => {
    const loop = new Loop();
    loop.capacityBps = 3_000_000;
    loop.jitterMs = 30;
    loop.wishBps = 1_000_000;
    loop.run(20_000);
    expect(loop.estimator.bps).toBeGreaterThan(700_000);
  });

  it('goes down in silence and comes back by a probe', () => {
    const loop = new Loop();
    loop.capacityBps = 3_000_000;
    loop.wishBps = 1_000_000;
    loop.run(10_000);
    loop.capacityBps = 0;
    loop.run(5000);
    expect(loop.estimator.limit).toBe('silence');
    expect(loop.estimator.bps).toBeLessThan(100_000);
    loop.capacityBps = 3_000_000;
    loop.run(500);
    expect(loop.estimator.silent).toBe(false);
    loop.estimator.probe.start(1_200_000, loop.now);
    loop.run(1000);
    expect(loop.estimator.bps).toBeGreaterThan(850_000);
  });

  it('takes up what it had when a silence turns out to have held packets up', () => {
    const loop = new Loop();
    loop.capacityBps = 3_000_000;
    loop.wishBps = 500_000;
    loop.run(10_000);
    const before = loop.estimator.bps;
    loop.heldUntil = loop.now + 4000;
    loop.run(3900);
    expect(loop.estimator.limit).toBe('silence');
    expect(loop.estimator.bps).toBeLessThan(100_000);
    loop.run(600);
    expect(loop.estimator.silent).toBe(false);
    expect(loop.estimator.bps).toBeGreaterThan(before * 0.9);
  });

  it('does not take it up when the silence has swallowed packets', () => {
    const loop = new Loop();
    loop.capacityBps = 3_000_000;
    loop.wishBps = 500_000;
    loop.run(10_000);
    loop.capacityBps = 0;
    loop.run(4000);
    loop.capacityBps = 300_000;
    loop.run(600);
    expect(loop.estimator.silent).toBe(false);
    expect(loop.estimator.bps).toBeLessThan(150_000);
  });

  it('never goes below the minimum', () => {
    const loop = new Loop();
    loop.estimator.minBps = 400_000;
    loop.capacityBps = 100_000;
    loop.run(10_000);
    expect(loop.estimator.bps).toBe(400_000);
    expect(loop.estimator.limit).toBe('minimum');
  });
});

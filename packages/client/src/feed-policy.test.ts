import { describe, expect, it } from 'vitest';
import { FeedPolicy } from './feed-policy.ts';

describe('FeedPolicy', () => {
  it('resumes a stream that ended in its time almost at once', () => {
    const policy = new FeedPolicy('sse');
    expect(policy.next({ type: 'ended', livedMs: 120_000 }, 0, 0.5)).toEqual({ mode: 'sse', delayMs: 125 });
  });

  it('slows down on a server that hangs up at once', () => {
    const policy = new FeedPolicy('sse');
    const delays = [1, 2, 3, 4, 5, 6].map(() => policy.next({ type: 'ended', livedMs: 10 }, 0, 0).delayMs);
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 4000]);
    policy.next({ type: 'ended', livedMs: 60_000 }, 0, 0);
    expect(policy.next({ type: 'failed' }, 0, 0).delayMs).toBe(250);
  });

  it('takes `retry:` as the least wait, except for the first attempt', () => {
    const policy = new FeedPolicy('sse');
    policy.serverRetry(3000);
    expect([1, 2, 3].map(() => policy.next({ type: 'failed' }, 0, 0).delayMs)).toEqual([250, 3000, 3000]);
  });

  it('honours Retry-After', () => {
    const policy = new FeedPolicy('sse');
    expect(policy.next({ type: 'failed', retryAfterMs: 20_000 }, 0, 0).delayMs).toBe(20_000);
  });

  it('stays with streaming while the network is away', () => {
    const policy = new FeedPolicy('sse');
    for (let n = 0; n < 100; n++) expect(policy.next({ type: 'failed' }, n * 1000, 0).mode).toBe('sse');
  });

  it('polls after two silent streams, but not after one of them and a good one', () => {
    const policy = new FeedPolicy('sse');
    expect(policy.next({ type: 'silent' }, 0, 0).mode).toBe('sse');
    policy.streamWorks();
    expect(policy.next({ type: 'silent' }, 0, 0).mode).toBe('sse');
    expect(policy.next({ type: 'silent' }, 0, 0)).toEqual({ mode: 'poll', delayMs: 0 });
    expect(policy.mode).toBe('poll');
  });

  it('polls at once where there is no stream at all', () => {
    expect(new FeedPolicy('sse').next({ type: 'unfit' }, 0, 0)).toEqual({ mode: 'poll', delayMs: 0 });
  });

  it('tries streaming again at growing intervals', () => {
    const policy = new FeedPolicy('sse');
    policy.next({ type: 'unfit' }, 0, 0);
    const probes: number[] = [];
    for (let now = 0; now < 4_000_000; now += 1000) {
      const step = policy.next({ type: 'page', tookMs: 1000, events: 0 }, now, 0);
      if (step.mode !== 'sse') continue;
      probes.push(now);
      expect(policy.next({ type: 'silent' }, now, 0).mode).toBe('poll');
    }
    expect(probes).toEqual([
      60_000, 180_000, 420_000, 900_000, 1_500_000, 2_100_000, 2_700_000, 3_300_000, 3_900_000,
    ]);
  });

  it('never streams when told to poll', () => {
    const policy = new FeedPolicy('poll');
    for (let now = 0; now < 4_000_000; now += 25_000) {
      expect(policy.next({ type: 'page', tookMs: 25_000, events: 0 }, now, 0)).toEqual({
        mode: 'poll',
        delayMs: 0,
      });
    }
  });

  it('does not hammer a server that answers empty pages at once', () => {
    const policy = new FeedPolicy('poll');
    expect(policy.next({ type: 'page', tookMs: 3, events: 0 }, 0, 0).delayMs).toBe(1000);
    expect(policy.next({ type: 'page', tookMs: 3, events: 1 }, 0, 0).delayMs).toBe(0);
  });
});

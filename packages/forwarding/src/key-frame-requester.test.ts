import { describe, expect, it } from 'vitest';
import { KeyFrameRequester } from './key-frame-requester.ts';

/** Times of requests when take() is tried every 10 ms. */
function times(requester: KeyFrameRequester, from: number, to: number): number[] {
  const sent: number[] = [];
  for (let now = from; now <= to; now += 10) if (requester.take(now)) sent.push(now);
  return sent;
}

describe('KeyFrameRequester', () => {
  it('asks at once, then repeats ever slower until the key frame is there', () => {
    const requester = new KeyFrameRequester();
    requester.want();
    requester.want();
    expect(times(requester, 0, 9000)).toEqual([0, 300, 900, 2100, 4100, 6100, 8100]);
    requester.received();
    expect(requester.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
    expect(times(requester, 9000, 12_000)).toEqual([]);
  });

  it('keeps a distance between requests, also over key frames', () => {
    const requester = new KeyFrameRequester();
    requester.want();
    expect(times(requester, 0, 0)).toEqual([0]);
    requester.received();
    requester.want();
    expect(requester.nextTimeout()).toBe(300);
    expect(times(requester, 10, 400)).toEqual([300]);
  });

  it('takes a distance from its owner', () => {
    const requester = new KeyFrameRequester();
    requester.setDelay(2000);
    requester.want();
    expect(times(requester, 0, 5000)).toEqual([0, 2000, 4000]);
    requester.setDelay(0);
    expect(requester.minIntervalMs).toBe(300);
  });

  it('stops when nobody is left', () => {
    const requester = new KeyFrameRequester();
    requester.want();
    requester.cancel();
    expect(requester.take(1000)).toBe(false);
  });
});

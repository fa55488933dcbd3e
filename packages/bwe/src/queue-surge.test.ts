import { describe, expect, it } from 'vitest';
import { QueueSurge } from './queue-surge.ts';

const frameMs = 33;

/** Feeds queue lengths of one frame each; answers when it was surging. */
function surges(...queues: number[]): boolean[] {
  const surge = new QueueSurge();
  return queues.map((queueMs, i) => {
    surge.update(queueMs, i * frameMs + queueMs);
    return surge.surging;
  });
}

describe('a queue that fills within a few frames', () => {
  it('is seen with the second frame that stands in it', () => {
    expect(surges(0, 5, 2, 87, 158, 230)).toEqual([false, false, false, false, true, true]);
  });

  it('is still seen while it stands, full', () => {
    expect(surges(0, 0, 100, 230, 230, 230).slice(3)).toEqual([true, true, true]);
  });

  it('is no stall that drains by itself, no key frame, and no jitter', () => {
    expect(surges(0, 0, 180, 147, 114, 81, 48, 15, 0)).not.toContain(true);
    expect(surges(0, 0, 95, 84, 70, 60, 45)).not.toContain(true);
    expect(surges(...Array.from({ length: 200 }, (_, i) => (i * 37) % 61))).not.toContain(true);
  });

  it('is nothing new when it has stood for longer than half a second', () => {
    expect(surges(0, 0, ...Array.from({ length: 30 }, () => 200)).at(-1)).toBe(false);
  });

  it('is forgotten with the path', () => {
    const surge = new QueueSurge();
    for (const queueMs of [0, 0, 100, 200]) surge.update(queueMs, queueMs);
    expect(surge.surging).toBe(true);
    surge.reset();
    expect(surge.surging).toBe(false);
  });
});

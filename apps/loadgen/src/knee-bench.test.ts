import { expect, it } from 'vitest';
import type { ForwardingResult } from './forwarding-bench.ts';
import { findKnee } from './knee-bench.ts';

function losing(from: number) {
  const tried: number[] = [];
  const measure = async (packetsPerFrame: number) => {
    tried.push(packetsPerFrame);
    return { lossPercent: packetsPerFrame >= from ? 3 : 0 } as ForwardingResult;
  };
  return { tried, measure };
}

it('raises the load until packets are lost, and goes back to 60 % of it', async () => {
  const { tried, measure } = losing(30);
  const floor = losing(Number.POSITIVE_INFINITY);
  const { lossAtPps } = await findKnee('weir-native', 50, measure, floor.measure);
  expect(tried).toEqual([10, 15, 23, 35, 21]);
  expect(lossAtPps).toBe(35 * 30);
  expect(floor.tried).toEqual([21]);
});

it('ends where the publisher can do no more', async () => {
  const { tried, measure } = losing(Number.POSITIVE_INFINITY);
  const { lossAtPps } = await findKnee('floor', 50, measure, () => expect.unreachable());
  expect(lossAtPps).toBeUndefined();
  expect(tried.at(-1)).toBeLessThan(tried.at(-2)!);
});

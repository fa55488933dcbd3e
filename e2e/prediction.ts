import type { LinkPolicy } from '@weir/testing';
import { camera } from '../packages/media-worker/test/quality/layered-publisher.ts';
import { play } from '../packages/media-worker/test/quality/run.ts';

/** Of Chromium's fake camera in these tests. */
const framesPerSecond = 10;

/**
 * What the simulation of docs/quality says of a link: layer and freezes, with a camera whose layers cost what those that a
 * browser really sent did (`costs`, bits per second from low to high).
 */
export function predict(link: LinkPolicy, costs: readonly number[], seconds: number): string {
  const policy = { ...link, rateBps: link.rateBps || 10_000_000 };
  const settleSeconds = 15;
  const quality = play({
    name: 'real link',
    durationMs: (settleSeconds + seconds) * 1000,
    phases: [{ atMs: 0, policy, capacityBps: policy.rateBps }],
    uplinkDelayMs: link.delayMs ?? 0,
    camera: camera(costs, framesPerSecond, true),
    targets: {},
  });
  const freezes = quality.freezeTimes.filter((at) => at > settleSeconds * 1000).length;
  return `layer ${quality.samples.at(-1)!.layer}, ${freezes} freezes`;
}

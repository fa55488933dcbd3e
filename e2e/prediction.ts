import type { LinkPolicy } from '@weir/testing';
import { threeLayers } from '../packages/media-worker/test/quality/layered-publisher.ts';
import { play } from '../packages/media-worker/test/quality/run.ts';

/**
 * What the simulation of docs/quality says of a link: layer, frames and freezes. Capacities are scaled, as its layers
 * cost other bit rates than those that a browser really sent (`costs`, bits per second from low to high).
 */
export function predict(link: LinkPolicy, costs: readonly number[], seconds: number): string {
  const scale = threeLayers.at(-1)!.bitrateBps / costs.at(-1)!;
  const policy = { ...link, rateBps: link.rateBps ? Math.round(link.rateBps * scale) : 10_000_000 };
  const settleSeconds = 15;
  const quality = play({
    name: 'real link',
    durationMs: (settleSeconds + seconds) * 1000,
    phases: [{ atMs: 0, policy, capacityBps: policy.rateBps }],
    uplinkDelayMs: link.delayMs ?? 0,
    targets: {},
  });
  const freezes = quality.freezeTimes.filter((at) => at > settleSeconds * 1000).length;
  return `layer ${quality.samples.at(-1)!.layer}, ${freezes} freezes`;
}

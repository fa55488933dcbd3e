import type { LayersSpec, SenderExplanation } from '@weir/client';
import { formatBitrate } from './format.ts';

/** What a person may choose for a picture; `auto`: as large as its tile needs. */
export const qualities = ['auto', 'high', 'medium', 'low'] as const;
export type Quality = (typeof qualities)[number];

/** Choices that make a difference for a picture of so many spatial layers; empty if there is nothing to choose. */
export function qualitiesFor(spatialLayers: number): readonly Quality[] {
  if (spatialLayers < 2) return [];
  return spatialLayers === 2 ? ['auto', 'high', 'low'] : qualities;
}

/** What to ask the server for; `tile` is what the tile's size needs. */
export function layersFor(quality: Quality, tile: LayersSpec | null): LayersSpec | null {
  if (quality === 'auto') return tile;
  if (quality === 'high') return null;
  return { spatialLayer: quality === 'low' ? 0 : 1 };
}

/** How people call a layer among so many. */
export function layerName(spatialLayer: number, spatialLayers: number): string {
  if (spatialLayer <= 0) return spatialLayers < 2 ? 'The picture' : 'Low';
  return spatialLayer >= spatialLayers - 1 ? 'High' : 'Medium';
}

/** Whether all is as it should be, something small is short, or there is no picture for a reason. */
export type Tone = 'good' | 'calm' | 'short' | 'none';

const calm: ReadonlySet<string> = new Set(['preference', 'source', 'hysteresis', 'key-frame', 'disabled']);

export function toneOf({ forwarding, limit }: Pick<SenderExplanation, 'forwarding' | 'limit'>): Tone {
  if (limit.code === 'none') return 'good';
  if (calm.has(limit.code)) return 'calm';
  return forwarding ? 'short' : 'none';
}

/**
 * The sentence for people who look at a page, in words of pictures instead of transports. What has no such words is
 * told as the server says it.
 */
export function whyText(
  { limit, currentLayers, source, transport, candidates }: SenderExplanation,
  chosen: Quality,
): string {
  const name = layerName(currentLayers?.spatialLayer ?? 0, source.length).toLowerCase();
  switch (limit.code) {
    case 'none':
      return 'You get the best picture there is.';
    case 'preference':
      if (source.length < 2) return limit.sentence;
      return chosen === 'auto'
        ? `At this size ${name} quality is all that can be seen.`
        : `You get ${name} quality, as you chose.`;
    case 'bandwidth': {
      if (transport?.limit === 'initial') return 'Your connection is being measured.';
      const next = nextCost(currentLayers, candidates);
      const carries = transport?.availableBps;
      if (carries === undefined || next === undefined) return limit.sentence;
      const better = currentLayers === null ? 'even the smallest picture' : 'a better picture';
      return `Your connection carries ${formatBitrate(carries)}; ${better} needs about ${formatBitrate(next)}.`;
    }
    case 'receiver-paused':
      return 'The camera is off.';
    case 'source-silent':
      return 'Nothing comes from the other side at present.';
    case 'not-connected':
      return 'Your connection to the media server is being made.';
    default:
      return limit.sentence;
  }
}

function nextCost(
  current: LayersSpec | null,
  candidates: SenderExplanation['candidates'],
): number | undefined {
  const above = ({ spatialLayer, temporalLayer }: SenderExplanation['candidates'][number]) =>
    current === null ||
    spatialLayer > current.spatialLayer ||
    (spatialLayer === current.spatialLayer && temporalLayer > (current.temporalLayer ?? 0));
  return candidates.find(above)?.bitrateBps;
}

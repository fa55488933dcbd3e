import type { SenderExplanation } from '@weir/client';
import { describe, expect, it } from 'vitest';
import { layerName, layersFor, qualitiesFor, toneOf, whyText } from './quality.ts';

const explanation = {
  limit: { code: 'bandwidth', sentence: 'The network carries 0.81 Mbit/s.' },
  forwarding: true,
  currentLayers: { spatialLayer: 1, temporalLayer: 2 },
  candidates: [0, 1, 2].map((i) => ({ spatialLayer: i, temporalLayer: 2, bitrateBps: 150_000 * 3 ** i })),
  source: [0, 1, 2].map((i) => ({ spatialLayer: i, live: true, bitrateBps: 150_000 * 3 ** i })),
  transport: { availableBps: 812_000, limit: 'delay' },
} as SenderExplanation;

describe('quality', () => {
  it('offers what makes a difference', () => {
    expect(qualitiesFor(1)).toEqual([]);
    expect(qualitiesFor(2)).toEqual(['auto', 'high', 'low']);
    expect(qualitiesFor(3)).toEqual(['auto', 'high', 'medium', 'low']);
  });

  it('asks for what the tile needs unless somebody chose', () => {
    const tile = { spatialLayer: 1 };
    expect(layersFor('auto', tile)).toBe(tile);
    expect(layersFor('high', tile)).toBeNull();
    expect(layersFor('medium', null)).toEqual({ spatialLayer: 1 });
    expect(layersFor('low', null)).toEqual({ spatialLayer: 0 });
  });

  it('names layers as people do', () => {
    expect([0, 1, 2].map((layer) => layerName(layer, 3))).toEqual(['Low', 'Medium', 'High']);
    expect([0, 1].map((layer) => layerName(layer, 2))).toEqual(['Low', 'High']);
    expect(layerName(0, 1)).toBe('The picture');
  });
});

describe('why', () => {
  it('speaks of pictures, with numbers', () => {
    expect(whyText(explanation, 'auto')).toBe(
      'Your connection carries 812 kbit/s; a better picture needs about 1.4 Mbit/s.',
    );
    expect(whyText({ ...explanation, currentLayers: null }, 'auto')).toBe(
      'Your connection carries 812 kbit/s; even the smallest picture needs about 150 kbit/s.',
    );
    const preferring = { ...explanation, limit: { code: 'preference', sentence: '' } } as const;
    expect(whyText(preferring, 'medium')).toBe('You get medium quality, as you chose.');
    expect(whyText(preferring, 'auto')).toBe('At this size medium quality is all that can be seen.');
  });

  it('falls back to the words of the server', () => {
    const limit = { code: 'unbound', sentence: 'It is bound to no transport.' } as const;
    expect(whyText({ ...explanation, limit }, 'auto')).toBe(limit.sentence);
  });

  it('is calm about what is meant to be so', () => {
    const tone = (code: SenderExplanation['limit']['code'], forwarding = true) =>
      toneOf({ forwarding, limit: { code, sentence: '' } });
    expect(tone('none')).toBe('good');
    expect(tone('preference')).toBe('calm');
    expect(tone('bandwidth')).toBe('short');
    expect(tone('bandwidth', false)).toBe('none');
    expect(tone('receiver-paused', false)).toBe('none');
  });
});

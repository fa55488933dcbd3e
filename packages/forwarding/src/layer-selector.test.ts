import { describe, expect, it } from 'vitest';
import { LayerSelector } from './layer-selector.ts';

const layers = (...live: number[]) => live.map((value) => ({ live: value === 1 }));

describe('LayerSelector', () => {
  // live layers low to high, preferred, allowed → target
  const cases: [number[], number, number, number][] = [
    [[0, 0, 0], Infinity, Infinity, -1],
    [[1, 1, 1], Infinity, Infinity, 2],
    [[1, 1, 0], Infinity, Infinity, 1],
    [[0, 0, 1], Infinity, Infinity, 2],
    [[1, 1, 1], 1, Infinity, 1],
    [[1, 0, 1], 1, Infinity, 0],
    [[0, 0, 1], 0, Infinity, 2],
    [[1, 1, 1], 7, Infinity, 2],
    [[1, 1, 1], 2, 0, 0],
    [[0, 1, 1], 2, 0, 1],
    [[1], 0, Infinity, 0],
    [[], Infinity, Infinity, -1],
  ];
  for (const [live, preferred, allowed, target] of cases) {
    it(`of [${live}], preferring ${preferred}, allowed ${allowed}: ${target}`, () => {
      const selector = new LayerSelector();
      selector.preferredSpatialLayer = preferred;
      selector.maxSpatialLayer = allowed;
      expect(selector.update(layers(...live))).toBe(target !== -1);
      expect(selector.target).toBe(target);
      expect(selector.update(layers(...live))).toBe(false);
    });
  }
});

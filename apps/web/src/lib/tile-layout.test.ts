import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layerForWidth, layoutTiles } from './tile-layout.ts';

describe('layoutTiles', () => {
  it.each([
    // count, width, height, columns, rows
    [1, 1330, 660, 1, 1],
    [2, 1330, 660, 2, 1],
    [4, 1330, 660, 2, 2],
    [5, 1330, 660, 3, 2],
    [16, 1330, 660, 4, 4],
    [2, 362, 600, 1, 2],
    [3, 362, 600, 1, 3],
    [6, 362, 600, 2, 3],
  ])('puts %d tiles into %d × %d as %d columns and %d rows', (count, width, height, columns, rows) => {
    expect(layoutTiles(count, width, height, 10)).toMatchObject({ columns, rows });
  });

  it('fits, or keeps tiles that show something and scrolls', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 280, max: 4000 }),
        fc.integer({ min: 200, max: 2500 }),
        (count, width, height) => {
          const { columns, rows, tileWidth, tileHeight } = layoutTiles(count, width, height, 10);
          expect(columns * rows).toBeGreaterThanOrEqual(count);
          expect(columns * tileWidth + (columns - 1) * 10).toBeLessThanOrEqual(width);
          expect(tileWidth).toBeGreaterThanOrEqual(128);
          expect(tileHeight).toBeGreaterThanOrEqual(Math.floor(128 / (16 / 9)));
          const fits = rows * tileHeight + (rows - 1) * 10 <= height;
          expect(fits || tileWidth < 300).toBe(true);
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });

  it('never gets larger tiles by having more of them', () => {
    for (let count = 1; count < 40; count++) {
      const fewer = layoutTiles(count, 1330, 660, 10);
      const more = layoutTiles(count + 1, 1330, 660, 10);
      expect(more.tileWidth * more.tileHeight).toBeLessThanOrEqual(fewer.tileWidth * fewer.tileHeight);
    }
  });

  it('shows nothing where there is no place', () => {
    expect(layoutTiles(3, 0, 0, 10).tileWidth).toBe(0);
    expect(layoutTiles(0, 100, 100, 10).tileWidth).toBe(0);
  });
});

it.each([
  [200, { spatialLayer: 0 }],
  [640, { spatialLayer: 1 }],
  [1280, null],
])('wants for %d device pixels the layer %o', (pixels, layer) => {
  expect(layerForWidth(pixels)).toEqual(layer);
});

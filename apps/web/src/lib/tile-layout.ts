/** How a number of equal tiles fills an area. All in CSS pixels. */
export interface TileLayout {
  columns: number;
  rows: number;
  tileWidth: number;
  tileHeight: number;
}

/** As a camera sees. */
const widest = 16 / 9;
/** Narrower tiles would cut off too much of that; an upright phone has no choice. */
const narrowest = { landscape: 4 / 3, portrait: 3 / 4 };
/** Smaller tiles show nobody; then the grid scrolls. */
const minTileWidth = 128;

/**
 * The arrangement with the largest tiles whose shape is still pleasant. A grid that can't fit at the least
 * tile size keeps that size and overflows downwards.
 */
export function layoutTiles(count: number, width: number, height: number, gap: number): TileLayout {
  const none = { columns: 1, rows: 1, tileWidth: 0, tileHeight: 0 };
  if (count <= 0 || width <= 0 || height <= 0) return none;
  const least = width >= height ? narrowest.landscape : narrowest.portrait;
  let best: TileLayout = none;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const aspect = Math.min(widest, Math.max(least, cellWidth / cellHeight));
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * aspect));
    const tileHeight = Math.floor(tileWidth / aspect);
    if (tileWidth * tileHeight > best.tileWidth * best.tileHeight) {
      best = { columns, rows, tileWidth, tileHeight };
    }
  }
  if (best.tileWidth >= minTileWidth) return best;
  const columns = Math.max(1, Math.floor((width + gap) / (minTileWidth + gap)));
  const tileWidth = Math.floor((width - gap * (columns - 1)) / columns);
  return { columns, rows: Math.ceil(count / columns), tileWidth, tileHeight: Math.floor(tileWidth * 0.75) };
}

/**
 * Which spatial layer a tile needs.
 *
 * @param devicePixels width of the tile times devicePixelRatio
 * @returns null: the best there is
 */
export function layerForWidth(devicePixels: number): { spatialLayer: number } | null {
  if (devicePixels <= 340) return { spatialLayer: 0 };
  if (devicePixels <= 720) return { spatialLayer: 1 };
  return null;
}

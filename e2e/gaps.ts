import type { Page } from 'playwright-core';

/** What somebody saw on one tile, as the browser presented it. */
export interface Watched {
  /** Longest time between two presented pictures, in milliseconds. */
  readonly longestGapMs: number;
  readonly pictures: number;
}

/**
 * Notes when the pictures of a tile are presented, from now on. Every 20 ms it looks at what is shown there: the
 * element, its stream and its track may all change meanwhile.
 */
export async function watchTile(page: Page, name: string): Promise<void> {
  await page.evaluate((testId) => {
    const times: number[] = [performance.now()];
    const watched = (window as unknown as { watchedTiles?: Record<string, number[]> }).watchedTiles ?? {};
    watched[testId] = times;
    Object.assign(window, { watchedTiles: watched });
    let video: HTMLVideoElement | null = null;
    const note = () => {
      times.push(performance.now());
      video?.requestVideoFrameCallback(note);
    };
    setInterval(() => {
      const present = document.querySelector<HTMLVideoElement>(`[data-testid="${CSS.escape(testId)}"] video`);
      if (present === video) return;
      video = present;
      video?.requestVideoFrameCallback(note);
    }, 20);
  }, `tile-${name}`);
}

/** What was seen since watchTile(), up to now. */
export async function watchedTile(page: Page, name: string): Promise<Watched> {
  return page.evaluate((testId) => {
    const seen = (window as unknown as { watchedTiles: Record<string, number[]> }).watchedTiles[testId] ?? [];
    const times = [...seen, performance.now()];
    let longestGapMs = 0;
    for (let at = 1; at < times.length; at += 1) {
      longestGapMs = Math.max(longestGapMs, (times[at] ?? 0) - (times[at - 1] ?? 0));
    }
    return { longestGapMs: Math.round(longestGapMs), pictures: seen.length - 1 };
  }, `tile-${name}`);
}

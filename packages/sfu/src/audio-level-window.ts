/** Audio levels in dBov (0 loudest, -127 silence) of several sources, collected over one interval. */
export class AudioLevelWindow<Source> {
  #samples = new Map<Source, { sum: number; count: number }>();

  add(source: Source, level: number): void {
    const sample = this.#samples.get(source);
    if (sample === undefined) this.#samples.set(source, { sum: level, count: 1 });
    else {
      sample.sum += level;
      sample.count++;
    }
  }

  forget(source: Source): void {
    this.#samples.delete(source);
  }

  clear(): void {
    this.#samples.clear();
  }

  /** Truncated averages, loudest first, of who gave at least `minCount` samples; then the window is empty. */
  take(minCount = 1): { source: Source; level: number }[] {
    const levels: { source: Source; level: number }[] = [];
    for (const [source, { sum, count }] of this.#samples) {
      // `+ 0` because Math.trunc(-0.5) is -0, which isn't deeply equal to 0.
      if (count >= minCount) levels.push({ source, level: Math.trunc(sum / count) + 0 });
    }
    this.#samples.clear();
    return levels.sort((a, b) => b.level - a.level);
  }
}

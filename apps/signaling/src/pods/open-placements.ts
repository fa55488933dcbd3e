/** A choice that is being made. */
export interface OpenPlacement {
  /** When it began to read what is stored. */
  readonly readAt: number;
  podId: string | undefined;
  /** When it was stored, or given up. */
  endedAt: number | undefined;
}

/**
 * Choices of this instance that others of it cannot have read yet. When many join at once, all of them read the same;
 * without this they would all take the same pod. Losing it costs evenness, nothing else.
 */
export class OpenPlacements {
  readonly #all = new Set<OpenPlacement>();

  begin(now: number): OpenPlacement {
    const placement: OpenPlacement = { readAt: now, podId: undefined, endedAt: undefined };
    this.#all.add(placement);
    return placement;
  }

  end(placement: OpenPlacement, now: number): void {
    placement.endedAt = now;
    for (const one of this.#all) {
      // Whoever reads from now on sees it; those who read before are soon done.
      const over = one.endedAt === undefined ? now - one.readAt > abandonedMs : now - one.endedAt > keptMs;
      if (over) this.#all.delete(one);
    }
  }

  /** What is stored, by pod, with what `own` cannot have seen there. */
  addTo(stored: ReadonlyMap<string, number>, own: OpenPlacement): Map<string, number> {
    const counts = new Map(stored);
    for (const one of this.#all) {
      if (one === own || one.podId === undefined) continue;
      if (one.endedAt !== undefined && one.endedAt < own.readAt) continue;
      counts.set(one.podId, (counts.get(one.podId) ?? 0) + 1);
    }
    return counts;
  }
}

const keptMs = 5_000;
const abandonedMs = 60_000;

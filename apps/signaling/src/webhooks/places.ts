import type { WebhookCursor } from '@weir/db';

/** Who answers calls: a webhook of the deployment, or of the rooms' own all that lead to one origin. */
export type Receiver = Pick<WebhookCursor, 'endpointId' | 'origin'>;

/**
 * The calls that an instance may have under way at once, shared out among receivers: each may hold at most half of what
 * the others leave it, so that one that is slow never takes the last place.
 */
export class Places {
  readonly #count: number;
  readonly #taken = new Set<{ readonly receiver: Receiver; readonly until: number }>();

  /** @param count 1 or more */
  constructor(count: number) {
    this.#count = count;
  }

  /** Takes a place; call the answer to give it back. After `until` it counts as given back: its work was cut off. */
  take(receiver: Receiver, until: number): () => void {
    const place = { receiver, until };
    this.#taken.add(place);
    return () => void this.#taken.delete(place);
  }

  /** How many rooms may be taken up at once now, and whose may not. */
  free(now: number): { limit: number; except: Receiver[] } {
    for (const place of this.#taken) if (place.until < now) this.#taken.delete(place);
    const total = this.#taken.size;
    let limit = Math.max(0, Math.ceil((this.#count - total) / 2));
    const except: Receiver[] = [];
    for (const [{ receiver }, held] of this.#byReceiver()) {
      const most = Math.max(1, Math.floor((this.#count - (total - held)) / 2));
      if (held >= most) except.push(receiver);
      // Whose the next ones are is not known yet.
      else limit = Math.min(limit, most - held);
    }
    return { limit, except };
  }

  #byReceiver(): [{ receiver: Receiver }, number][] {
    const groups = Map.groupBy(this.#taken, ({ receiver }) => `${receiver.endpointId} ${receiver.origin}`);
    return [...groups.values()].map((places) => [places[0]!, places.length]);
  }
}

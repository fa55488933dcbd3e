import { signal } from '@preact/signals';
import type { LayersSpec, SenderExplanation, Subscription } from '@weir/client';
import { layersFor, type Quality } from '../lib/quality.ts';

const lookEveryMs = 1_000;

/** What people chose for the pictures of others. It holds until they leave. */
export class QualityChoices {
  readonly #chosen = signal<ReadonlyMap<string, Quality>>(new Map());

  of(subscription: Subscription): Quality {
    return this.#chosen.value.get(subscription.remote.receiverId) ?? 'auto';
  }

  choose(subscription: Subscription, quality: Quality): void {
    const next = new Map(this.#chosen.peek());
    next.set(subscription.remote.receiverId, quality);
    this.#chosen.value = next;
  }

  /** What to ask for; `tile` is what the tile's size needs. */
  layers(subscription: Subscription, tile: LayersSpec | null): LayersSpec | null {
    return layersFor(this.of(subscription), tile);
  }
}

/** Asks again and again why a picture is as it is, until stopped. */
export function watchExplanation(
  subscription: Subscription,
  onNews: (explanation: SenderExplanation | undefined) => void,
): () => void {
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async () => {
    const news = await subscription.explain().catch(() => undefined);
    if (stopped) return;
    onNews(news);
    timer = setTimeout(() => void look(), lookEveryMs);
  };
  void look();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

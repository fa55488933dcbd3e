import type { PodRow, PodStore } from '@weir/db';
import type { Dependencies } from '../deps.ts';
import type { ViewContext } from '../views.ts';
import { placeTransport } from './placement.ts';

/** What signaling knows of pods, by their leases. */
export class PodDirectory {
  readonly #deps: Dependencies;
  readonly #pods: PodStore;

  constructor(deps: Dependencies, pods: PodStore) {
    this.#deps = deps;
    this.#pods = pods;
  }

  /** What views need: addresses and fingerprints by pod. */
  async viewContext(): Promise<ViewContext> {
    return contextOf(this.#deps, await this.#pods.list());
  }

  /** Everything that choosing a pod needs; the choice itself can then be made again without reading. */
  async placement(): Promise<{
    place: (roomPods: readonly string[]) => PodRow | undefined;
    context: ViewContext;
  }> {
    const { clock, config, random } = this.#deps;
    const now = clock.now();
    const pods = await this.#pods.list();
    const oldest = Math.min(now, ...pods.filter((pod) => pod.lease !== null).map((pod) => pod.leasedAt));
    const placedSince = await this.#pods.placedSince(Math.max(oldest, now - config.podLeaseMs));
    const { region } = config;
    const place = (roomPods: readonly string[]) =>
      placeTransport({ pods, roomPods, region, placedSince, now, leaseMs: config.podLeaseMs, random });
    return { place, context: contextOf(this.#deps, pods) };
  }
}

function contextOf(deps: Dependencies, pods: readonly PodRow[]): ViewContext {
  const leases = new Map(pods.map((pod) => [pod.id, pod.lease]));
  return { pod: (podId) => leases.get(podId) ?? undefined, iceServers: deps.config.iceServers };
}

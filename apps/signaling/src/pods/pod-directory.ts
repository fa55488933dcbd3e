import type { PodRow, PodStore } from '@weir/db';
import type { Dependencies } from '../deps.ts';
import type { ViewContext } from '../views.ts';
import { OpenPlacements } from './open-placements.ts';
import { type PlacementInput, placeTransport } from './placement.ts';

/** What signaling knows of pods, by their leases. */
export class PodDirectory {
  readonly #deps: Dependencies;
  readonly #pods: PodStore;
  readonly #open = new OpenPlacements();

  constructor(deps: Dependencies, pods: PodStore) {
    this.#deps = deps;
    this.#pods = pods;
  }

  /** What views need: addresses and fingerprints by pod. */
  async viewContext(): Promise<ViewContext> {
    return contextOf(this.#deps, await this.#pods.list());
  }

  /**
   * Everything that choosing a pod needs; the choice itself can then be made again without reading. `done()` when it
   * is stored, or will not be.
   *
   * @param failed a pod that could not be told just now: like one that is marked unreachable
   */
  async placement(failed?: string): Promise<{
    place: (roomTransports: PlacementInput['roomTransports']) => PodRow | undefined;
    done: () => void;
    context: ViewContext;
  }> {
    const { clock, config, random } = this.#deps;
    const now = clock.now();
    const own = this.#open.begin(now);
    const known = await this.#pods.list();
    const pods = known.map((pod) =>
      pod.id === failed ? { ...pod, unreachableUntil: Number.POSITIVE_INFINITY } : pod,
    );
    const stored = await this.#pods.placedSinceLease(now - config.podLeaseMs);
    const { region } = config;
    const place = (roomTransports: PlacementInput['roomTransports']) => {
      const placedSince = this.#open.addTo(stored, own);
      const leaseMs = config.podLeaseMs;
      const pod = placeTransport({ pods, roomTransports, region, placedSince, now, leaseMs, random });
      own.podId = pod?.id;
      return pod;
    };
    return { place, done: () => this.#open.end(own, clock.now()), context: contextOf(this.#deps, pods) };
  }
}

/** After that, a pod that could not be told anything is tried again. */
export const unreachableMs = 30_000;

function contextOf(deps: Dependencies, pods: readonly PodRow[]): ViewContext {
  const leases = new Map(pods.map((pod) => [pod.id, pod.lease]));
  return { pod: (podId) => leases.get(podId) ?? undefined, iceServers: deps.config.iceServers };
}

import type { PodRow, PodStore } from '@weir/db';
import { PodControlError } from '@weir/pod-control';
import type { Dependencies } from '../deps.ts';

/**
 * What a look at a pod found:
 * - `alive`: it answers
 * - `gone`: nothing listens where it was, twice, or a pod of another name has its address since
 * - `restarted`: another process has its place
 * - `silent`: no answer, or none that proves anything. It may be dead, or only not to be reached from here
 */
export type Pulse = 'alive' | 'gone' | 'restarted' | 'silent';

/** Looks at pods. Who asks at the same time gets the same answer, so that a crowd of peers is one call. */
export class Prober {
  readonly #deps: Dependencies;
  readonly #pods: PodStore;
  readonly #running = new Map<string, Promise<Pulse>>();

  constructor(deps: Dependencies, pods: PodStore) {
    this.#deps = deps;
    this.#pods = pods;
  }

  probe(pod: PodRow): Promise<Pulse> {
    // On Workers, requests must not wait for each other's calls.
    if (this.#deps.isolatedRequests === true) return this.#probe(pod);
    const key = `${pod.id} ${pod.epoch}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const probe = this.#probe(pod).finally(() => this.#running.delete(key));
    this.#running.set(key, probe);
    return probe;
  }

  async #probe(pod: PodRow): Promise<Pulse> {
    if (pod.lease === null) return 'gone';
    const ref = { id: pod.id, controlUrl: pod.lease.controlUrl, epoch: pod.epoch };
    for (let refusals = 0; ; ) {
      try {
        await this.#deps.pods.pulse(ref, { timeoutMs: patienceMs });
        return 'alive';
      } catch (error) {
        if (!(error instanceof PodControlError)) throw error;
        if (error.problem?.code === 'pod-restarted') return 'restarted';
        // It knows other secrets or another name. On a network of its host, a pod has its predecessor's address.
        if (error.status === 401) return (await this.#isReplaced(pod)) ? 'gone' : 'silent';
        // An answer of any other kind comes from something that lives.
        if (error.failure !== 'unreachable') return 'alive';
        if (!error.nobodyThere) return 'silent';
        refusals += 1;
        if (refusals === 2) return 'gone';
        await new Promise<void>((resume) => {
          this.#deps.clock.after(betweenMs, resume);
        });
      }
    }
  }

  /** Whether another pod has reported this address since: two cannot listen there at once. */
  async #isReplaced({ id, lease, leasedAt }: PodRow): Promise<boolean> {
    return (await this.#pods.list()).some(
      (other) =>
        other.id !== id && other.leasedAt > leasedAt && other.lease?.controlUrl === lease!.controlUrl,
    );
  }
}

/** A pod that lives answers in a few milliseconds. */
const patienceMs = 700;
const betweenMs = 100;

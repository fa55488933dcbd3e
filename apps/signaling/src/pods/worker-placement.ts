import type { PodLease } from '@weir/protocol';

export interface WorkerPlacementInput {
  readonly lease: Pick<PodLease, 'workers'>;
  /** The room's transports on this pod, as far as they tell a worker. */
  readonly roomTransports: readonly { readonly worker?: number }[];
  /** Uniform in [0, 2^32). */
  readonly random: () => number;
}

/**
 * Chooses the media worker for a room on its pod: where the room is, else the least loaded. Undefined = the one that
 * the hash of the room tells, as for rooms and pods that know nothing of this choice.
 */
export function placeOnWorker({ lease, roomTransports, random }: WorkerPlacementInput): number | undefined {
  const [there] = roomTransports;
  if (there !== undefined) return there.worker;
  const loads = lease.workers?.map(({ cpu }) => cpu) ?? [];
  if (loads.length < 2) return undefined;
  const least = Math.min(...loads);
  // Until the next lease nothing is known of rooms placed now: near equals share them.
  const choices = loads.flatMap((cpu, worker) => (cpu <= least + nearlyEqual ? [worker] : []));
  return choices[Math.floor((random() / 2 ** 32) * choices.length)];
}

/** Part of a core. */
const nearlyEqual = 0.1;

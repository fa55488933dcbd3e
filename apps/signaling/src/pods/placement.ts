import type { PodRow } from '@weir/db';
import type { TransportRecord } from '@weir/room';

export interface PlacementInput {
  readonly pods: readonly PodRow[];
  /** The room's transports, oldest first: a room stays together while its pod may take more. */
  readonly roomTransports: readonly Pick<TransportRecord, 'podId' | 'type' | 'iceState'>[];
  /** Where the peer is; pods of this region come first. */
  readonly region?: string | undefined;
  /** Transports placed since the pods' last leases, by pod: what load tells of them is still to come. */
  readonly placedSince: ReadonlyMap<string, number>;
  readonly now: number;
  /** A lease older than this gets nothing new, in milliseconds. */
  readonly leaseMs: number;
  /** Uniform in [0, 2^32). */
  readonly random: () => number;
}

/**
 * Chooses a pod for one more transport: the room's own if it can take more, else the less loaded of two drawn
 * from the region (or from everywhere, if the region has none). Pods that could not be told anything come last, except
 * for a room whose media runs there. Undefined = no pod can take it now.
 */
export function placeTransport(input: PlacementInput): PodRow | undefined {
  const usable = input.pods.filter(
    (pod) => hasFreshLease(pod, input) && !pod.lease!.draining && expectedLoad(pod, input) < 1,
  );
  const reachable = usable.filter((pod) => pod.unreachableUntil <= input.now);
  // The newest transport tells where the room is moving, if it moves.
  for (const transport of [...input.roomTransports].reverse()) {
    // On another pod than the others a newcomer would hear and see nobody, and not even an error.
    const home = (isRunning(transport) ? usable : reachable).find((pod) => pod.id === transport.podId);
    if (home !== undefined) return home;
  }
  // Where nothing else is left, a try may succeed.
  return drawPod(reachable, input) ?? drawPod(usable, input);
}

function drawPod(usable: readonly PodRow[], input: PlacementInput): PodRow | undefined {
  const placeable = usable.filter((pod) => pod.lease!.placeable);
  const near = placeable.filter((pod) => pod.lease!.region === input.region);
  const choices = near.length > 0 ? near : placeable;
  if (choices.length === 0) return undefined;
  const first = draw(choices, input.random);
  const others = choices.filter((pod) => pod !== first);
  if (others.length === 0) return first;
  const second = draw(others, input.random);
  return expectedLoad(second, input) < expectedLoad(first, input) ? second : first;
}

/** Whether media may flow there. Of plain RTP nothing is known. */
function isRunning({ type, iceState }: PlacementInput['roomTransports'][number]): boolean {
  return type === 'plain' || iceState !== 'new';
}

/** Whether the pod renewed its lease in time. */
export function hasFreshLease(pod: PodRow, at: { now: number; leaseMs: number }): boolean {
  return pod.lease !== null && at.now - pod.leasedAt <= at.leaseMs;
}

/**
 * 0 = idle, 1 = full: the greatest of what the pod measures (processor, packets, bandwidth, event loop) and of
 * transports against capacity, with a reserve for those that came since. Each of them will cost what the others cost
 * on average, and at least its share of the capacity.
 */
export function expectedLoad(pod: PodRow, { placedSince }: Pick<PlacementInput, 'placedSince'>): number {
  const { capacity, load } = pod.lease!;
  const { transports, cpu, capacityUsed = 0 } = load;
  const used = Math.max(transports / capacity, beyondLight(Math.max(cpu, capacityUsed)));
  const each = Math.max(1 / capacity, transports < fewestForMean ? 0 : used / transports);
  return used + (placedSince.get(pod.id) ?? 0) * each;
}

/**
 * What is measured swings by itself: a pod that uses less than a third of what it has is as good as an idle one, and
 * from there on to full it counts more and more.
 */
function beyondLight(part: number): number {
  return Math.max(0, (part - light) / (1 - light));
}

const light = 0.3;
/** The mean of fewer says nothing. */
const fewestForMean = 10;

function draw<T>(choices: readonly T[], random: () => number): T {
  return choices[Math.floor((random() / 2 ** 32) * choices.length)]!;
}

import type { PodRow } from '@weir/db';
import { createRandom } from '@weir/testing';
import { describe, expect, it } from 'vitest';
import { OpenPlacements } from './open-placements.ts';
import { placeTransport } from './placement.ts';

const load = { receivers: 0, senders: 0, egressPps: 0, egressBps: 0, loopLagMs: 0 };

function pod(id: string, transports: number, cpu: number): PodRow {
  const lease = { region: 'here', capacity: 500, placeable: true, draining: false, rooms: {} };
  return {
    id,
    epoch: 1,
    seq: 1,
    leasedAt: 0,
    drainTold: 0,
    unreachableUntil: 0,
    lease: { ...lease, load: { ...load, transports, cpu } } as unknown as PodRow['lease'],
  };
}

interface Step {
  readonly at: number;
  run(): void;
}

/**
 * Many join within one second at some instances over one database. Each reads what is stored, decides a while later,
 * and is stored a while after that. Answers the joins by pod.
 */
function simulate(seed: number, instances: number, pods: readonly PodRow[], slowestMs: number) {
  const random = createRandom(seed);
  const memories = Array.from({ length: instances }, () => new OpenPlacements());
  const stored = new Map<string, number>();
  const steps: Step[] = [];
  const add = (at: number, run: () => void) => steps.push({ at, run });
  for (let join = 0; join < 200; join += 1) {
    const readAt = random.next() * 1000;
    const decideAt = readAt + random.next() * slowestMs;
    const storeAt = decideAt + random.next() * slowestMs;
    const memory = memories[random.int(instances)]!;
    add(readAt, () => {
      const own = memory.begin(readAt);
      const seen = new Map(stored);
      add(decideAt, () => {
        own.podId = placeTransport({
          pods,
          roomTransports: [],
          region: 'here',
          placedSince: memory.addTo(seen, own),
          now: decideAt,
          leaseMs: 15_000,
          random: () => random.next() * 2 ** 32,
        })!.id;
      });
      add(storeAt, () => {
        stored.set(own.podId!, (stored.get(own.podId!) ?? 0) + 1);
        memory.end(own, storeAt);
      });
    });
  }
  while (steps.length > 0) {
    steps.sort((a, b) => b.at - a.at);
    steps.pop()!.run();
  }
  return stored;
}

describe('200 joins within one second', () => {
  it.each([
    { instances: 1, slowestMs: 5 },
    { instances: 2, slowestMs: 50 },
    { instances: 2, slowestMs: 500 },
    { instances: 4, slowestMs: 500 },
  ])('are spread over two pods within 20 % of even: %o', ({ instances, slowestMs }) => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const placed = simulate(seed, instances, [pod('a', 0, 0), pod('b', 0, 0)], slowestMs);
      expect(Math.abs(placed.get('a')! - 100), `seed ${seed}`).toBeLessThanOrEqual(20);
    }
  });

  it('go to the idle pod first, and not all of them when it is no longer idle', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const placed = simulate(seed, 2, [pod('busy', 100, 0.2), pod('idle', 0, 0)], 50);
      expect(placed.get('idle')).toBeGreaterThan(110);
      expect(placed.get('busy')).toBeGreaterThan(20);
    }
  });
});

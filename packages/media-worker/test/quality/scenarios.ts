import type { LinkPolicy } from '@weir/testing';
import { type CameraPlan, camera, type LayerPlan, threeLayers } from './layered-publisher.ts';

/** What the path to the viewer is like from `atMs` on. */
export interface Phase {
  readonly atMs: number;
  readonly policy: LinkPolicy;
  /** Bits per second that are left for us; Infinity = more than we need. 0 = the path is dead. */
  readonly capacityBps: number;
}

export interface Scenario {
  readonly name: string;
  readonly durationMs: number;
  readonly phases: readonly Phase[];
  /** One way, towards the worker. */
  readonly uplinkDelayMs: number;
  /** What else the way back is like: feedback and requests take it. */
  readonly uplink?: LinkPolicy;
  /** Absent = three layers of 150, 500 and 1500 kbit/s at 30 frames a second. */
  readonly camera?: CameraPlan;
  /** The publisher's way to the worker; absent = 10 ms without fault. */
  readonly publisher?: LinkPolicy;
  /** Another flow over the same link, bits per second, while it is on. */
  readonly competing?: { readonly fromMs: number; readonly toMs: number; readonly bps: number };
  /** Publishers that the viewer looks at; absent = one. */
  readonly cameras?: number;
  /** Viewers on good links beside the one that is judged. */
  readonly others?: number;
  /** The application's ceiling. */
  readonly maxOutgoingBps?: number;
  /** What the scenario is held to. */
  readonly targets: Targets;
}

export interface Targets {
  /** Share of what the layers allow, 0 to 1. */
  readonly utilisation?: number;
  readonly freezes?: number;
  readonly longestFreezeMs?: number;
  readonly switchesPerMinute?: number;
  readonly recoveryMs?: number;
  /** Freezes of the others in sum. */
  readonly othersFreezes?: number;
}

const open = Number.POSITIVE_INFINITY;
/** Repairs that are themselves lost on two or three ways: a freeze now and then can't be helped. */
const lossyWays = (freezes: number, longestFreezeMs: number): Targets => ({
  utilisation: 0.8,
  freezes,
  longestFreezeMs,
  switchesPerMinute: 1,
});
const steady: Targets = { utilisation: 0.8, freezes: 0, switchesPerMinute: 1 };

function constant(
  name: string,
  policy: LinkPolicy,
  targets: Targets = steady,
  rttMs = 60,
  durationMs = 60_000,
): Scenario {
  const delayMs = rttMs / 2;
  const capacityBps = policy.rateBps ?? open;
  return {
    name,
    durationMs,
    phases: [{ atMs: 0, policy: { delayMs, rateBps: 10_000_000, ...policy }, capacityBps }],
    uplinkDelayMs: delayMs,
    targets,
  };
}

const steps = (
  name: string,
  durationMs: number,
  targets: Targets,
  ...path: [number, number][]
): Scenario => ({
  name,
  durationMs,
  phases: path.map(([atMs, mbps]) => ({
    atMs,
    capacityBps: mbps * 1e6,
    policy: { delayMs: 30, rateBps: Math.max(1, mbps * 1e6), ...(mbps === 0 ? { loss: 1 } : {}) },
  })),
  uplinkDelayMs: 30,
  targets,
});

export const scenarios: readonly Scenario[] = [
  constant('clean', {}, { ...steady, utilisation: 0.9 }),
  constant('steady 3 Mbit/s', { rateBps: 3_000_000 }, { ...steady, utilisation: 0.9 }),
  constant('steady 1 Mbit/s', { rateBps: 1_000_000 }, { ...steady, utilisation: 0.9 }),
  constant('steady 700 kbit/s', { rateBps: 700_000 }, { ...steady, utilisation: 0.9 }),
  constant('loss 2 %', { loss: 0.02 }),
  constant('loss 5 %', { loss: 0.05 }),
  constant('loss 10 %', { loss: 0.1 }),
  constant('loss 20 %', { loss: 0.2 }, lossyWays(3, 250)),
  constant('burst loss 5 %, 5 in a row', { loss: 0.05, lossBurst: 5 }, lossyWays(2, 250)),
  constant('RTT 30 ms', { rateBps: 3_000_000 }, { ...steady, utilisation: 0.9 }, 30),
  constant('RTT 150 ms', { rateBps: 3_000_000 }, { ...steady, utilisation: 0.9 }, 150),
  constant('RTT 300 ms', { rateBps: 3_000_000 }, { ...steady, utilisation: 0.9 }, 300),
  constant('RTT 100 ms, loss 10 %', { loss: 0.1 }, steady, 100),
  constant('RTT 300 ms, loss 5 %', { loss: 0.05 }, lossyWays(79, 370), 300),
  constant('jitter 30 ms', { jitterMs: 30 }, { ...steady, utilisation: 0.9 }),
  constant('jitter 60 ms on 3 Mbit/s', { jitterMs: 60, rateBps: 3_000_000 }),
  constant('reordering 5 %', { reorder: 0.05, reorderMs: 20 }, { ...steady, utilisation: 0.9 }),
  steps(
    'steps 3, 0.5, 3 Mbit/s',
    90_000,
    { utilisation: 0.9, freezes: 1, longestFreezeMs: 450, switchesPerMinute: 1, recoveryMs: 5000 },
    [0, 3],
    [30_000, 0.5],
    [60_000, 3],
  ),
  steps(
    'dead for 5 s',
    70_000,
    { utilisation: 0.9, freezes: 1, longestFreezeMs: 5250, switchesPerMinute: 1, recoveryMs: 5000 },
    [0, 3],
    [25_000, 0],
    [30_000, 3],
  ),
  steps(
    'slow ramp 0.3 to 3 Mbit/s',
    90_000,
    { utilisation: 0.9, freezes: 3, longestFreezeMs: 350, switchesPerMinute: 1, recoveryMs: 5000 },
    ...Array.from({ length: 28 }, (_, i): [number, number] => [i * 2500, 0.3 + i * 0.1]),
  ),
  steps(
    'slow fall 3 to 0.3 Mbit/s',
    90_000,
    { utilisation: 0.9, freezes: 0, switchesPerMinute: 1 },
    ...Array.from({ length: 28 }, (_, i): [number, number] => [10_000 + (i - 1) * 2500, 3 - i * 0.1]).map(
      ([at, mbps], i): [number, number] => [i === 0 ? 0 : at, mbps],
    ),
  ),
  {
    ...constant('competing 1.2 of 2.2 Mbit/s', { rateBps: 2_200_000 }, {}, 60, 90_000),
    phases: [
      { atMs: 0, capacityBps: 2_200_000, policy: { delayMs: 30, rateBps: 2_200_000 } },
      { atMs: 30_000, capacityBps: 1_000_000, policy: { delayMs: 30, rateBps: 2_200_000 } },
      { atMs: 60_000, capacityBps: 2_200_000, policy: { delayMs: 30, rateBps: 2_200_000 } },
    ],
    competing: { fromMs: 30_000, toMs: 60_000, bps: 1_200_000 },
    targets: { utilisation: 0.9, freezes: 0, switchesPerMinute: 1, recoveryMs: 5000 },
  },
  // Bursts of an unpaced camera into queues of 33 and 69 ms (docs/decisions/0049-pace.md).
  constant(
    'shallow queue, 3 Mbit/s and 12 kB',
    { rateBps: 3_000_000, queueBytes: 12_000 },
    { utilisation: 0.9, freezes: 0, switchesPerMinute: 1 },
  ),
  constant(
    'shallow queue, 700 kbit/s and 6 kB',
    { rateBps: 700_000, queueBytes: 6_000 },
    { utilisation: 0.9, freezes: 2, longestFreezeMs: 600, switchesPerMinute: 1 },
  ),
  {
    ...constant('six cameras, 3 Mbit/s and 24 kB', { rateBps: 3_000_000, queueBytes: 24_000 }, {}),
    cameras: 6,
    targets: { utilisation: 0.9, freezes: 0, switchesPerMinute: 1 },
  },
  {
    ...constant('six cameras, dead for 2 s', {}, {}, 60, 60_000),
    phases: [
      { atMs: 0, capacityBps: 3_000_000, policy: { delayMs: 30, rateBps: 3_000_000, queueBytes: 24_000 } },
      { atMs: 25_000, capacityBps: 0, policy: { delayMs: 30, rateBps: 1, loss: 1, queueBytes: 24_000 } },
      {
        atMs: 27_000,
        capacityBps: 3_000_000,
        policy: { delayMs: 30, rateBps: 3_000_000, queueBytes: 24_000 },
      },
    ],
    cameras: 6,
    targets: { utilisation: 0.9, freezes: 12, longestFreezeMs: 3000, switchesPerMinute: 1, recoveryMs: 5000 },
  },
  { ...constant('publisher loses 5 %', {}), publisher: { delayMs: 30, loss: 0.05 } },
  {
    ...constant('publisher loses 10 %, bursts, jitter', {}, lossyWays(3, 220)),
    publisher: { delayMs: 20, loss: 0.1, lossBurst: 3, jitterMs: 10 },
  },
  {
    ...constant('both ways lose 5 %', { loss: 0.05 }, lossyWays(4, 260)),
    publisher: { delayMs: 20, loss: 0.05 },
    uplink: { delayMs: 30, loss: 0.05 },
  },
  {
    ...constant('asymmetric, 3 Mbit/s and 60 kbit/s', { rateBps: 3_000_000, loss: 0.02 }, lossyWays(1, 250)),
    uplink: { delayMs: 60, rateBps: 60_000 },
  },
  {
    ...constant('feedback loses 10 %', { rateBps: 3_000_000, loss: 0.02 }, lossyWays(6, 380)),
    uplink: { delayMs: 30, loss: 0.1 },
  },
  {
    ...constant('ceiling of 800 kbit/s', {}, { ...steady, utilisation: 0.9 }),
    phases: [{ atMs: 0, capacityBps: 800_000, policy: { delayMs: 30, rateBps: 10_000_000 } }],
    maxOutgoingBps: 800_000,
  },
  {
    // As Chromium's fake camera on a link that is too narrow for its best layer (docs/quality/real-links.md).
    ...constant(
      'slow camera, 102 kbit/s, loss 10 %',
      {},
      { utilisation: 0.55, freezes: 45, longestFreezeMs: 1300, switchesPerMinute: 6 },
      120,
    ),
    phases: [
      {
        atMs: 0,
        capacityBps: 102_000,
        policy: { delayMs: 60, rateBps: 102_000, loss: 0.1, queueBytes: 20_000 },
      },
    ],
    camera: camera([39_000, 73_000, 139_000], 10, true),
  },
  {
    ...constant('one bad among 30', { rateBps: 300_000, loss: 0.05 }, { utilisation: 0.8 }, 60, 20_000),
    others: 29,
    targets: { utilisation: 0.8, freezes: 6, longestFreezeMs: 1100, othersFreezes: 0 },
  },
];

export function layersOf({ camera }: Scenario): readonly LayerPlan[] {
  return camera?.layers ?? threeLayers;
}

/** The highest layer that a capacity carries, with its retransmissions and a little to spare; -1 = none. */
export function rightLayer(layers: readonly LayerPlan[], capacityBps: number, loss = 0): number {
  let right = -1;
  for (const [i, { bitrateBps }] of layers.entries()) {
    // Headers, seals and key frames come on top of the encoder's rate; the rest is what keeps the queue short.
    if (bitrateBps * 1.06 * (1 + loss) * 1.12 <= capacityBps * 0.97) right = i;
  }
  return right;
}

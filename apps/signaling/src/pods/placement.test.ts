import type { PodRow } from '@weir/db';
import type { PodLease } from '@weir/protocol';
import { describe, expect, it } from 'vitest';
import { type PlacementInput, placeTransport } from './placement.ts';

const now = 1_000_000;

function pod(
  id: string,
  lease: Partial<PodLease> & { transports?: number; cpu?: number } = {},
  age = 0,
): PodRow {
  const { transports = 0, cpu = 0, ...rest } = lease;
  return {
    id,
    epoch: 1,
    seq: 1,
    leasedAt: now - age,
    drainTold: 0,
    unreachableUntil: 0,
    lease: {
      region: 'here',
      capacity: 100,
      placeable: true,
      draining: false,
      load: { transports, receivers: 0, senders: 0, cpu, egressPps: 0, egressBps: 0, loopLagMs: 0 },
      ...rest,
    } as PodLease,
  };
}

/** Draws these places of the choices, in turn. */
const drawing = (...places: number[]) => {
  let at = 0;
  return () => places[at++ % places.length]! * 2 ** 32;
};

/** Transports of the room, with media. */
const on = (...podIds: string[]) =>
  podIds.map((podId) => ({ podId, type: 'webrtc', iceState: 'completed' }) as const);

const place = (pods: PodRow[], input: Partial<PlacementInput> = {}) =>
  placeTransport({
    pods,
    roomTransports: [],
    region: 'here',
    placedSince: new Map(),
    now,
    leaseMs: 15_000,
    random: drawing(0, 0),
    ...input,
  })?.id;

describe('placement of a transport', () => {
  it('takes the less loaded of two', () => {
    const pods = [pod('a', { transports: 50 }), pod('b', { transports: 10 }), pod('c', { transports: 90 })];
    expect(place(pods, { random: drawing(0, 0) })).toBe('b');
    expect(place(pods, { random: drawing(0, 0.99) })).toBe('a');
    expect(place([pod('a', { cpu: 0.9 }), pod('b', { transports: 80 })])).toBe('b');
    expect(place([pod('a', { transports: 90 })])).toBe('a');
  });

  it('goes by whatever is scarcest at the pod', () => {
    const load = {
      transports: 10,
      receivers: 0,
      senders: 0,
      cpu: 0.1,
      egressPps: 0,
      egressBps: 0,
      loopLagMs: 0,
    };
    const narrow = pod('narrow', { load: { ...load, capacityUsed: 0.79 } });
    expect(place([narrow, pod('b', { transports: 60 })])).toBe('b');
    expect(place([pod('a', { load: { ...load, capacityUsed: 1 } })])).toBeUndefined();
    // A little work is none: it is the number of transports that counts.
    const working = pod('working', { load: { ...load, capacityUsed: 0.25 } });
    expect(place([working, pod('b', { transports: 12 })])).toBe('working');
    // Those who are there cost 0.07 each, so five more would be too many.
    expect(place([narrow], { placedSince: new Map([['narrow', 4]]) })).toBe('narrow');
    expect(place([narrow], { placedSince: new Map([['narrow', 5]]) })).toBeUndefined();
  });

  it('leaves a pod alone that cannot be told anything, for a while, whatever it reports', () => {
    const mute = { ...pod('mute'), unreachableUntil: now + 1 };
    const pods = [mute, pod('other', { transports: 90 })];
    expect(place(pods)).toBe('other');
    expect(place([{ ...mute, unreachableUntil: now }, pods[1]!])).toBe('mute');
    // Far, but there; or the only one that may get through.
    expect(place([mute, pod('far', { region: 'there' })])).toBe('far');
    expect(place([mute, pod('full', { transports: 100 })])).toBe('mute');
    // Others of the room may have tried at the same time. Where their media runs, a newcomer must go, or see nobody.
    expect(place(pods, { roomTransports: [{ podId: 'mute', type: 'webrtc', iceState: 'new' }] })).toBe(
      'other',
    );
    expect(place(pods, { roomTransports: on('mute') })).toBe('mute');
  });

  it('counts what was placed since the last lease', () => {
    const pods = [pod('a', { transports: 10 }), pod('b', { transports: 20 })];
    expect(place(pods)).toBe('a');
    expect(place(pods, { placedSince: new Map([['a', 30]]) })).toBe('b');
    expect(place([pod('a', { transports: 70 })], { placedSince: new Map([['a', 30]]) })).toBeUndefined();
  });

  it('leaves out what is full, unplaceable, draining, silent or given up', () => {
    expect(place([])).toBeUndefined();
    expect(place([pod('a', { transports: 100 })])).toBeUndefined();
    expect(place([pod('a', { placeable: false })])).toBeUndefined();
    expect(place([pod('a', { draining: true })])).toBeUndefined();
    expect(place([pod('a', {}, 15_000)])).toBe('a');
    expect(place([pod('a', {}, 15_001)])).toBeUndefined();
    expect(place([{ ...pod('a'), lease: null }])).toBeUndefined();
  });

  it('prefers the region, and goes elsewhere only if it has none', () => {
    const pods = [pod('far', { region: 'there' }), pod('near', { transports: 95 })];
    expect(place(pods)).toBe('near');
    expect(place([pods[0]!])).toBe('far');
    expect(place([pods[0]!, pod('near', { transports: 100 })])).toBe('far');
  });

  it('keeps a room together, also on a pod that takes no new rooms, but not on one that drains', () => {
    const home = pod('home', { transports: 90, placeable: false });
    expect(place([home, pod('idle')], { roomTransports: on('home') })).toBe('home');
    const draining = pod('home', { draining: true });
    expect(
      place([draining, pod('idle'), pod('new', { transports: 50 })], {
        roomTransports: on('home', 'home', 'new'),
      }),
    ).toBe('new');
    expect(place([draining, pod('idle')], { roomTransports: on('home') })).toBe('idle');
  });
});

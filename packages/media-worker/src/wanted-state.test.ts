import type { PlainTransportSpec, RoomMediaUpdate } from '@weir/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WantedState } from './wanted-state.ts';

function spec(id: number, maxIncomingBitrate = 0): PlainTransportSpec {
  return { id, type: 'plain', peerId: 1, comedia: true, rtcpMux: true, maxIncomingBitrate };
}

function update(
  version: number,
  base: number | null,
  put: PlainTransportSpec[] = [],
  remove: number[] = [],
): RoomMediaUpdate {
  return {
    roomId: 'a',
    version,
    base,
    put: { transports: put, receivers: [], senders: [] },
    remove: { transports: remove, receivers: [], senders: [] },
    keyFrames: [],
  };
}

describe('WantedState', () => {
  it('takes what follows, ignores what is older, and refuses what leaves a gap', () => {
    const state = new WantedState();
    expect(state.judge(update(3, 2))).toBe('mismatch');
    expect(state.judge(update(1, 0))).toBe('apply');
    state.take(update(1, 0, [spec(1)]));
    expect(state.judge(update(1, 0))).toBe('ignore');
    expect(state.judge(update(3, 2))).toBe('mismatch');
    expect(state.judge(update(0, null))).toBe('ignore');
    expect(state.judge(update(5, null))).toBe('apply');
    expect(state.versions()).toEqual({ a: 1 });
  });

  it('leaves out what is as it was', () => {
    const state = new WantedState();
    state.take(update(1, 0, [spec(1), spec(2)]));
    const changes = state.take(update(2, 1, [spec(1), spec(2, 5)], [9]));
    expect(changes.put.transports).toEqual([spec(2, 5)]);
    expect(changes.remove.transports).toEqual([]);
  });

  it('the whole state removes what it does not name', () => {
    const state = new WantedState();
    state.take(update(1, 0, [spec(1), spec(2)]));
    expect(state.take(update(1, null, [spec(2), spec(3)]))).toMatchObject({
      remove: { transports: [1] },
      put: { transports: [spec(3)] },
    });
  });

  it('forgets an empty room, but not how far it had come', () => {
    const state = new WantedState();
    state.take(update(4, null, [spec(1)]));
    state.take(update(5, 4, [], [1]));
    expect(state.versions()).toEqual({});
    expect(state.judge(update(4, null, [spec(1)]))).toBe('ignore');
    expect(state.judge(update(5, 4))).toBe('ignore');
    expect(state.judge(update(6, 5, [spec(2)]))).toBe('apply');
  });

  it('ends in the same state whatever is lost, repeated or overtaken, as long as refusals are answered', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            put: fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 3 })), {
              maxLength: 3,
            }),
            remove: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 2 }),
          }),
          { minLength: 1, maxLength: 12 },
        ),
        fc.array(fc.nat({ max: 11 }), { maxLength: 30 }),
        (history, deliveries) => {
          // The truth after each version.
          const truth: Map<number, PlainTransportSpec>[] = [new Map()];
          const updates = history.map(({ put, remove }, i) => {
            const next = new Map(truth[i]);
            for (const id of remove) next.delete(id);
            for (const [id, rate] of put) next.set(id, spec(id, rate));
            truth.push(next);
            const puts = [...new Map(put.map(([id, rate]) => [id, spec(id, rate)])).values()];
            return update(
              i + 1,
              i,
              puts,
              remove.filter((id) => !next.has(id)),
            );
          });
          const whole = (version: number) => update(version, null, [...truth[version]!.values()]);
          const state = new WantedState();
          const deliver = (one: RoomMediaUpdate) => {
            const verdict = state.judge(one);
            if (verdict === 'apply') state.take(one);
            else if (verdict === 'mismatch') deliver(whole(one.version));
          };
          for (const i of deliveries) if (updates[i] !== undefined) deliver(updates[i]);
          const last = updates.length;
          deliver(updates[last - 1]!);
          expect(state.version('a')).toBe(last);
          expect(new Map(state.get('a')?.transports ?? [])).toEqual(truth[last]);
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });
});

import type { RoomMediaUpdate } from '@weir/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyUpdate, mergeUpdates } from './media-delivery.ts';

type Specs = Map<number, { id: number; note: number }>;

/** What a pod would hold after updates, of transports alone. */
function apply(held: Specs, update: RoomMediaUpdate): Specs {
  const next: Specs = update.base === null ? new Map() : new Map(held);
  for (const spec of update.put.transports) next.set(spec.id, spec as never);
  for (const id of update.remove.transports) next.delete(id);
  return next;
}

const change = fc.record({
  put: fc.uniqueArray(fc.nat(5), { maxLength: 4 }),
  remove: fc.uniqueArray(fc.nat(5), { maxLength: 3 }),
  keyFrames: fc.uniqueArray(fc.nat(3), { maxLength: 2 }),
  whole: fc.boolean(),
});

function updateOf(
  made: { put: number[]; remove: number[]; keyFrames: number[]; whole: boolean },
  version: number,
) {
  const remove = made.whole ? [] : made.remove.filter((id) => !made.put.includes(id));
  return {
    ...emptyUpdate('daily', made.whole ? null : version - 1, version),
    put: { transports: made.put.map((id) => ({ id, note: version })), receivers: [], senders: [] },
    remove: { transports: remove, receivers: [], senders: [] },
    keyFrames: made.keyFrames,
  } as unknown as RoomMediaUpdate;
}

describe('two updates put together', () => {
  it('mean the same as one after the other', () => {
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 2, maxLength: 6 }),
        fc.uniqueArray(fc.nat(5)),
        (changes, before) => {
          const held: Specs = new Map(before.map((id) => [id, { id, note: 0 }]));
          const updates = changes.map((made, index) => updateOf(made, index + 11));
          const merged = updates.reduce(mergeUpdates);
          expect([...apply(held, merged)].sort()).toEqual([...updates.reduce(apply, held)].sort());
          expect(merged.version).toBe(10 + updates.length);
          expect(new Set(merged.keyFrames)).toEqual(new Set(updates.flatMap((update) => update.keyFrames)));
          // As far as deltas go back to: the pod must have that version, or ask for the whole.
          const lastWhole = updates.findLastIndex((update) => update.base === null);
          expect(merged.base).toBe(lastWhole >= 0 ? null : 10);
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  it('ask for the whole when a step between them is missing, whatever their order', () => {
    const [first, second] = [
      updateOf({ put: [1], remove: [], keyFrames: [7], whole: false }, 11),
      updateOf({ put: [2], remove: [], keyFrames: [8], whole: false }, 13),
    ];
    for (const merged of [mergeUpdates(first, second), mergeUpdates(second, first)]) {
      // Nothing to do for who has version 13; anybody else holds another version than the base.
      expect(merged).toEqual({ ...emptyUpdate('daily', 13, 13), keyFrames: [7, 8] });
    }
  });
});

import type { RoomMediaUpdate } from '@weir/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Census } from './census.ts';

type Fields = { base: number | null; version: number; put?: number[]; remove?: number[]; roomId?: string };

/** Only ids are counted, so specs are nothing but ids here. */
const update = ({ base, version, put = [], remove = [], roomId = 'daily' }: Fields): RoomMediaUpdate =>
  ({
    roomId,
    base,
    version,
    put: {
      transports: put.map((id) => ({ id, peerId: id + 500 })),
      receivers: [],
      senders: put.map((id) => ({ id: id + 1000 })),
    },
    remove: { transports: remove, receivers: [], senders: remove.map((id) => id + 1000) },
    keyFrames: [],
  }) as unknown as RoomMediaUpdate;

function note(census: Census, fields: Fields, applied = true): void {
  census.noteUpdate(update(fields), { applied, version: fields.version });
}

describe('Census', () => {
  it('counts what is put, replaced and removed, once', () => {
    const census = new Census();
    note(census, { base: null, version: 1, put: [1, 2] });
    note(census, { base: 1, version: 2, put: [2, 3], remove: [1] });
    note(census, { base: 1, version: 2, put: [2, 3], remove: [1] });
    expect(census.count).toEqual({ transports: 2, receivers: 0, senders: 2 });
    note(census, { base: null, version: 3, put: [9] });
    expect(census.count).toEqual({ transports: 1, receivers: 0, senders: 1 });
  });

  it('knows whose a transport is, also when it has died, until it is no longer wanted', () => {
    const census = new Census();
    note(census, { base: null, version: 1, put: [1, 2] });
    expect(census.peerOf('daily', 1)).toBe(501);
    census.noteHappening({ type: 'transport.closed', roomId: 'daily', transportId: 1, reason: 'dtls' });
    expect(census.peerOf('daily', 1)).toBe(501);
    note(census, { base: 1, version: 2, remove: [1] });
    expect([census.peerOf('daily', 1), census.peerOf('daily', 2)]).toEqual([undefined, 502]);
    note(census, { base: null, version: 3, put: [9] });
    expect([census.peerOf('daily', 2), census.peerOf('other', 9)]).toEqual([undefined, undefined]);
  });

  it('counts nothing of what the worker did not take', () => {
    const census = new Census();
    note(census, { base: 4, version: 5, put: [1] }, false);
    census.noteUpdate(update({ base: 1, version: 2, put: [1] }), { applied: true, version: 7 });
    expect(census.count.transports).toBe(0);
  });

  it('forgets transports that died, and empty rooms', () => {
    const census = new Census();
    note(census, { base: null, version: 1, put: [1, 2] });
    const closed = { type: 'transport.closed', roomId: 'daily', transportId: 1, reason: 'dtls' } as const;
    census.noteHappening(closed);
    census.noteHappening(closed);
    expect(census.count.transports).toBe(1);
    note(census, { base: 1, version: 2, put: [1] });
    note(census, { base: null, version: 3, put: [1, 2] });
    expect(census.count.transports).toBe(1);
    note(census, { base: 3, version: 4, remove: [1, 2] });
    expect(census.count).toEqual({ transports: 0, receivers: 0, senders: 0 });
    expect(census.rooms).toBe(0);
  });

  it('agrees with counting from scratch', () => {
    const step = fc.record({
      room: fc.constantFrom('a', 'b'),
      whole: fc.boolean(),
      put: fc.array(fc.integer({ min: 1, max: 9 })),
      remove: fc.array(fc.integer({ min: 1, max: 9 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const census = new Census();
        const rooms: Record<string, Set<number>> = { a: new Set(), b: new Set() };
        for (const [index, { room, whole, put, remove }] of steps.entries()) {
          const gone = whole ? [] : remove;
          note(census, { roomId: room, base: whole ? null : index, version: index + 1, put, remove: gone });
          const kept = whole ? [] : [...rooms[room]!];
          rooms[room] = new Set([...kept, ...put].filter((id) => !gone.includes(id)));
        }
        const expected = rooms.a!.size + rooms.b!.size;
        expect(census.count).toEqual({ transports: expected, receivers: 0, senders: expected });
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('forgets the rooms of a dead worker, and counts them anew when they come back', () => {
    const census = new Census();
    note(census, { base: null, version: 3, put: [1, 2] });
    note(census, { base: null, version: 1, put: [7], roomId: 'weekly' });
    census.noteHappening({ type: 'transport.closed', roomId: 'daily', transportId: 2, reason: 'x' });
    expect(census.forgetRooms((roomId) => roomId === 'daily')).toEqual([{ roomId: 'daily', transportId: 1 }]);
    expect(census.rooms).toBe(1);
    expect(census.count).toEqual({ transports: 1, receivers: 0, senders: 1 });
    // The worker in its place raises what is wanted, also what had died, and knows no version.
    note(census, { base: null, version: 3, put: [1, 2] });
    expect(census.count).toEqual({ transports: 3, receivers: 0, senders: 3 });
  });
});

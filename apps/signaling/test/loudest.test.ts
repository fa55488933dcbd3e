import { describe, expect, it } from 'vitest';
import { onEveryDatabaseAndD1 } from './databases.ts';
import { Instance } from './harness.ts';
import { capabilities, opus } from './media.ts';
import { settle } from './virtual-clock.ts';

onEveryDatabaseAndD1((open) => {
  describe('how many voices of a room are forwarded', () => {
    it('is all of them unless a number is given, at creation or later, and is kept', async () => {
      const database = await open();
      const weir = new Instance(database);
      const token = await weir.admin();
      const all = await weir.ok('POST', '/v1/rooms', { token, body: { id: 'all' } });
      expect(all).toMatchObject({ maxLoudestAudio: 0 });
      const three = await weir.ok('POST', '/v1/rooms', {
        token,
        body: { id: 'three', maxLoudestAudio: 3 },
      });
      expect(three).toMatchObject({ maxLoudestAudio: 3 });
      // Changing something else leaves it.
      await weir.ok('PATCH', '/v1/rooms/three', { token, body: { maxPeers: 7 } });
      await weir.ok('PATCH', '/v1/rooms/all', { token, body: { maxLoudestAudio: 5 } });
      const other = new Instance(database, { clock: weir.clock, pods: weir.pods });
      expect(await other.ok('GET', '/v1/rooms/three', { token })).toMatchObject({
        maxLoudestAudio: 3,
        maxPeers: 7,
      });
      expect(await other.ok('GET', '/v1/rooms', { token })).toMatchObject({
        rooms: [
          { id: 'all', maxLoudestAudio: 5 },
          { id: 'three', maxLoudestAudio: 3 },
        ],
      });
    });

    it('is told to the pods of the room: with all else, and when it changes', async () => {
      const database = await open();
      const weir = new Instance(database);
      await weir.lease('pod-1');
      const token = await weir.admin();
      const room = await weir.room('daily', { maxLoudestAudio: 2 });
      const alice = await weir.join(room, 'alice');
      await alice.ok('PUT', '/capabilities', {
        rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
      });
      const { id: transportId } = await alice.ok('POST', '/transports', {});
      await settle();
      const told = () => weir.pods.updates.at(-1)!.update;
      expect(told()).toMatchObject({ maxLoudestAudio: 2 });
      const receiver = await alice.ok('POST', '/receivers', {
        kind: 'audio',
        transportId,
        rtpParameters: opus(1),
        alwaysForward: true,
      });
      expect(receiver).toMatchObject({ alwaysForward: true });
      await settle();
      expect(told()).toMatchObject({ maxLoudestAudio: 2, put: { receivers: [{ alwaysForward: true }] } });

      const { version } = told();
      const patch = (maxLoudestAudio: number) =>
        weir.ok('PATCH', '/v1/rooms/daily', { token, body: { maxLoudestAudio } });
      await patch(4);
      await settle();
      expect(told()).toMatchObject({
        base: version,
        version: version + 1,
        maxLoudestAudio: 4,
        put: { transports: [], receivers: [], senders: [] },
      });
      // What changes nothing tells nobody anything.
      const before = weir.pods.updates.length;
      await patch(4);
      await settle();
      expect(weir.pods.updates).toHaveLength(before);
      // Another instance, which read it from the database, tells it as well.
      const other = new Instance(database, { clock: weir.clock, pods: weir.pods });
      await other.ok('PATCH', '/v1/rooms/daily', { token, body: { maxLoudestAudio: 0 } });
      await settle();
      expect(told()).toMatchObject({ version: version + 2 });
      expect(told()).not.toHaveProperty('maxLoudestAudio');
    });
  });
});

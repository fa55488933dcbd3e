import type { RoomView, Snapshot } from '@weir/protocol';
import { createRandom } from '@weir/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pause, until } from '../weir.ts';
import { CarefulClient, Refused, Tally } from './careful-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { token } from './instances.ts';
import { lasting, Tables } from './logs.ts';
import { Participant } from './participant.ts';
import { PodDouble } from './pod-double.ts';
import { essence } from './view.ts';

/** Three processes write to the same rooms at the same time. */

let cluster: Cluster | { readonly missing: string };
let pod: PodDouble | undefined;
const random = createRandom(4711);

beforeAll(async () => {
  // Nothing but orders of the test may change a room.
  cluster = await startCluster(3, random.fork(), { WEIR_PEER_TIMEOUT_SECONDS: '600' });
  if (!('missing' in cluster)) pod = await PodDouble.start('pod-1', cluster.proxy.url);
});
afterAll(async () => {
  await pod?.stop();
  if (cluster !== undefined && !('missing' in cluster)) await cluster.stop();
});

test('of 200 who join at once, 50 get into a room for 50', async (context) => {
  if ('missing' in cluster) {
    context.skip(cluster.missing);
    return;
  }
  const { instances, postgres } = cluster;
  const tally = new Tally();
  const admin = new CarefulClient(instances[0]!.url, await token({ admin: true }), tally);
  await admin.call('POST', '/v1/rooms', { id: 'small', maxPeers: 50 });
  const clients = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const client = new CarefulClient(instances[index % instances.length]!.url, await token(), tally);
      return { client, name: `guest-${index}` };
    }),
  );
  const outcomes = await Promise.all(
    clients.map(async ({ client, name }) => {
      try {
        await client.call('POST', '/v1/rooms/small/peers', { name }, 'join');
        return name;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return error.code;
      }
    }),
  );
  const inside = outcomes.filter((outcome) => outcome.startsWith('guest-'));
  expect(inside).toHaveLength(50);
  expect(outcomes.filter((outcome) => outcome === 'room-full')).toHaveLength(150);
  const lists = await Promise.all(
    instances.map(async ({ url }) => {
      const one = new CarefulClient(url, await token(), tally);
      return (await one.call<{ peers: { name: string }[] }>('GET', '/v1/rooms/small/peers')).peers;
    }),
  );
  for (const list of lists) expect(list).toEqual(lists[0]);
  expect(lists[0]!.map(({ name }) => name).sort()).toEqual(inside.toSorted());
  const tables = await Tables.open(postgres.url);
  expect(await tables.count("SELECT peer_count FROM rooms WHERE id = 'small'")).toBe(50);
  // Each newcomer was told to those before it: 49 + 48 + … in all.
  expect(await tables.count("SELECT count(*) FROM peer_events WHERE room_id = 'small'")).toBe((50 * 49) / 2);
  await tables.close();
  console.table({ ...tally.table() });
}, 180_000);

test('20 who write to one room at once leave what some order of their writes leaves', async (context) => {
  if ('missing' in cluster) {
    context.skip(cluster.missing);
    return;
  }
  const { instances, postgres } = cluster;
  const tally = new Tally();
  const tables = await Tables.open(postgres.url);
  const writers: Participant[] = [];
  try {
    const admin = new CarefulClient(instances[0]!.url, await token({ admin: true }), tally);
    const room = await admin.call<RoomView>('POST', '/v1/rooms', { id: 'busy' });
    const started = performance.now();
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const writer = await Participant.join(instances[index % 3]!.url, room.id, `writer-${index}`, {
          way: 'stream',
          tally,
          rtpCapabilities: room.rtpCapabilities,
        });
        writers.push(writer);
        await writer.receive();
        await writer.publish(5000 + index);
        for (let turn = 0; turn < 3; turn += 1) {
          await pause(random.next() * 50);
          await writer.toggle();
        }
        // Half of those who came are gone in the end.
        if (index % 2 === 1) await writer.leave();
      }),
    );
    const present = writers.filter(({ left }) => !left);
    await until(
      'all are bound to all they can hear',
      async () => (await Promise.all(present.map((one) => one.settled()))).every((settled) => settled),
      60_000,
    );
    await pod!.settled(20_000);
    await until('everybody has read its log to the end', async () => {
      const cursors = await tables.cursors();
      return present.every(({ roomId, id, events }) => cursors.get(`${roomId} ${id}`) === events.cursor);
    });
    await Promise.all(writers.map(({ events }) => events.stop()));

    // One order: who knew of whom when it joined says the same as who was told of whom.
    for (const one of writers) {
      for (const other of writers) {
        if (one.id >= other.id) continue;
        const knew = (who: Participant, whom: Participant) =>
          who.answer.snapshot.peers.some(({ id }) => id === whom.id);
        const told = (who: Participant, whom: Participant) =>
          who.events.received.filter(({ type, data }) => type === 'newpeer' && data.id === whom.id).length;
        // Of two, the later one knows the earlier one from its snapshot, unless that one had left again.
        expect(knew(one, other) && knew(other, one)).toBe(false);
        if (knew(one, other)) expect(told(other, one) + (other.left ? 1 : 0)).toBeGreaterThanOrEqual(1);
        for (const [who, whom] of [
          [one, other],
          [other, one],
        ] as const) {
          expect(told(who, whom) + Number(knew(who, whom))).toBeLessThanOrEqual(1);
          const closed = who.events.received.filter(
            ({ type, data }) => type === 'peerclose' && data.id === whom.id,
          );
          if (!who.left)
            expect(closed).toHaveLength(whom.left ? told(who, whom) + Number(knew(who, whom)) : 0);
        }
      }
    }
    // The log of each, replayed over its first snapshot, gives what every instance says there is.
    for (const writer of present) {
      const views = await Promise.all(
        instances.map(async ({ url }) => {
          const one = new CarefulClient(url, await token({ admin: true }), tally);
          return await one.call<Snapshot>('GET', `/v1/rooms/${room.id}/peers/${writer.id}/snapshot`);
        }),
      );
      for (const view of views) expect(view).toEqual(views[0]);
      expect(writer.view.known, writer.name).toEqual(essence(views[0]!));
      expect(views[0]!.peers).toHaveLength(9);
      expect(views[0]!.senders).toHaveLength(9);
      // Three toggles each: all are paused, and everybody knows.
      for (const sender of views[0]!.senders)
        expect(sender).toMatchObject({ receiverPaused: true, enabled: true });
      expect(lasting(writer.events.received)).toEqual(
        lasting(await tables.logOf(writer.roomId, writer.id, writer.answer.snapshot.cursor)),
      );
    }
    // What the pod holds is what is left.
    const versions = await tables.mediaVersions();
    const held = await until('the pod holds the newest version', async () => {
      const now = pod!.rooms.get(room.id);
      return now?.version === versions.get(room.id) ? now : undefined;
    });
    const sizes = [held.transports.size, held.receivers.size, held.senders.size];
    expect(sizes).toEqual([20, 10, 90]);
    // Too busy a machine may refuse some with 503; nothing else may go wrong.
    expect(instances.flatMap(({ output }) => /given up|hit a defect|Unhandled/.exec(output) ?? [])).toEqual(
      [],
    );
    console.table({
      seconds: ((performance.now() - started) / 1000).toFixed(1),
      ...tally.table(),
    });
  } finally {
    await Promise.allSettled(writers.map(({ events }) => events.stop()));
    await tables.close();
  }
}, 180_000);

import type { LogEvent, RoomView } from '@weir/protocol';
import { createRandom } from '@weir/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pause, until } from '../weir.ts';
import { CarefulClient, Tally } from './careful-client.ts';
import { type Cluster, Killer, startCluster } from './cluster.ts';
import type { Way } from './event-source.ts';
import { token } from './instances.ts';
import { lasting, logOf, newest, Tables } from './logs.ts';
import { Participant } from './participant.ts';
import { type HeldRoom, PodDouble } from './pod-double.ts';
import { essence } from './view.ts';
import { WebhookListener } from './webhook-listener.ts';

/**
 * 300 peers in 30 rooms, over three signaling processes of which one is killed each second. What nobody may
 * notice is noticed nowhere: no join fails, every peer gets its log as it is stored, pods hold what they should.
 */

const roomCount = 30;
const peersPerRoom = 10;
/** Who of those who enter a room publishes: early ones and late ones. */
const publishing = [0, 3, 5, 8];
const arrivalsAtOnce = 24;
/** Publishers pause and resume for so long, and kills go on. */
const busyMs = 20_000;
const ways: readonly Way[] = ['stream', 'long poll', 'short poll'];
const seed = 20_240_611;

let backend: WebhookListener | undefined;
let cluster: Cluster | { readonly missing: string };
const random = createRandom(seed);

beforeAll(async () => {
  backend = await WebhookListener.start(random.fork());
  cluster = await startCluster(3, random.fork(), { WEIR_PEER_TIMEOUT_SECONDS: '120', ...backend.env });
});
afterAll(async () => {
  if (cluster !== undefined && !('missing' in cluster)) await cluster.stop();
  await backend?.stop();
});

test('while instances are killed every second, no join fails, no event is lost, pods converge', async (context) => {
  if ('missing' in cluster) {
    context.skip(cluster.missing);
    return;
  }
  const { postgres, instances, proxy } = cluster;
  context.onTestFailed(() => {
    for (const { name, logged } of instances.map((one) => ({ name: one.name, logged: one.logged(40) })))
      console.error(name, ...logged.slice(-20).map((entry) => `\n${JSON.stringify(entry)}`));
  });
  const started = performance.now();
  const tally = new Tally();
  const pods = await Promise.all(['pod-1', 'pod-2'].map((id) => PodDouble.start(id, proxy.url)));
  const tables = await Tables.open(postgres.url);
  const participants: Participant[] = [];
  const levels = setInterval(() => {
    for (const pod of pods) pod.tellLevels(`room-${random.int(roomCount)}`);
  }, 500);
  const killer = new Killer(instances, random.fork());
  try {
    const admin = new CarefulClient(proxy.url, await token({ admin: true }), tally);
    const rooms = await Promise.all(
      Array.from({ length: roomCount }, (_, index) =>
        admin.call<RoomView>('POST', '/v1/rooms', { id: `room-${index}` }),
      ),
    );

    // Peers arrive, and with them all there is to subscribe to.
    const arrivals = Array.from({ length: roomCount * peersPerRoom }, (_, index) => index);
    const arrive = async (index: number) => {
      const room = rooms[index % roomCount]!;
      const participant = await Participant.join(proxy.url, room.id, `peer-${index}`, {
        way: ways[index % ways.length]!,
        tally,
        rtpCapabilities: room.rtpCapabilities,
      });
      participants.push(participant);
      await participant.receive();
      if (publishing.includes(Math.floor(index / roomCount))) await participant.publish(1000 + index);
    };
    await Promise.all(
      Array.from({ length: arrivalsAtOnce }, async () => {
        for (let index = arrivals.shift(); index !== undefined; index = arrivals.shift()) await arrive(index);
      }),
    );
    const arrivedMs = performance.now() - started;
    expect(participants).toHaveLength(roomCount * peersPerRoom);

    // One publisher of each room pauses and resumes, each at its own pace; one listener of each room leaves.
    const publishers = participants.filter(({ receiverId }) => receiverId !== undefined);
    const restless = rooms.map(({ id }) => publishers.find(({ roomId }) => roomId === id)!);
    const leavers = rooms.map(
      ({ id }) => participants.find(({ roomId, receiverId }) => roomId === id && receiverId === undefined)!,
    );
    const busyUntil = performance.now() + busyMs;
    await Promise.all([
      ...restless.map(async (publisher) => {
        do {
          await pause(random.next() * 3000);
          await publisher.toggle();
        } while (performance.now() < busyUntil);
      }),
      ...leavers.map(async (leaver) => {
        await pause(random.next() * busyMs);
        await leaver.leave();
      }),
    ]);
    const present = participants.filter(({ left }) => !left);
    await until(
      'all are bound to all they can hear',
      async () => (await Promise.all(present.map((one) => one.settled()))).every((settled) => settled),
      60_000,
    );
    await killer.stop();
    clearInterval(levels);
    await Promise.all(pods.map((pod) => pod.settled(20_000)));

    // Nothing happens any more: readers get to the end of their logs.
    await until(
      'everybody has read its log to the end',
      async () => {
        const cursors = await tables.cursors();
        return present.every(({ roomId, id, events }) => cursors.get(`${roomId} ${id}`) === events.cursor);
      },
      60_000,
    );
    await until('those who left are told that nothing comes', async () =>
      leavers.every((one) => one.events.ended),
    );
    await Promise.all(participants.map(({ events }) => events.stop()));

    // Each log, as it was received, is the log as it is stored.
    let lastingEvents = 0;
    for (const participant of participants) {
      const { roomId, id, events, answer, left, name } = participant;
      const got = events.received;
      const cursors = got.map(({ cursor }) => Number(cursor));
      expect(cursors, `${name}: order`).toEqual([...new Set(cursors)].sort((a, b) => a - b));
      const stored = await tables.logOf(roomId, id, answer.snapshot.cursor);
      expect(lasting(got), `${name}: table`).toEqual(lasting(stored));
      for (const event of newest(stored)) expect(got, `${name}: newest signal`).toContainEqual(event);
      if (!left) expect(await logOf(participant), `${name}: API`).toEqual(stored);
      lastingEvents += lasting(got).length;
    }

    // Every order had its effect once, whatever became of its answers.
    for (const listener of present) {
      const others = publishers.filter(({ roomId, id }) => roomId === listener.roomId && id !== listener.id);
      expect(listener.bound, listener.name).toBe(others.length);
      const senders = new Map(
        [...listener.answer.snapshot.senders, ...sendersIn(listener.events.received)].map((sender) => [
          sender.receiverId as string,
          sender.id,
        ]),
      );
      expect(senders.size, listener.name).toBe(others.length);
      for (const publisher of others) {
        const senderId = senders.get(publisher.receiverId!)!;
        const heard = listener.events.received
          .filter(({ type, target }) => /^receiver(pause|resume)$/.test(type) && target.id === senderId)
          .map(({ type }) => type);
        const said = Array.from({ length: publisher.toggles }, (_, turn) =>
          turn % 2 === 0 ? 'receiverpause' : 'receiverresume',
        );
        expect(heard, `${listener.name} hears ${publisher.name}`).toEqual(said);
      }
      // Snapshot and events after it tell the same as a snapshot of now.
      expect(listener.view.known, listener.name).toEqual(essence(await listener.snapshot()));
    }

    // Pods hold what a pod is given that has lost everything.
    const versions = await tables.mediaVersions();
    const upToDate = () =>
      until(
        'pods hold the newest version of every room',
        async () =>
          rooms.every(({ id }) => pods.some((pod) => pod.rooms.get(id)?.version === versions.get(id))),
        30_000,
      );
    await upToDate();
    const updates = pods.map(({ counts }) => ({ ...counts }));
    const held = pods.map((pod) => pod.forget());
    await upToDate();
    for (const [index, pod] of pods.entries()) expect(plain(pod.rooms)).toEqual(plain(held[index]!));
    const transports = pods.flatMap((pod) => [...pod.rooms.values()].map((room) => room.transports.size));
    expect(transports.reduce((sum, size) => sum + size, 0)).toBe(present.length + publishers.length);
    for (const { counts, status } of pods) {
      expect(counts.superseded).toBe(0);
      expect(status).toMatchObject({ refused: 0, shed: 0, queued: 0 });
    }

    // The backend has heard each room's story, whole and in order, whoever was killed while telling it.
    let roomLogs = await tables.roomLogs();
    await until(
      'webhooks have told everything',
      async () => {
        roomLogs = await tables.roomLogs();
        return [...roomLogs].every(([room, story]) => backend!.storyOf(room).length >= story.length);
      },
      120_000,
    );
    expect([...roomLogs.keys()].sort()).toEqual(rooms.map(({ id }) => id as string).sort());
    for (const [room, story] of roomLogs) {
      expect(backend!.storyOf(room), room).toEqual(story);
      expect(story.map(({ seq }) => seq - story[0]!.seq)).toEqual([...story.keys()]);
    }

    expect(killer.kills).toBeGreaterThanOrEqual(10);
    // Too busy a machine may refuse some with 503; nothing else may go wrong.
    expect(instances.flatMap(({ output }) => /given up|hit a defect|Unhandled/.exec(output) ?? [])).toEqual(
      [],
    );
    console.table({
      seed,
      SIGKILLs: killer.kills,
      'seconds until all had arrived': Math.round(arrivedMs / 1000),
      seconds: Math.round((performance.now() - started) / 1000),
      peers: participants.length,
      'failed joins': 0,
      'through the proxy': proxy.counts.requests,
      'answers that broke off': proxy.counts.broken,
      'found no instance': proxy.counts.unanswered,
      'readers broken off': participants.reduce((sum, { events }) => sum + events.breaks, 0),
      'events that last, received and stored': lastingEvents,
      'orders to pods': updates.map(({ updates }) => updates).join(' + '),
      'of them wholes': updates.map(({ wholes }) => wholes).join(' + '),
      'webhook events': backend!.received.length - backend!.repeated,
      'of them told again': backend!.repeated,
      'refused or not answered by the backend': backend!.refused + backend!.unanswered,
      ...tally.table(),
    });
  } finally {
    clearInterval(levels);
    await killer.stop().catch(() => {});
    await Promise.allSettled(participants.map(({ events }) => events.stop()));
    await Promise.all(pods.map((pod) => pod.stop()));
    await tables.close();
  }
}, 600_000);

function sendersIn(events: readonly LogEvent[]): { id: string; receiverId: string }[] {
  return events
    .filter(({ type }) => type === 'newrtpsender')
    .map(({ data }) => data as { id: string; receiverId: string });
}

/** Comparable, whatever the order in which it came about; rooms of which nothing is held do not count. */
function plain(rooms: ReadonlyMap<string, HeldRoom>): object {
  const sorted = (specs: ReadonlyMap<number, { id: number }>) =>
    [...specs.values()].sort((a, b) => a.id - b.id);
  return Object.fromEntries(
    [...rooms]
      .filter(([, room]) => room.transports.size > 0)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([id, { version, transports, receivers, senders }]) => [
        id,
        {
          version,
          transports: sorted(transports),
          receivers: sorted(receivers),
          senders: sorted(senders),
        },
      ]),
  );
}

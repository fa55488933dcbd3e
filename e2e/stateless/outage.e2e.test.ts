import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Problem, type RoomView, type Snapshot } from '@weir/protocol';
import { createRandom } from '@weir/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bot, talk } from '../bot.ts';
import { pause, until } from '../weir.ts';
import { CarefulClient, quantile, Tally } from './careful-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import type { Way } from './event-source.ts';
import { podSecrets, token } from './instances.ts';
import { lasting, Tables } from './logs.ts';
import { Participant } from './participant.ts';
import { essence } from './view.ts';

/**
 * The database is away for longer than peers and pods may be silent. Requests are refused in good order, nothing is
 * half done, media flows on, and everything goes on by itself when it is back.
 */

const given: Readonly<Record<string, string | undefined>> = process.env;
const outageMs = given.WEIR_LONG === '1' ? 60_000 : 20_000;
/** Both timeouts end within the outage. */
const env = {
  WEIR_PEER_TIMEOUT_SECONDS: '10',
  WEIR_POD_LEASE_SECONDS: '5',
  WEIR_SWEEP_SECONDS: '1',
  WEIR_DEMO: '1',
};
const ways: readonly Way[] = ['stream', 'long poll', 'short poll'];
const aliceSsrc = 0x2222;

let cluster: Cluster | { readonly missing: string };
let pod: ChildProcess | undefined;

beforeAll(async () => {
  cluster = await startCluster(2, createRandom(77), env);
  if (!('missing' in cluster)) pod = startPod(cluster.proxy.url);
});
afterAll(async () => {
  if (pod !== undefined) await ended(pod);
  if (cluster !== undefined && !('missing' in cluster)) await cluster.stop();
});

test('an outage of the database is refused in good order, heard by nobody in a call, and over when it is over', async (context) => {
  if ('missing' in cluster) {
    context.skip(cluster.missing);
    return;
  }
  const { postgres, instances, proxy } = cluster;
  context.onTestFailed(() => {
    for (const { name, output } of instances) console.error(name, output.slice(-4000));
  });
  const docker = await containerOf(postgres.url);
  const tally = new Tally();
  let tables = await Tables.open(postgres.url);
  const participants: Participant[] = [];
  const bots: Bot[] = [];
  let talking: ReturnType<typeof talk> | undefined;
  let letThrough = () => {};
  try {
    const admin = new CarefulClient(proxy.url, await token({ admin: true }), tally);
    const room = await admin.call<RoomView>('POST', '/v1/rooms', { id: 'audience' });
    const join = (name: string, way: Way) =>
      Participant.join(proxy.url, room.id, name, { way, tally, rtpCapabilities: room.rtpCapabilities });
    // They have no media: only reading is a sign of life of theirs.
    for (let index = 0; index < 12; index += 1) {
      participants.push(await join(`listener-${index}`, ways[index % ways.length]!));
    }

    // Alice talks to Bob through a real pod.
    await until('the pod is known', async () => (await tables.count('SELECT count(*) FROM pods')) > 0);
    await admin.call('POST', '/v1/rooms', { id: 'call' });
    const alice = await Bot.join(proxy.url, 'call', 'alice');
    const bob = await Bot.join(proxy.url, 'call', 'bob');
    bots.push(alice, bob);
    const sending = await alice.connected('send');
    await alice.publishAudio(sending, aliceSsrc);
    const receiving = await bob.connected('recv');
    await bob.subscribe(receiving);
    const heard = new Set<number>();
    receiving.endpoint.onRtp = (packet) => heard.add(((packet[2] ?? 0) << 8) | (packet[3] ?? 0));
    talking = talk(sending.endpoint, aliceSsrc);
    await until('bob hears alice', async () => heard.size > 5);

    // Some are joining in the very moment in which it goes.
    const onTheWay = Array.from({ length: 16 }, (_, index) =>
      attempt(proxy.url, `${room.id}/peers`, { name: `on-the-way-${index}` }),
    );
    await tables.close();
    await docker('stop');
    const stoppedAt = performance.now();
    const halfway = await Promise.all(onTheWay);
    const before = { sent: talking.sent(), heard: heard.size };

    // Those who are patient begin to join now.
    const patient = Array.from({ length: 6 }, (_, index) => join(`patient-${index}`, ways[index % 3]!));
    const refusals: Attempt[] = [];
    let round = 0;
    while (performance.now() - stoppedAt < outageMs) {
      refusals.push(
        ...(await Promise.all([
          attempt(proxy.url, `${room.id}/peers`, { name: `impatient-${round}` }),
          attempt(proxy.url, room.id),
          attempt(proxy.url, `${room.id}/peers/${participants[0]!.id}/events?after=0`),
          attempt(proxy.url, `${room.id}/peers/${participants[0]!.id}/events?after=0&wait=5`),
          attempt(proxy.url, `${room.id}/peers/${participants[0]!.id}/transports`, { direction: 'recv' }),
        ])),
      );
      for (const { url } of instances) {
        expect((await fetch(`${url}/healthz`)).status).toBe(200);
        expect((await fetch(`${url}/readyz`)).status).toBe(503);
      }
      round += 1;
      await pause(250);
    }
    for (const { status, type, retryAfter, text } of refusals) {
      expect({ status, type }, text).toEqual({ status: 503, type: 'application/problem+json' });
      expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
      expect(Problem.parse(JSON.parse(text)).code).toBe('store-unavailable');
    }
    const slowest = Math.max(...refusals.map(({ ms }) => ms));
    expect(slowest).toBeLessThan(15_000);
    const during = { sent: talking.sent() - before.sent, heard: heard.size - before.heard };
    expect(during.sent).toBeGreaterThan(outageMs / 40);
    expect(during.heard).toBeGreaterThanOrEqual(during.sent - 5);

    // The database is back some seconds before anybody can give a sign of life.
    letThrough = proxy.hold();
    await docker('start');
    tables = await until('the database is back', () => Tables.open(postgres.url), 30_000);
    await pause(4000);
    letThrough();
    const backAt = performance.now();
    participants.push(...(await Promise.all(patient)));
    const joinedMs = performance.now() - backAt;

    // Everybody goes on reading by itself, and hears what is new.
    const newcomer = await join('newcomer', 'stream');
    participants.push(newcomer);
    await until(
      'everybody has heard of the newcomer',
      async () =>
        participants.every(
          ({ id, events }) =>
            id === newcomer.id ||
            events.received.some(({ type, data }) => type === 'newpeer' && data.id === newcomer.id),
        ),
      30_000,
    );
    const resumedMs = performance.now() - backAt;
    // Longer than anybody may be silent, so that whoever was taken for absent is closed by now.
    await pause(12_000);
    await until('everybody has read its log to the end', async () => {
      const cursors = await tables.cursors();
      return participants.every(({ roomId, id, events }) => cursors.get(`${roomId} ${id}`) === events.cursor);
    });
    await Promise.all(participants.map(({ events }) => events.stop()));
    for (const { roomId, id, answer, events, name } of participants) {
      const stored = await tables.logOf(roomId, id, answer.snapshot.cursor);
      expect(lasting(events.received), name).toEqual(lasting(stored));
    }

    // A join is there as a whole or not at all, and who was told that it is there is there.
    const snapshots = await Promise.all(
      instances.map(async ({ url }) => {
        const one = new CarefulClient(url, await token({ admin: true }), tally);
        return await one.call<Snapshot>('GET', `/v1/rooms/${room.id}/peers/${newcomer.id}/snapshot`);
      }),
    );
    expect(snapshots[1]).toEqual(snapshots[0]);
    const { peers } = snapshots[0]!;
    const names = new Set(peers.map(({ name }) => name));
    for (const { name } of participants) if (name !== 'newcomer') expect(names).toContain(name);
    for (const { view, id, name, snapshot } of participants.map((one) => ({
      view: one.view,
      id: one.id,
      name: one.name,
      snapshot: () => one.snapshot(),
    }))) {
      expect(view.known, `${name} ${id}`).toEqual(essence(await snapshot()));
    }
    expect(await tables.count('SELECT peer_count FROM rooms WHERE id = $1', [room.id])).toBe(
      await tables.count('SELECT count(*) FROM peers WHERE room_id = $1 AND closed_at IS NULL', [room.id]),
    );
    const joins = await joinsByName(tables, room.id);
    for (const [index, { status, text }] of [...halfway, ...refusals].entries()) {
      if (status !== 201) continue;
      const { peer } = JSON.parse(text) as { peer: { id: string; name: string } };
      expect(joins.get(peer.name), `attempt ${index}`).toEqual([peer.id]);
    }
    for (const [name, ids] of joins) {
      expect(ids, name).toHaveLength(1);
      // Its answer is stored with it, and everybody who was there was told, once.
      for (const listener of participants.slice(0, 12).filter((one) => one.name !== name)) {
        const told = listener.events.received.filter(
          ({ type, data }) => type === 'newpeer' && data.id === ids[0],
        );
        const knew = listener.answer.snapshot.peers.some(({ id }) => id === ids[0]);
        expect(told.length + (knew ? 1 : 0), `${listener.name} knows ${name}`).toBe(1);
      }
    }

    // The call was not touched.
    const since = { sent: talking.sent(), heard: heard.size };
    await pause(2000);
    expect(heard.size - since.heard).toBeGreaterThanOrEqual(talking.sent() - since.sent - 5);
    const { events } = await bob.call<{ events: { type: string }[] }>('GET', `/events?after=${bob.cursor}`);
    const types = events.map(({ type }) => type);
    expect(types).not.toContain('migrate');
    expect(types).not.toContain('close');
    expect(instances.flatMap(({ output }) => /given up|hit a defect/.exec(output) ?? [])).toEqual([]);

    console.table({
      'outage, s': outageMs / 1000,
      'refused with 503': refusals.length,
      'slowest refusal, ms': Math.round(slowest),
      'p50 of refusals, ms': Math.round(
        quantile(
          refusals.map(({ ms }) => ms),
          0.5,
        ),
      ),
      'joins under way when it began': `${halfway.filter(({ status }) => status === 201).length} answered, ${
        [...joins.keys()].filter((name) => name.startsWith('on-the-way')).length
      } done, of ${halfway.length}`,
      'packets sent and heard meanwhile': `${during.sent} and ${during.heard}`,
      'until those who waited had joined, ms': Math.round(joinedMs),
      'until everybody had heard what was new, ms': Math.round(resumedMs),
      ...tally.table(),
    });
  } finally {
    talking?.stop();
    letThrough();
    await docker('start').catch(() => {});
    await Promise.allSettled(participants.map(({ events }) => events.stop()));
    await Promise.allSettled(bots.map((bot) => bot.leave()));
    await tables.close();
  }
}, 300_000);

test('a database that hangs is waited for, but not for long', async (context) => {
  if ('missing' in cluster) {
    context.skip(cluster.missing);
    return;
  }
  const { postgres, proxy } = cluster;
  const docker = await containerOf(postgres.url);
  const tally = new Tally();
  const admin = new CarefulClient(proxy.url, await token({ admin: true }), tally);
  await admin.call('POST', '/v1/rooms', { id: 'frozen' });
  await docker('pause');
  let attempts: Attempt[];
  let patient: Promise<unknown>;
  try {
    const frozenAt = performance.now();
    patient = admin.call('POST', '/v1/rooms/frozen/peers', { name: 'patient' });
    const asked: Promise<Attempt>[] = [];
    while (performance.now() - frozenAt < 8000) {
      asked.push(
        attempt(proxy.url, 'frozen'),
        attempt(proxy.url, 'frozen/peers', { name: `guest-${asked.length}` }),
      );
      await pause(500);
    }
    attempts = await Promise.all(asked);
  } finally {
    await docker('unpause');
  }
  for (const { status, type, retryAfter, text } of attempts) {
    expect({ status, type }, text).toEqual({ status: 503, type: 'application/problem+json' });
    expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
  }
  const slowest = Math.max(...attempts.map(({ ms }) => ms));
  // Ten seconds for a statement, five for a connection.
  expect(slowest).toBeLessThan(17_000);
  await patient;
  const { peers } = await admin.call<{ peers: { name: string }[] }>('GET', '/v1/rooms/frozen/peers');
  expect(peers.filter(({ name }) => name === 'patient')).toHaveLength(1);
  console.table({
    'refused while it hung': attempts.length,
    'slowest, ms': Math.round(slowest),
    'done nevertheless, as a whole': peers.length - 1,
  });
}, 120_000);

interface Attempt {
  readonly status: number;
  readonly type: string | null;
  readonly retryAfter: string | null;
  readonly text: string;
  readonly ms: number;
}

/** One request, not repeated; status 0 = no answer. */
async function attempt(base: string, path: string, body?: object): Promise<Attempt> {
  const started = performance.now();
  const authorization = `Bearer ${await token({ admin: true })}`;
  try {
    const answer = await fetch(`${base}/v1/rooms/${path}`, {
      headers: { authorization, 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
      signal: AbortSignal.timeout(20_000),
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const [type, retryAfter] = [answer.headers.get('content-type'), answer.headers.get('retry-after')];
    return { status: answer.status, type, retryAfter, text, ms: performance.now() - started };
  } catch (error) {
    return { status: 0, type: null, retryAfter: null, text: String(error), ms: performance.now() - started };
  }
}

/** Ids of all peers a room ever had, by name. */
async function joinsByName(tables: Tables, roomId: string): Promise<Map<string, string[]>> {
  const joins = new Map<string, string[]>();
  for (const { id, name } of await tables.peersOf(roomId)) joins.set(name, [...(joins.get(name) ?? []), id]);
  return joins;
}

/** Runs a verb of docker on the container that publishes the database's port, without holding up this process. */
async function containerOf(
  url: string,
): Promise<(verb: 'stop' | 'start' | 'pause' | 'unpause') => Promise<void>> {
  const run = promisify(execFile);
  const { stdout } = await run('docker', ['ps', '-q', '--filter', `publish=${new URL(url).port}`]);
  const id = stdout.trim();
  expect(id).toMatch(/^[0-9a-f]{12}$/);
  return async (verb) => {
    await run('docker', [verb, id]);
  };
}

function startPod(signalingUrl: string): ChildProcess {
  const root = join(import.meta.dirname, '../..');
  const preload = join(root, 'scripts/start/end-with-parent.ts');
  return spawn(join(root, 'node_modules/.bin/node'), ['--import', preload, 'apps/media-pod/src/main.ts'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      WEIR_SIGNALING_URL: signalingUrl,
      WEIR_POD_SECRETS: podSecrets.join(),
      WEIR_MEDIA_IP: '127.0.0.1',
      WEIR_MEDIA_PORT: '0',
      WEIR_CONTROL_IP: '127.0.0.1',
      WEIR_CONTROL_PORT: '0',
      WEIR_LEASE_SECONDS: '1',
      WEIR_DRAIN_SECONDS: '0',
      WEIR_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(timer);
}

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Participant, type Seen } from './chaos/participant.ts';
import { type Fleet, operator, PodProcess, startFleet } from './fleet.ts';
import { token } from './stateless/instances.ts';
import { pause, until } from './weir.ts';

let fleet: Fleet;
const people: Participant[] = [];

beforeAll(async () => {
  fleet = await startFleet(2);
});
afterEach(async () => {
  await Promise.all(people.splice(0).map((one) => one.leave()));
  await Promise.all(fleet.pods.map((pod) => drain(pod, 'DELETE')));
  await until('the pods are empty', async () => {
    const left = await Promise.all(fleet.pods.map((pod) => (pod.running ? pod.transports() : 0)));
    return left.every((count) => count === 0);
  });
});
afterAll(async () => {
  await fleet?.stop();
});

/** Three people who see each other, and the pod that carries them. */
async function meet(room: string): Promise<{ home: PodProcess; other: PodProcess }> {
  await until('both pods take rooms', async () => (await fleet.placeable()) === 2, 60_000);
  const { url } = fleet.signaling;
  await fetch(`${url}/v1/rooms`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await operator()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id: room }),
  });
  for (const name of ['alice', 'bob', 'carol']) {
    people.push(await Participant.join(url, await token(), room, name));
  }
  await allSee();
  const counts = await Promise.all(fleet.pods.map((pod) => pod.transports()));
  const [home, other] = (counts[0] === 6 ? fleet.pods : fleet.pods.toReversed()) as [PodProcess, PodProcess];
  expect(counts.sort()).toEqual([0, 6]);
  return { home, other };
}

async function drain(pod: PodProcess, method: 'POST' | 'DELETE'): Promise<unknown> {
  const answer = await fetch(`${fleet.signaling.url}/v1/pods/${pod.name}/drain`, {
    method,
    headers: { authorization: `Bearer ${await operator()}` },
  });
  return answer.json();
}

const allSee = () => until('everybody sees everybody', async () => people.every(({ sees }) => sees === 2));

/** What must be as it was after any move. */
const identities = () =>
  people.map(({ session, publication }) => ({
    peer: session.self.id,
    receiver: publication.id,
    senders: session.subscriptions.map(({ id }) => id).sort(),
  }));

const all = (): Seen[] => people.flatMap((one) => one.seen());

function tell(what: string, seen: readonly Seen[]): void {
  const gaps = seen.map(({ longestGapMs }) => Math.round(longestGapMs)).sort((a, b) => a - b);
  const lost = seen.map((one) => one.lost);
  console.log(`${what}: longest gaps ${gaps.join(', ')} ms; pictures not shown ${lost.join(', ')}`);
}

test('drain: nothing is lost, everything keeps its id, and the pod is empty', async () => {
  const { home, other } = await meet('drain');
  const before = identities();
  await people[0]!.session.subscriptions[0]!.setPreferredLayers({ spatialLayer: 0, temporalLayer: 1 });
  for (const one of people) one.watch();
  expect(await drain(home, 'POST')).toMatchObject({ draining: true });
  await until('all transports have moved', async () => {
    const counts = await Promise.all([home.transports(), other.transports()]);
    return counts.join() === '0,6';
  });
  await pause(500);
  const seen = all();
  tell('drain', seen);
  expect(identities()).toEqual(before);
  expect(seen).toHaveLength(6);
  for (const { lost, pictures } of seen) {
    expect(pictures).toBeGreaterThan(5);
    expect(lost).toBe(0);
  }
  expect(people.flatMap(({ problems }) => problems)).toEqual([]);
  const { senders } = await view(people[0]!);
  expect(senders.find(({ preferredLayers }) => preferredLayers)?.preferredLayers).toEqual({
    spatialLayer: 0,
    temporalLayer: 1,
  });
});

test('SIGKILL: everybody is back on the other pod, with the same ids', async () => {
  const { home, other } = await meet('kill');
  const before = identities();
  for (const one of people) one.watch();
  await home.end('SIGKILL');
  await until('all transports are on the other pod', async () => (await other.transports()) === 6);
  await allSee();
  const seen = all();
  tell('SIGKILL', seen);
  expect(identities()).toEqual(before);
  // ICE alone would need half a minute; a busy machine may take its time, too.
  for (const { longestGapMs } of seen) expect(longestGapMs).toBeLessThan(10_000);
  expect(people.flatMap(({ problems }) => problems)).toEqual([]);
  await home.start();
});

test('SIGTERM: the pod ends by itself as soon as everybody has moved', async () => {
  const { home, other } = await meet('term');
  for (const one of people) one.watch();
  const started = Date.now();
  await home.end('SIGTERM');
  console.log(`SIGTERM: the pod was empty and gone after ${Date.now() - started} ms`);
  expect(home.output).not.toContain('the time to drain is over');
  await until('all transports are on the other pod', async () => (await other.transports()) === 6);
  await allSee();
  const seen = all();
  tell('SIGTERM', seen);
  for (const { lost } of seen) expect(lost).toBe(0);
  expect(people.flatMap(({ problems }) => problems)).toEqual([]);
  await home.start();
});

test('SIGSTOP: another process takes the name; the one that wakes up is refused and ends', async () => {
  const { home, other } = await meet('stop');
  const before = identities();
  for (const one of people) one.watch();
  home.signal('SIGSTOP');
  const next = new PodProcess(home.name, fleet.signaling.url);
  try {
    await next.start();
    await until('all transports are where somebody is awake', async () => {
      return (await next.transports()) + (await other.transports()) === 6;
    });
    await allSee();
    tell('SIGSTOP', all());
    const placed = await Promise.all([next.transports(), other.transports()]);
    for (const one of people) one.watch();
    home.signal('SIGCONT');
    await until('the old process has ended', async () => !home.running);
    expect(home.output).toContain('another pod runs as');
    // What it told in its last breath changed nothing.
    await pause(1_000);
    expect(await Promise.all([next.transports(), other.transports()])).toEqual(placed);
    await allSee();
    tell('SIGCONT', all());
    expect(identities()).toEqual(before);
    expect(people.flatMap(({ problems }) => problems)).toEqual([]);
  } finally {
    home.signal('SIGCONT');
    await home.end('SIGKILL');
    await next.end('SIGTERM');
    await home.start();
  }
});

async function view(participant: Participant): Promise<{ senders: { preferredLayers?: object }[] }> {
  const { room, self } = participant.session;
  const answer = await fetch(`${fleet.signaling.url}/v1/rooms/${room}/peers/${self.id}/senders`, {
    headers: { authorization: `Bearer ${await operator()}` },
  });
  return (await answer.json()) as { senders: { preferredLayers?: object }[] };
}

import { leastSilentMs } from '../../packages/client/src/silence-watch.ts';
import type { Random } from '../../packages/testing/src/index.ts';
import { token } from '../stateless/instances.ts';
import { pause, until } from '../weir.ts';
import { allSee, type Cluster, type PodContainer } from './cluster.ts';
import type { Participant, Seen } from './participant.ts';

/** What a scenario needs, and where it notes what it found. */
export interface Stage {
  readonly cluster: Cluster;
  readonly random: Random;
  /** Peers per room and rooms, of most scenarios. */
  readonly rooms: number;
  readonly peers: number;
}

export interface Outcome {
  /** Of pictures, for the peers concerned; undefined where pictures are not the question. */
  readonly gaps?: Gaps;
  readonly found: string;
  /** What was not as it must be; empty = passed. */
  readonly faults: readonly string[];
}

export interface Gaps {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly worstMs: number;
  readonly lost: number;
}

export interface Scenario {
  readonly name: string;
  readonly what: string;
  /** Target of the 95th percentile of gaps, in milliseconds. */
  readonly targetMs?: number;
  run(stage: Stage): Promise<Outcome>;
}

/** Everybody at once, in rooms on both pods. */
class Crowd {
  readonly rooms: Participant[][] = [];
  readonly #cluster: Cluster;
  #ids = '';

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  static async gather({ cluster, random, rooms, peers }: Stage, prefix: string): Promise<Crowd> {
    const crowd = new Crowd(cluster);
    for (let index = 1; index <= rooms; index += 1) {
      crowd.rooms.push(await cluster.meet(`${prefix}-${random.uint32().toString(36)}-${index}`, peers));
    }
    crowd.#ids = crowd.#identities();
    crowd.watch();
    return crowd;
  }

  get all(): Participant[] {
    return this.rooms.flat();
  }

  watch(): void {
    for (const one of this.all) one.watch();
  }

  seen(): Seen[] {
    return this.all.flatMap((one) => one.seen());
  }

  /** Nobody was closed or lost anything, and peers, receivers and senders have the ids they had. */
  faults(): string[] {
    const faults = this.all.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`));
    if (this.#identities() !== this.#ids) faults.push('ids of peers, receivers or senders changed');
    return faults;
  }

  /** Who has left is no longer expected to be there. */
  forget(leaver: Participant): void {
    for (const [index, room] of this.rooms.entries())
      this.rooms[index] = room.filter((one) => one !== leaver);
    this.#ids = this.#identities();
  }

  async leave(): Promise<void> {
    await Promise.allSettled(this.all.map((one) => one.leave()));
    for (const pod of this.#cluster.pods) {
      await until(`${pod.podId} is empty`, async () => (await pod.transports()) === 0, 60_000);
    }
  }

  #identities(): string {
    return JSON.stringify(
      this.all.map(({ session, publication }) => [
        session.self.id,
        publication.id,
        session.subscriptions.map(({ id }) => id).sort(),
      ]),
    );
  }
}

/** Runs with a crowd that leaves whatever happens. */
async function withCrowd(
  stage: Stage,
  prefix: string,
  run: (crowd: Crowd) => Promise<Outcome>,
): Promise<Outcome> {
  const crowd = await Crowd.gather(stage, prefix);
  let outcome: Outcome;
  try {
    outcome = await run(crowd);
  } catch (error) {
    // What went wrong first is what counts, and people's troubles tell why.
    const told = [(error as Error).message, ...crowd.faults()].join('; ');
    await stage.cluster.restore().catch(() => {});
    await crowd.leave().catch(() => {});
    throw new Error(told, { cause: error });
  }
  const faults = [...outcome.faults, ...crowd.faults()];
  await crowd.leave();
  return { ...outcome, faults };
}

/** The pod with the most transports, and the other one. */
async function busiest({ pods }: Cluster): Promise<[PodContainer, PodContainer]> {
  const [first, second] = pods as [PodContainer, PodContainer];
  const [one, two] = await Promise.all([first.transports(), second.transports()]);
  return one >= two ? [first, second] : [second, first];
}

function gapsOf(seen: readonly Seen[]): Gaps {
  const gaps = seen.map(({ longestGapMs }) => longestGapMs).sort((a, b) => a - b);
  const at = (part: number) =>
    Math.round(gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * part))] ?? 0);
  const lost = seen.reduce((sum, one) => sum + one.lost, 0);
  return { count: gaps.length, p50Ms: at(0.5), p95Ms: at(0.95), worstMs: at(1), lost };
}

/** The rooms that a pod carries, by where the transports of their first peer are. */
async function carriedBy(cluster: Cluster, crowd: Crowd, pod: PodContainer): Promise<Participant[]> {
  const { body } = await cluster.call('GET', '/v1/pods');
  const { pods } = body as { pods: { id: string; addresses: { ip: string }[] }[] };
  const ips = new Set(pods.find(({ id }) => id === pod.podId)?.addresses.map(({ ip }) => ip));
  const found: Participant[] = [];
  for (const room of crowd.rooms) {
    const { session } = room[0]!;
    const { body: seen } = await cluster.call(
      'GET',
      `/v1/rooms/${session.room}/peers/${session.self.id}/snapshot`,
    );
    const { transports } = seen as { transports: { iceCandidates: { ip: string }[] }[] };
    if (transports.some(({ iceCandidates }) => iceCandidates.some(({ ip }) => ips.has(ip))))
      found.push(...room);
  }
  return found;
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'calm',
    what: 'nothing happens: what this machine does to pictures by itself',
    run: (stage) =>
      withCrowd(stage, 'calm', async (crowd) => {
        await pause(5_000);
        const gaps = gapsOf(crowd.seen());
        return {
          gaps,
          found: `${gaps.count} views`,
          faults: gaps.lost > 0 ? [`${gaps.lost} pictures lost`] : [],
        };
      }),
  },
  {
    name: 'kill',
    what: 'SIGKILL of a pod: all its peers see moving pictures again',
    targetMs: 5_000,
    run: (stage) =>
      withCrowd(stage, 'kill', async (crowd) => {
        const { cluster } = stage;
        const [home] = await busiest(cluster);
        const concerned = await carriedBy(cluster, crowd, home);
        crowd.watch();
        await home.kill();
        await pause(3_000);
        await allSee(concerned);
        const gaps = gapsOf(concerned.flatMap((one) => one.seen()));
        await home.start();
        await cluster.ready();
        return { gaps, found: `${concerned.length} peers moved`, faults: [] };
      }),
  },
  {
    name: 'drain',
    what: 'drain of a pod: make before break',
    targetMs: 1_000,
    run: (stage) =>
      withCrowd(stage, 'drain', async (crowd) => {
        const { cluster } = stage;
        const [home] = await busiest(cluster);
        const concerned = await carriedBy(cluster, crowd, home);
        crowd.watch();
        const started = performance.now();
        await cluster.call('POST', `/v1/pods/${home.podId}/drain`);
        await until('the drained pod is empty', async () => (await home.transports()) === 0, 60_000);
        const emptyMs = Math.round(performance.now() - started);
        await allSee(concerned);
        const gaps = gapsOf(concerned.flatMap((one) => one.seen()));
        await cluster.call('DELETE', `/v1/pods/${home.podId}/drain`);
        await cluster.ready();
        return { gaps, found: `${concerned.length} peers moved, empty after ${emptyMs} ms`, faults: [] };
      }),
  },
  {
    name: 'pause',
    what: 'SIGSTOP of a pod, another takes its name, SIGCONT: no split brain',
    run: (stage) =>
      withCrowd(stage, 'pause', async (crowd) => {
        const { cluster } = stage;
        const [home] = await busiest(cluster);
        const concerned = await carriedBy(cluster, crowd, home);
        crowd.watch();
        await home.pause();
        const next = await cluster.replace(home);
        const faults: string[] = [];
        try {
          await cluster.ready([next]);
          await pause(1_000);
          await allSee(concerned);
          const gaps = gapsOf(concerned.flatMap((one) => one.seen()));
          crowd.watch();
          await home.resume();
          await until('the old process has ended', async () => (await home.exitCode()) !== undefined, 60_000);
          const code = await home.exitCode();
          const log = await home.logs();
          if (code !== 1) faults.push(`the old process ended with ${code} instead of 1`);
          if (!log.includes('another pod runs as')) faults.push('the old epoch’s reports were not refused');
          await allSee(crowd.all);
          const after = gapsOf(crowd.seen());
          if (after.p95Ms > 2_000) faults.push(`its return disturbed pictures for ${after.p95Ms} ms`);
          return { gaps, found: `the old epoch was refused and its process ended (${code})`, faults };
        } finally {
          await next.stop(45);
          await home.start();
          await cluster.ready();
        }
      }),
  },
  {
    name: 'cut-off',
    what: 'a pod without signaling and database for 60 s: media never stops, then all is put right',
    run: (stage) =>
      withCrowd(stage, 'cut', async (crowd) => {
        const { cluster } = stage;
        const [home, other] = await busiest(cluster);
        const concerned = await carriedBy(cluster, crowd, home);
        const faults: string[] = [];
        crowd.watch();
        await home.cutOff();
        const since = performance.now();
        // A peer leaves meanwhile, which the pod cannot know.
        const leaver = concerned.at(-1)!;
        await pause(55_000);
        const gaps = gapsOf(concerned.flatMap((one) => one.seen()));
        await leaver.leave();
        await pause(Math.max(0, 60_000 - (performance.now() - since)));
        await home.reconnect();
        await cluster.ready();
        const staying = crowd.all.length - 1;
        const look = async () => {
          const there = (await carriedBy(cluster, crowd, home)).filter((one) => one !== leaver);
          const wanted = [2 * there.length, 2 * (staying - there.length)];
          const held = await Promise.all([home.transports(), other.transports()]);
          if (held.join() === wanted.join()) return there;
          throw new Error(`they hold ${held.join(' and ')} transports instead of ${wanted.join(' and ')}`);
        };
        const there = await until('the pods hold what they should', look, 30_000);
        const seen = crowd.seen().filter(({ viewer, source }) => ![viewer, source].includes(leaver.name));
        const stopped = (people: readonly Participant[]) =>
          gapsOf(seen.filter(({ viewer }) => people.some(({ name }) => name === viewer))).worstMs;
        // A room may leave a pod that signaling cannot reach, but only if its peers missed it (decision 0041).
        const moved = concerned.filter((one) => one !== leaver && !there.includes(one));
        const missed = stopped(moved);
        if (stopped(there) > 2_000) faults.push(`pictures stopped for ${stopped(there)} ms`);
        if (missed > 5_000) faults.push(`peers who moved saw nothing for ${missed} ms`);
        if (moved.length > 0 && missed < leastSilentMs)
          faults.push(`peers moved who missed nothing for ${missed} ms`);
        // That somebody left is what the others were to hear.
        for (const one of crowd.all) {
          one.problems.splice(
            0,
            one.problems.length,
            ...one.problems.filter((p) => !p.includes(leaver.name)),
          );
        }
        crowd.forget(leaver);
        await allSee(crowd.all);
        const why =
          moved.length > 0 ? `; ${moved.length} moved, as they missed pictures for ${missed} ms` : '';
        return { gaps, found: `who left meanwhile was taken off the pod afterwards${why}`, faults };
      }),
  },
  {
    name: 'database',
    what: 'Postgres down for 60 s: media never stops, joins answer 503 and succeed afterwards',
    run: (stage) =>
      withCrowd(stage, 'database', async (crowd) => {
        const { cluster } = stage;
        const faults: string[] = [];
        crowd.watch();
        await cluster.postgres.stop(5);
        const since = performance.now();
        const { session } = crowd.rooms[0]![0]!;
        const join = async (name: string) =>
          fetch(`${cluster.url}/v1/rooms/${session.room}/peers`, {
            method: 'POST',
            headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
            body: JSON.stringify({ name }),
          });
        const statuses = new Set<number>();
        while (performance.now() - since < 60_000) {
          const answer = await join('late');
          statuses.add(answer.status);
          if (answer.status === 503 && answer.headers.get('retry-after') === null) {
            faults.push('a 503 came without Retry-After');
          }
          await answer.text();
          await pause(5_000);
        }
        const gaps = gapsOf(crowd.seen());
        if (gaps.worstMs > 2_000) faults.push(`pictures stopped for ${gaps.worstMs} ms`);
        await cluster.postgres.start();
        const joined = await until('a join succeeds', async () => {
          const answer = await join('late');
          return answer.status === 201 ? ((await answer.json()) as { peer: { id: string } }) : undefined;
        });
        await fetch(`${cluster.url}/v1/rooms/${session.room}/peers/${joined.peer.id}`, {
          method: 'DELETE',
          headers: { authorization: `Bearer ${await token()}` },
        });
        await pause(2_000);
        for (const one of crowd.all) {
          one.problems.splice(0, one.problems.length, ...one.problems.filter((p) => p !== 'late left'));
        }
        if ([...statuses].join() !== '503') faults.push(`joins answered ${[...statuses].join(', ')}`);
        await cluster.ready();
        await allSee(crowd.all);
        return { gaps, found: `joins meanwhile: ${[...statuses].join(', ')}; afterwards 201`, faults };
      }),
  },
  {
    name: 'rolling',
    what: 'rolling restart of everything under load, twice: no call ended, no event lost',
    run: (stage) =>
      withCrowd(stage, 'rolling', async (crowd) => {
        const { cluster } = stage;
        const faults: string[] = [];
        crowd.watch();
        let stopped = false;
        const toggles = new Map<string, number>();
        // Everybody's first publication is paused and resumed again and again: events that can be counted.
        const load = crowd.rooms.map(async ([first]) => {
          while (!stopped) {
            await first!.publication.pause();
            await first!.publication.resume();
            toggles.set(first!.name, (toggles.get(first!.name) ?? 0) + 1);
            await pause(300);
          }
        });
        for (let round = 0; round < 2; round += 1) {
          for (const one of cluster.signaling) {
            await one.stop(20);
            await one.start();
            await cluster.answers(one);
          }
          for (const pod of cluster.pods) {
            await pod.stop(60);
            await pod.start();
            await cluster.ready([pod]);
          }
          await cluster.postgres.stop(20);
          await cluster.postgres.start();
          await cluster.ready();
        }
        stopped = true;
        await Promise.all(load);
        await allSee(crowd.all);
        const gaps = gapsOf(crowd.seen());
        for (const room of crowd.rooms) {
          const count = toggles.get(room[0]!.name)!;
          const wanted = Array.from(
            { length: count },
            () => `${room[0]!.name} pause,${room[0]!.name} resume`,
          ).join();
          for (const one of room.slice(1)) {
            const all = await until(
              'the last event is there',
              async () => one.heard.length >= 2 * count && one.heard,
              15_000,
            ).catch(() => one.heard);
            if (all.join() !== wanted) faults.push(`${one.name} heard ${all.length} of ${2 * count} events`);
          }
        }
        const total = [...toggles.values()].reduce((sum, count) => sum + 2 * count, 0);
        return { gaps, found: `${total} events per listener's room, each heard once and in order`, faults };
      }),
  },
  {
    name: 'joins',
    what: '200 joins within one second, each in a room of its own: placed on both pods within 20 % of even',
    async run({ cluster, random }) {
      const count = 200;
      const prefix = `join-${random.uint32().toString(36)}`;
      const bearer = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' };
      for (let index = 0; index < count; index += 20) {
        const rooms = Array.from({ length: 20 }, (_, offset) => `${prefix}-${index + offset}`);
        await Promise.all(rooms.map((id) => cluster.call('POST', '/v1/rooms', { id })));
      }
      const post = async (path: string, body: object): Promise<Record<string, never>> => {
        for (;;) {
          const answer = await fetch(cluster.url + path, {
            method: 'POST',
            headers: bearer,
            body: JSON.stringify(body),
          });
          if (answer.ok) return (await answer.json()) as Record<string, never>;
          const text = await answer.text();
          if (answer.status !== 503) throw new Error(`${path}: ${answer.status} ${text}`);
          await pause(500);
        }
      };
      const started = performance.now();
      const made = Array.from({ length: count }, async (_, index) => {
        await pause((1_000 * index) / count);
        const room = `/v1/rooms/${prefix}-${index}`;
        const { peer } = (await post(`${room}/peers`, { name: 'one' })) as unknown as {
          peer: { id: string };
        };
        const { iceCandidates } = (await post(`${room}/peers/${peer.id}/transports`, {})) as unknown as {
          iceCandidates: { ip: string }[];
        };
        return iceCandidates[0]!.ip;
      });
      const places = await Promise.all(made);
      const tookMs = Math.round(performance.now() - started);
      const counts = [...Map.groupBy(places, (ip) => ip).values()].map((list) => list.length);
      for (let index = 0; index < count; index += 20) {
        const rooms = Array.from({ length: 20 }, (_, offset) => `${prefix}-${index + offset}`);
        await Promise.all(rooms.map((id) => cluster.call('DELETE', `/v1/rooms/${id}`)));
      }
      const even = count / 2;
      const off = Math.max(...counts.map((one) => Math.abs(one - even))) / even;
      const faults =
        counts.length === 2 && off <= 0.2 ? [] : [`${counts.join(' and ')} is not within 20 % of even`];
      return { found: `${counts.join(' and ')}; the last was placed after ${tookMs} ms`, faults };
    },
  },
];

import { type Driver, StoreUnavailableError } from '@weir/db';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { WebhookAnswer } from '../src/webhooks/sender.ts';
import { type OpenDatabase, onEveryDatabase, type TestDatabase } from './databases.ts';
import { FakePods } from './fake-pods.ts';
import { Instance, type Member } from './harness.ts';
import { settle, VirtualClock } from './virtual-clock.ts';
import { Receiver, secrets } from './webhook-receiver.ts';

/** What can happen while a backend listens. */
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('join' as const), on: fc.nat(2), room: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('leave' as const), on: fc.nat(2), room: fc.nat(2) }),
  },
  // SIGKILL in the midst of whatever it does; another process takes its place.
  { weight: 3, arbitrary: fc.record({ type: fc.constant('kill' as const), on: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('stop' as const), on: fc.nat(2) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  },
);
/** How the backend answers, one call after the other. */
const answer = fc.oneof(
  { weight: 5, arbitrary: fc.constant('takes' as const) },
  { weight: 3, arbitrary: fc.constant('refuses' as const) },
  { weight: 2, arbitrary: fc.constant('breaks' as const) },
  // It has got the event, but nobody hears that.
  { weight: 2, arbitrary: fc.constant('hangs' as const) },
  { weight: 2, arbitrary: fc.constant('is slow' as const) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Answer = typeof answer extends fc.Arbitrary<infer A> ? A : never;

onEveryDatabase((open) => {
  it('webhooks: whatever breaks, every room’s events arrive all, in order, twice only with the same id', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 30 }),
        fc.array(answer, { minLength: 1, maxLength: 40 }),
        (steps, answers) => deliver(open, steps, answers),
      ),
      { seed: 5, numRuns: 12, interruptAfterTimeLimit: 15_000 },
    );
  }, 60_000);
});

async function deliver(
  open: OpenDatabase,
  steps: readonly Step[],
  answers: readonly Answer[],
): Promise<void> {
  const database = await open();
  const clock = new VirtualClock();
  const pods = new FakePods();
  const receiver = new Receiver();
  let calls = 0;
  let calm = false;
  receiver.answer = async (): Promise<WebhookAnswer> => {
    const how = calm ? 'takes' : answers[calls++ % answers.length]!;
    if (how === 'breaks') throw new Error('connection reset');
    if (how === 'hangs') return await new Promise<never>(() => {});
    if (how === 'is slow') await new Promise<void>((resume) => clock.after(7000, resume));
    return { status: how === 'refuses' ? 500 : 200 };
  };
  const start = () => new Mortal(database, clock, pods, receiver);
  const instances = [start(), start(), start()];
  const members: Member[][] = [[], [], []];
  const rooms: string[] = [];
  for (const index of members.keys()) rooms.push(await instances[0]!.weir.room(`room-${index}`));
  let names = 0;
  for (const one of steps) {
    switch (one.type) {
      case 'join':
        names += 1;
        members[one.room]!.push(await instances[one.on]!.weir.join(rooms[one.room]!, `guest ${names}`));
        break;
      case 'leave': {
        const member = members[one.room]!.pop();
        if (member !== undefined) {
          await instances[one.on]!.weir.ok('DELETE', member.path, { token: member.token });
        }
        break;
      }
      case 'kill':
        instances[one.on]!.kill();
        instances[one.on] = start();
        break;
      case 'stop':
        await clock.until(instances[one.on]!.weir.app.services.deliverer.stop());
        instances[one.on] = start();
        break;
      case 'time':
        await clock.advance(one.ms);
    }
  }
  calm = true;
  // As long as the last back-off and the last lease of somebody killed may last.
  for (let minute = 0; minute < 20; minute += 1) {
    const due = await instances[0]!.weir.app.services.webhooks.nextDue();
    if (due === undefined) break;
    await clock.advance(30_000);
  }
  const stored = await instances[0]!.log();
  for (const [index] of rooms.entries()) {
    const id = `room-${index}`;
    const first = new Map<string, string>();
    for (const call of receiver.got.filter(({ event }) => event.room === id)) {
      const known = first.get(call.id);
      if (known === undefined) first.set(call.id, call.body);
      else expect(call.body).toBe(known);
    }
    const got = [...first.values()].map((body) => JSON.parse(body));
    const wanted = stored.filter(({ roomId }) => roomId === id);
    expect(got.map(({ seq, type, data }) => ({ seq, type, data }))).toEqual(
      wanted.map(({ seq, type, data }) => ({ seq, type, data })),
    );
  }
  for (const { weir } of instances) await clock.until(weir.app.services.deliverer.stop());
}

/** An instance that can die: from then on it neither reads nor writes nor hears anything. */
class Mortal {
  readonly weir: Instance;
  #dead = false;

  constructor(database: TestDatabase, clock: VirtualClock, pods: FakePods, receiver: Receiver) {
    const connect = (): Driver => {
      const driver = database.connect();
      const gone = () => Promise.reject(new StoreUnavailableError('dead'));
      return {
        ...driver,
        read: (statements) => (this.#dead ? gone() : driver.read(statements)),
        write: (statements) => (this.#dead ? gone() : driver.write(statements)),
      };
    };
    this.weir = new Instance(
      { connect },
      {
        clock,
        pods,
        sendWebhook: async (url, call) => {
          const answer = await receiver.send(url, call);
          return this.#dead ? await new Promise<never>(() => {}) : answer;
        },
        env: {
          WEIR_WEBHOOKS: JSON.stringify([{ id: 'main', url: 'https://backend.example/' }]),
          WEIR_WEBHOOK_SECRETS: secrets[0],
          // Giving up is another test's matter.
          WEIR_WEBHOOK_ATTEMPTS: '1000',
          WEIR_PEER_TIMEOUT_SECONDS: '3600',
        },
      },
    );
    this.weir.app.services.deliverer.start();
  }

  kill(): void {
    this.#dead = true;
    void this.weir.app.services.deliverer.stop();
  }

  /** All lines of all rooms, as they are stored. */
  async log() {
    const { webhooks } = this.weir.app.services;
    const lines = [];
    for (const roomId of ['room-0', 'room-1', 'room-2']) {
      const all = { roomId, cursor: 0, head: Number.MAX_SAFE_INTEGER } as Parameters<
        typeof webhooks.lines
      >[0];
      lines.push(...(await webhooks.lines(all, 1000)));
    }
    await settle();
    return lines;
  }
}

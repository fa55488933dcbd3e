import { inProcessWakeUps, type WakeUps } from '@weir/db';
import type { LogEvent } from '@weir/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type OpenDatabase, onEveryDatabase } from './databases.ts';
import { FakePods } from './fake-pods.ts';
import { Instance, Member } from './harness.ts';
import { StreamReader } from './stream-reader.ts';
import { settle, VirtualClock } from './virtual-clock.ts';

/** What can happen while a client reads its events. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('join' as const), on: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('leave' as const), on: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('signal' as const), on: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('stream' as const), on: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('cut' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('poll' as const),
      on: fc.nat(2),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  // The answer gets lost: the client asks again from where it was.
  { weight: 2, arbitrary: fc.record({ type: fc.constant('lost poll' as const), on: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('kill' as const), on: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

onEveryDatabase((open) => {
  it('rule 12: whatever breaks, the client gets the log in order, without gap, duplicates only with equal id', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 40 }),
        fc.nat(99),
        async (steps, lossPercent) => {
          await follow(open, steps, lossPercent);
        },
      ),
      { seed: 12, numRuns: 25, interruptAfterTimeLimit: 15_000 },
    );
  }, 60_000);
});

async function follow(open: OpenDatabase, steps: readonly Step[], lossPercent: number): Promise<void> {
  const database = await open();
  const clock = new VirtualClock();
  const pods = new FakePods();
  const hub = inProcessWakeUps({ pollMs: 1000 });
  let drawn = 0;
  /** Wake-ups of which some get lost. */
  const wakeUps: WakeUps = {
    ...hub,
    wake: (roomId, peerIds) => {
      drawn = (drawn * 31 + 17) % 100;
      if (drawn >= lossPercent) hub.wake(roomId, peerIds);
    },
  };
  const env = { WEIR_PEER_TIMEOUT_SECONDS: '3600' };
  const instances = [0, 1, 2].map(() => new Instance(database, { clock, pods, wakeUps, env }));
  const room = await instances[0]!.room();
  const alice = await instances[0]!.join(room, 'alice');
  const guests: Member[] = [];
  const got: LogEvent[] = [];
  let cursor = '0';
  let reader: StreamReader | undefined;
  let names = 0;

  const take = (events: readonly LogEvent[]) => {
    for (const event of events) {
      got.push(event);
      cursor = event.cursor;
    }
  };
  const close = async () => {
    if (reader === undefined) return;
    await settle();
    // What arrived before the cut counts.
    take(reader.events.map(({ data }) => JSON.parse(data)));
    const open = reader;
    reader = undefined;
    await open.cancel();
  };
  const through = (instance: Instance) => new Member(instance, alice.path, alice.token, alice.answer);

  for (const one of steps) {
    const instance = 'on' in one ? instances[one.on]! : undefined;
    switch (one.type) {
      case 'join':
        names += 1;
        guests.push(await instance!.join(room, `guest ${names}`));
        break;
      case 'leave': {
        const guest = guests.pop();
        if (guest !== undefined) await instance!.ok('DELETE', guest.path, { token: guest.token });
        break;
      }
      case 'signal':
        await instance!.app.services.log.signal(
          'daily',
          [
            {
              peerId: Number(alice.id),
              type: 'score',
              target: { kind: 'rtpsender', id: '12345678' },
              data: { score: clock.now() },
              coalesceKey: 'score',
            },
          ],
          clock.now(),
        );
        break;
      case 'stream': {
        await close();
        const headers = { accept: 'text/event-stream', 'last-event-id': cursor };
        reader = new StreamReader(
          await instance!.fetch('GET', `${alice.path}/events`, { token: alice.token, headers }),
        );
        await settle();
        break;
      }
      case 'cut':
        await close();
        break;
      case 'poll':
        await close();
        take((await through(instance!).ok('GET', `/events?after=${cursor}&limit=${one.limit}`)).events);
        break;
      case 'lost poll':
        await through(instance!).ok('GET', `/events?after=${cursor}`);
        break;
      case 'kill':
        instance!.app.shutDown();
        await settle();
        instances[one.on] = new Instance(database, { clock, pods, wakeUps, env });
        break;
      case 'time':
        await clock.advance(one.ms);
    }
  }
  await close();
  for (;;) {
    const page = await through(instances[2]!).ok('GET', `/events?after=${cursor}&limit=100`);
    if (page.events.length === 0) break;
    take(page.events);
  }

  // Signals may be left out once a newer one is there; everything else is the log, once, in order.
  const log = (await instances[0]!.app.services.log.read('daily', Number(alice.id), 0, 1000))!;
  const lasting = (events: readonly { type: string }[]) => events.filter(({ type }) => type !== 'score');
  const byId = new Map<string, LogEvent>();
  for (const event of got) {
    const known = byId.get(event.cursor);
    if (known !== undefined) expect(event).toEqual(known);
    byId.set(event.cursor, event);
  }
  const union = [...byId.values()];
  expect(union.map((event) => Number(event.cursor))).toEqual(
    union.map((event) => Number(event.cursor)).sort((a, b) => a - b),
  );
  const stored = log.events.map(({ seq, type, data }) => ({ cursor: String(seq), type, data }));
  expect(lasting(union.map(({ cursor, type, data }) => ({ cursor, type, data })))).toEqual(lasting(stored));
  // The newest signal is never lost.
  const newest = stored.filter(({ type }) => type === 'score');
  for (const signal of newest) expect(byId.get(signal.cursor)?.data).toEqual(signal.data);
  for (const instance of instances) instance.app.shutDown();
  await settle();
}

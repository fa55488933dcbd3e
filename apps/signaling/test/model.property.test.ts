import { migrate, openSqlite } from '@weir/db';
import { capabilitiesFromWire, defaultMediaCodecs, rtpParametersFromWire } from '@weir/ortc';
import { createRoomState, decide, evolve, type RoomCommand, RoomError, type RoomState } from '@weir/room';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { logEvents } from '../src/event-views.ts';
import { roomView } from '../src/views.ts';
import { type OpenDatabase, onEveryDatabase } from './databases.ts';
import { Instance } from './harness.ts';
import { capabilities, opus, vp8 } from './media.ts';

/** Ids that objects get, in the order they are made: those that are refused leave holes. */
const peerId = (n: number) => 10_000_000 + n;
const transportId = (n: number) => 20_000_000 + n;
const receiverId = (n: number) => 30_000_000 + n;

const index = fc.nat(4);
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('join' as const),
      name: fc.nat(5),
      replace: fc.boolean(),
      capable: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('leave' as const), peer: index }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('transport' as const), peer: index }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('close transport' as const),
      transport: index,
      closeReceivers: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      transport: index,
      video: fc.boolean(),
      ssrc: fc.nat(6),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('close receiver' as const), receiver: index }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('pause' as const), receiver: index, paused: fc.boolean() }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('bind' as const), sender: fc.nat(8), transport: index }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('enable' as const), sender: fc.nat(8), enabled: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('ice' as const), transport: index, died: fc.boolean() }),
  },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

const property = (open: OpenDatabase) =>
  fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60 }), fc.nat(), (commands, seed) =>
    compare(open, commands, seed),
  );
const same =
  'a room in memory and the same room over the database hear the same events and end in the same state';

onEveryDatabase((open) => {
  it(`${same}, 20 times`, async () => {
    await fc.assert(property(open), { seed: 7, numRuns: 20 });
  }, 60_000);
});

/** More than a run at every commit should take; what finds less often, CI finds. */
const manyRuns = process.env.CI === undefined ? 60 : 10_000;

it(
  `${same}, ${manyRuns} times on SQLite in memory`,
  async () => {
    const open: OpenDatabase = async () => {
      const driver = openSqlite(':memory:');
      await migrate(driver);
      // Both instances must see the one database there is, so they share the connection to it.
      return { connect: () => driver };
    };
    await fc.assert(property(open), {
      seed: 11,
      numRuns: manyRuns,
      interruptAfterTimeLimit: 25 * 60_000,
      markInterruptAsFailure: true,
    });
  },
  26 * 60_000,
);

async function compare(open: OpenDatabase, commands: readonly Command[], seed: number): Promise<void> {
  const database = await open();
  // Each command may be done by another instance, which may know the room as it was long ago.
  const first = new Instance(database);
  const instances = [first, new Instance(database, { clock: first.clock, pods: first.pods })];
  await first.lease('pod-1');
  await first.room('daily', { maxPeers: 100 });
  const created = (await first.app.services.store.load('daily'))!;
  const wire = capabilitiesFromWire(capabilities(roomView(created) as never) as never);

  const memory = createRoomState({ id: 'daily', mediaCodecs: defaultMediaCodecs });
  expect(memory.capabilities).toEqual(created.state.capabilities);
  const heard = new Map<number, { type: string; data: unknown }[]>();
  let next = 0;

  for (const [step, one] of commands.entries()) {
    next += 1;
    const list = commandsOf(one, memory, next, wire);
    if (list.length === 0) continue;
    let refusal: string | undefined;
    try {
      const decision = decide(memory, list, { random: generator(seed + step) });
      const before: RoomState = { ...memory, peers: new Map(memory.peers) };
      evolve(memory, decision.changes);
      for (const { peerId: to, type, data } of logEvents(decision.events, before, memory)) {
        heard.set(to, [...(heard.get(to) ?? []), { type, data: JSON.parse(JSON.stringify(data)) }]);
      }
    } catch (error) {
      if (!(error instanceof RoomError)) throw error;
      refusal = error.code;
    }
    const instance = instances[step % 2]!;
    const work = overDatabase(instance, list, seed + step);
    const outcome = await first.clock.until(
      work.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    expect(outcome instanceof RoomError ? outcome.code : outcome).toBe(refusal);
  }

  const stored = (await first.app.services.store.load('daily'))!.state;
  for (const kind of ['peers', 'transports', 'receivers', 'senders'] as const) {
    expect([...stored[kind]]).toEqual(JSON.parse(JSON.stringify([...memory[kind]])));
  }
  for (const [to, events] of heard) {
    const log = (await first.app.services.log.read('daily', to, 0, 10_000))!;
    expect(log.events.map(({ type, data }) => ({ type, data }))).toEqual(events);
    expect(log.events.map(({ seq }) => seq)).toEqual(events.map((_, position) => position + 1));
  }
}

/** What shells of the room do, with random values that depend only on the step, however often it is tried. */
async function overDatabase(instance: Instance, list: readonly RoomCommand[], seed: number): Promise<void> {
  await instance.app.services.rooms.change('daily', (turn) => {
    const environment = { random: generator(seed) };
    turn.use(environment);
    for (const command of list) {
      if (command.type === 'peer.join') {
        turn.bind(command.peerId, { tokenId: 't', tokenSubject: 's', tokenExpiresAt: 0 });
      }
    }
    turn.runAll(list);
  });
}

function commandsOf(
  one: Command,
  state: RoomState,
  n: number,
  wire: ReturnType<typeof capabilitiesFromWire>,
): RoomCommand[] {
  const pick = <R>(records: ReadonlyMap<number, R>, at: number): R | undefined => [...records.values()][at];
  switch (one.type) {
    case 'join': {
      const join = {
        type: 'peer.join',
        peerId: peerId(n),
        name: `n${one.name}`,
        replace: one.replace,
      } as const;
      if (!one.capable) return [join];
      return [join, { type: 'peer.setCapabilities', peerId: peerId(n), capabilities: wire }];
    }
    case 'leave': {
      const peer = pick(state.peers, one.peer);
      return peer === undefined ? [] : [{ type: 'peer.close', peerId: peer.id, reason: 'left' }];
    }
    case 'transport': {
      const peer = pick(state.peers, one.peer);
      if (peer === undefined) return [];
      const ice = { usernameFragment: `ufrag${n}`, password: `password${n}` };
      const options = { podId: 'pod-1', ice, udp: true, tcp: false };
      return [{ type: 'transport.create', peerId: peer.id, transportId: transportId(n), options }];
    }
    case 'close transport': {
      const transport = pick(state.transports, one.transport);
      if (transport === undefined) return [];
      return [{ type: 'transport.close', transportId: transport.id, closeReceivers: one.closeReceivers }];
    }
    case 'publish': {
      const transport = pick(state.transports, one.transport);
      if (transport === undefined) return [];
      const kind = one.video ? 'video' : 'audio';
      // Few SSRCs, so that some collide and the whole step is refused.
      const parameters = one.video ? vp8(100 + one.ssrc, `v${n}`) : opus(100 + one.ssrc, `a${n}`);
      const { id, peerId: owner } = transport;
      return [
        { type: 'receiver.create', peerId: owner, receiverId: receiverId(n), kind, transportId: id },
        {
          type: 'receiver.receive',
          receiverId: receiverId(n),
          rtpParameters: rtpParametersFromWire(parameters as never),
        },
      ];
    }
    case 'close receiver': {
      const receiver = pick(state.receivers, one.receiver);
      return receiver === undefined ? [] : [{ type: 'receiver.close', receiverId: receiver.id }];
    }
    case 'pause': {
      const receiver = pick(state.receivers, one.receiver);
      if (receiver === undefined) return [];
      return [{ type: one.paused ? 'receiver.pause' : 'receiver.resume', receiverId: receiver.id }];
    }
    case 'bind': {
      const sender = pick(state.senders, one.sender);
      const transport = pick(state.transports, one.transport);
      if (sender === undefined || transport === undefined) return [];
      return [{ type: 'sender.setTransport', senderId: sender.id, transportId: transport.id, rebind: true }];
    }
    case 'enable': {
      const sender = pick(state.senders, one.sender);
      if (sender === undefined) return [];
      return [{ type: one.enabled ? 'sender.enable' : 'sender.disable', senderId: sender.id }];
    }
    case 'ice': {
      const transport = pick(state.transports, one.transport);
      if (transport === undefined) return [];
      const { id } = transport;
      if (one.died) return [{ type: 'transport.died', transportId: id, reason: 'consent' }];
      return [{ type: 'transport.iceChanged', transportId: id, state: 'completed' }];
    }
  }
}

/** Numbers that are the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

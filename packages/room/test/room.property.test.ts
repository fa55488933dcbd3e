import assert from 'node:assert/strict';
import { RoomMediaUpdate } from '@weir/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createRoomState,
  type Decision,
  decide,
  evolve,
  evolved,
  fullMediaState,
  isActive,
  type RoomCommand,
  RoomError,
  type RoomEvent,
  type RoomState,
  sendersOf,
  sendersOfReceiver,
  toMediaUpdate,
  transportsOf,
} from '../src/index.ts';
import { mediaCodecs, seeded } from './fixtures.ts';
import { prelude, type Step, script, toCommands } from './room-model.ts';

const numRuns = process.env.CI ? 10_000 : 200;

test(
  `any sequence of commands keeps the room's promises (${numRuns} sequences)`,
  () => {
    const seen = { accepted: 0, refused: 0, senders: 0, active: 0, closes: 0, moving: 0 };
    fc.assert(
      fc.property(script, fc.nat(), (steps, seed) => {
        const walk = new Walk(seed);
        for (const one of steps) walk.take(one);
        walk.end();
        for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += walk.seen[name];
      }),
      { seed: 20_261_123, numRuns },
    );
    // The scripts must reach what the checks are about.
    expect(seen.accepted).toBeGreaterThan(seen.refused);
    expect(seen.refused).toBeGreaterThan(numRuns);
    expect(seen.senders).toBeGreaterThan(12 * numRuns);
    expect(seen.active).toBeGreaterThan(2 * numRuns);
    expect(seen.closes).toBeGreaterThan(2 * numRuns);
    expect(seen.moving).toBeGreaterThan(numRuns);
  },
  20 * 60_000,
);

/** One room, watched while it is given a script. */
class Walk {
  readonly #seed: number;
  readonly #state = createRoomState({ id: 'room', mediaCodecs });
  /** The same room in another process: everything it knows went through JSON. */
  #twin: RoomState = reloaded(this.#state);
  readonly #pods = [undefined, 'pod-a', 'pod-b', 'pod-c'].map((podId) => new Mirror(podId));
  readonly #history = new History();
  #turn = 0;
  #nextId = 10_000_000;

  /** What came about: commands, and the most senders and active ones there were. */
  readonly seen = { accepted: 0, refused: 0, senders: 0, active: 0, closes: 0, moving: 0 };

  constructor(seed: number) {
    this.#seed = seed;
    for (const commands of prelude(() => this.#nextId++)) this.#run(commands);
  }

  take(steps: readonly Step[]): void {
    this.#run(steps.flatMap((one) => toCommands(one, this.#state, () => this.#nextId++)));
  }

  #run(commands: readonly RoomCommand[]): void {
    const before = shallow(this.#state);
    const turn = this.#turn++;
    const env = () => ({ random: seeded(this.#seed + turn) });
    let decision: Decision;
    try {
      decision = deepFreeze(decide(this.#state, commands, env()));
    } catch (error) {
      if (!(error instanceof RoomError)) throw error;
      this.seen.refused++;
      assert.deepEqual(shallow(this.#state), before);
      assert.throws(() => decide(this.#twin, commands, env()), { message: error.message });
      return;
    }
    assert.deepEqual(shallow(this.#state), before);
    const text = JSON.stringify(decision);
    const copy = JSON.parse(text) as Decision;
    assert.equal(JSON.stringify(decide(this.#twin, commands, env())), text);

    evolve(this.#state, decision.changes);
    assert.equal(this.#state.version, before.version + (decision.changes.length > 0 ? 1 : 0));
    this.#twin = evolved(this.#twin, copy.changes);
    if (turn % 7 === 0) this.#twin = reloaded(this.#twin);

    const active = [...this.#state.senders.values()].filter(isActive).length;
    this.seen.accepted++;
    this.seen.senders = Math.max(this.seen.senders, this.#state.senders.size);
    this.seen.active = Math.max(this.seen.active, active);
    this.seen.closes += decision.events.filter(({ type }) => type === 'close').length;

    this.#history.hear(decision, commands, this.#state);
    for (const mirror of this.#pods) mirror.follow(this.#state, decision);
    checkSenders(this.#state);
    checkNumbers(this.#state);
    this.seen.moving += checkMoves(this.#state);
    for (const id of decision.keyFrames) {
      const sender = this.#state.senders.get(id)!;
      assert.ok(isActive(sender));
      assert.notEqual(this.#state.receivers.get(sender.receiverId)?.kind, 'audio');
    }
  }

  end(): void {
    assert.equal(JSON.stringify(dump(this.#twin)), JSON.stringify(dump(this.#state)));
    checkGroups(this.#state);
    const full = fullMediaState(this.#state);
    assert.deepEqual(RoomMediaUpdate.parse(full), full);
  }
}

/** What listeners have heard so far. */
class History {
  readonly #closed = new Set<string>();
  readonly #open = new Set<string>();
  readonly #active = new Map<number, boolean>();

  hear({ events, changes }: Decision, commands: readonly RoomCommand[], state: RoomState): void {
    const closing = new Set<string>();
    const silent = commands.some((command) => 'emit' in command && command.emit === false);
    for (const event of events) this.#hearOne(event, closing, silent);
    const removed = changes.flatMap((change) => ('remove' in change ? [change.id] : []));
    const closes = [...closing].map((key) => Number(key.split(' ')[1])).filter((id) => id !== 0);
    // Objects that were born and closed in one step leave no row to remove.
    for (const id of removed) assert.ok(closes.includes(id));
    for (const id of closes) {
      const tables: ReadonlyMap<number, unknown>[] = [
        state.peers,
        state.transports,
        state.receivers,
        state.senders,
      ];
      assert.ok(!tables.some((records) => records.has(id)));
    }
    for (const sender of state.senders.values()) {
      if (silent) this.#active.set(sender.id, isActive(sender));
      else assert.equal(this.#active.get(sender.id) ?? false, isActive(sender));
    }
  }

  /** `silent`: a command of the step changed `active` without telling, so what is told may be no news. */
  #hearOne(event: RoomEvent, closing: Set<string>, silent: boolean): void {
    const key = `${event.target.kind} ${event.target.id}`;
    assert.ok(!this.#closed.has(key), `${key} ${event.type} after close`);
    switch (event.type) {
      case 'close':
        this.#closed.add(key);
        closing.add(key);
        break;
      case 'newpeer':
        this.#open.add(`peer ${event.peer.id}`);
        break;
      case 'newtransport':
        this.#open.add(`transport ${event.transport.id}`);
        break;
      case 'newrtpreceiver':
        this.#open.add(`rtpreceiver ${event.receiver.id}`);
        break;
      case 'newrtpsender': {
        const { sender, receiver } = event;
        assert.equal(sender.receiverId, receiver.id);
        assert.ok(this.#open.has(`rtpreceiver ${receiver.id}`));
        assert.ok(!this.#closed.has(`rtpreceiver ${receiver.id}`));
        assert.notEqual(receiver.peerId, event.peerId);
        assert.ok(!isActive(sender));
        this.#open.add(`rtpsender ${sender.id}`);
        break;
      }
      case 'activechange':
        if (!silent) assert.equal(this.#active.get(event.target.id) ?? false, !event.active);
        this.#active.set(event.target.id, event.active);
        break;
      case 'parameterschange':
        if (event.active !== undefined) this.#active.set(event.target.id, event.active);
        break;
    }
    if (event.target.kind !== 'room') assert.ok(this.#open.has(key), `${key} ${event.type} before birth`);
  }
}

/** The media side of one pod, which hears deltas only. */
class Mirror {
  readonly #podId: string | undefined;
  readonly #held = { transports: new Map(), receivers: new Map(), senders: new Map() };
  #version = 0;

  constructor(podId: string | undefined) {
    this.#podId = podId;
  }

  follow(state: RoomState, decision: Decision): void {
    const options = this.#podId === undefined ? {} : { podId: this.#podId };
    const delta = toMediaUpdate(state, decision, options);
    assert.equal(delta.base, this.#version);
    this.#version = delta.version;
    const full = fullMediaState(state, options);
    assert.equal(full.version, this.#version);
    for (const kind of ['transports', 'receivers', 'senders'] as const) {
      const held: Map<number, string> = this.#held[kind];
      for (const id of delta.remove[kind]) held.delete(id);
      for (const spec of delta.put[kind]) held.set(spec.id, JSON.stringify(spec));
      assert.equal(held.size, full.put[kind].length);
      for (const spec of full.put[kind]) {
        assert.equal(held.get(spec.id), JSON.stringify(spec));
      }
    }
    for (const id of delta.keyFrames) assert.ok(this.#held.senders.has(id));
  }
}

/** §5.6: one sender for each receiver with parameters and each other peer with capabilities. */
function checkSenders(state: RoomState): void {
  const wanted: string[] = [];
  for (const receiver of state.receivers.values()) {
    if (receiver.rtpParameters === undefined) continue;
    for (const peer of state.peers.values()) {
      if (peer.id !== receiver.peerId && peer.capabilities !== undefined)
        wanted.push(`${receiver.id} ${peer.id}`);
    }
  }
  const found = [...state.senders.values()].map(({ receiverId, peerId }) => `${receiverId} ${peerId}`);
  assert.deepEqual(found.sort(), wanted.sort());
}

/** What moves is on two pods, and no longer than it must. Answers how much moves. */
function checkMoves(state: RoomState): number {
  const podOf = (id: number | null) => (id === null ? undefined : state.transports.get(id)!.podId);
  const moving = [...state.receivers.values(), ...state.senders.values()].filter(({ next }) => next);
  for (const { next, peerId, transportId } of moving) {
    assert.equal(state.transports.get(next!.transportId)?.peerId, peerId);
    assert.notEqual(transportId, null);
    assert.notEqual(podOf(transportId), podOf(next!.transportId));
  }
  for (const receiver of state.receivers.values()) {
    if (receiver.next === undefined) continue;
    const there = podOf(receiver.next.transportId);
    const left = sendersOfReceiver(state, receiver.id).filter(({ transportId }) => transportId !== null);
    assert.ok(left.some(({ transportId }) => podOf(transportId) !== there));
  }
  return moving.length;
}

/** Nothing an endpoint uses twice on one transport means two things (§15.3). */
function checkNumbers(state: RoomState): void {
  const ssrcs = new Set<number>();
  const perTransport = new Map<number, Map<string, string>>();
  for (const { rtpParameters: params } of state.receivers.values()) {
    const used = params?.codecs.map(({ payloadType }) => payloadType) ?? [];
    assert.equal(new Set(used).size, used.length);
  }
  for (const sender of state.senders.values()) {
    const { next, rtpParameters: params } = sender;
    if (next !== undefined) {
      const others = [...state.senders.values()].filter(({ id }) => id !== sender.id);
      assert.ok(!others.some(({ mid, transportId }) => transportId === next.transportId && mid === next.mid));
    }
    for (const ssrc of [sender.ssrc, sender.rtxSsrc]) {
      assert.ok(!ssrcs.has(ssrc) && ssrc !== 0 && ssrc !== 1234);
      ssrcs.add(ssrc);
    }
    const used = params.codecs.map(({ payloadType }) => payloadType);
    assert.equal(new Set(used).size, used.length);
    assert.ok(!used.includes(127));
    assert.equal(params.encodings.length, sender.available ? 1 : 0);
    assert.equal(params.muxId, sender.mid);
    assert.equal(sender.mid === undefined, sender.transportId === null);
    if (sender.transportId === null) continue;
    assert.equal(state.transports.get(sender.transportId)?.peerId, sender.peerId);
    let meanings = perTransport.get(sender.transportId);
    if (meanings === undefined) {
      meanings = new Map();
      perTransport.set(sender.transportId, meanings);
    }
    const mean = (key: string, meaning: string) => {
      assert.equal(meanings.get(key) ?? meaning, meaning);
      meanings.set(key, meaning);
    };
    mean(`mid ${sender.mid}`, String(sender.id));
    for (const { payloadType, name, parameters } of params.codecs) {
      mean(`payload type ${payloadType}`, `${name} ${parameters.apt} ${parameters.packetizationMode}`);
    }
    for (const { uri, id } of params.headerExtensions) mean(`extension ${id}`, uri);
  }
}

/** The index that decisions use says what the records say. */
function checkGroups(state: RoomState): void {
  const ids = (records: Iterable<{ id: number }>) => [...records].map(({ id }) => id);
  for (const peerId of state.peers.keys()) {
    const own = [...state.senders.values()].filter((sender) => sender.peerId === peerId);
    assert.deepEqual(ids(sendersOf(state, peerId)), ids(own));
    const transports = [...state.transports.values()].filter((transport) => transport.peerId === peerId);
    assert.deepEqual(ids(transportsOf(state, peerId)), ids(transports));
  }
  for (const receiverId of state.receivers.keys()) {
    const own = [...state.senders.values()].filter((sender) => sender.receiverId === receiverId);
    assert.deepEqual(ids(sendersOfReceiver(state, receiverId)), ids(own));
  }
}

/** Which records there are, in order: any change shows. Records are frozen, so they cannot change inside. */
function shallow({ version, closed, maxLoudestAudio, peers, transports, receivers, senders }: RoomState) {
  return {
    version,
    closed,
    maxLoudestAudio,
    records: [peers, transports, receivers, senders].flatMap((records) => [...records.keys()]),
  };
}

function dump(state: RoomState) {
  const { id, version, closed, capabilities, maxLoudestAudio } = state;
  return {
    id,
    version,
    closed,
    capabilities,
    maxLoudestAudio,
    peers: [...state.peers.values()],
    transports: [...state.transports.values()],
    receivers: [...state.receivers.values()],
    senders: [...state.senders.values()],
  };
}

/** As it comes back from a database. */
function reloaded(state: RoomState): RoomState {
  const plain = JSON.parse(JSON.stringify(dump(state))) as ReturnType<typeof dump>;
  const byId = <R extends { readonly id: number }>(records: readonly R[]) =>
    new Map(records.map((record) => [record.id, record]));
  return {
    ...plain,
    peers: byId(plain.peers),
    transports: byId(plain.transports),
    receivers: byId(plain.receivers),
    senders: byId(plain.senders),
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}

import type { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Peer, Room, RtpReceiver, RtpSender, Server, Transport } from '../src/index.ts';
import {
  mediaCodecs,
  opusParameters,
  peerCapabilities,
  settled,
  startServer,
  vp8Parameters,
} from './fixtures.ts';

/**
 * Random calls in random order, mostly without waiting, while listeners close things: whatever happens, the
 * promises of object-model.md §1.2, §1.3 and §5.6 hold.
 */

/** One call; `a` and `b` choose among the objects that exist by then. */
interface Step {
  call: (typeof calls)[number];
  a: number;
  b: number;
}

const calls = [
  'join',
  'join',
  'capabilities',
  'capabilities',
  'wrongCapabilities',
  'transport',
  'transport',
  'receiver',
  'receiver',
  'receive',
  'receive',
  'receive',
  'wrongReceive',
  'moveReceiver',
  'pause',
  'bind',
  'bind',
  'disable',
  'enable',
  'wait',
  'wait',
  'closePeer',
  'closeTransport',
  'closeReceiver',
  'ambush',
  'ambush',
  'ambush',
  'closePeer',
] as const;

const steps = fc.array(fc.record({ call: fc.constantFrom(...calls), a: fc.nat(1000), b: fc.nat(1000) }), {
  minLength: 10,
  maxLength: 60,
});

type Anything = Peer | Transport | RtpReceiver | RtpSender;

/** A room under observation: every rule that can be checked at an event is checked there. */
class World {
  readonly room: Room;
  readonly peers: Peer[] = [];
  readonly transports: Transport[] = [];
  readonly receivers: RtpReceiver[] = [];
  readonly senders: RtpSender[] = [];
  readonly #announced = new Set<Anything>();
  readonly #ended = new Set<Anything>();
  readonly #owners = new Map<Transport, Peer>();
  readonly #lastActive = new Map<RtpSender, boolean>();
  readonly #promises: Promise<unknown>[] = [];
  readonly problems: string[] = [];
  /** Each closes something at one of the next events. */
  readonly #ambushes: { after: number; victim: number }[] = [];
  #names = 0;
  #ssrc = 1;

  constructor(room: Room) {
    this.room = room;
    room.on('newpeer', (peer) => {
      this.#check(!this.#announced.has(peer), 'newpeer twice');
      this.#announced.add(peer);
      this.#check(room.getPeer(peer.name) === peer, 'newpeer of a peer that is not there');
      this.#spring();
    });
    room.on('listenererror', (event, error) => this.problems.push(`${event}: ${String(error)}`));
  }

  run({ call, a, b }: Step): void {
    const peer = pick(this.peers, a);
    const transport = pick(this.transports, b);
    const receiver = pick(this.receivers, a);
    const sender = pick(this.senders, a);
    switch (call) {
      case 'join':
        if (this.room.peers.length < 4) this.#watchPeer(this.room.Peer(`peer ${this.#names++}`));
        break;
      case 'capabilities':
        this.#expect(peer?.setCapabilities(peerCapabilities));
        break;
      case 'wrongCapabilities':
        this.#expect(peer?.setCapabilities(7 as unknown as object));
        break;
      case 'transport':
        this.#expect(peer?.createTransport());
        break;
      case 'receiver':
        this.#makeReceiver(peer, b);
        break;
      case 'receive': {
        const ssrc = this.#ssrc++;
        const parameters = receiver?.kind === 'audio' ? opusParameters(ssrc) : vp8Parameters(ssrc);
        this.#expect(receiver?.receive(parameters));
        break;
      }
      case 'wrongReceive':
        this.#expect(receiver?.receive({ codecs: [] }));
        break;
      case 'moveReceiver':
        if (transport !== undefined) this.#expect(receiver?.setTransport(transport));
        break;
      case 'pause':
        this.#expect(b % 2 === 0 ? receiver?.pause() : receiver?.resume());
        break;
      case 'bind': {
        const own = pick(sender?.peer.transports ?? [], b) ?? transport;
        if (own !== undefined) this.#expect(sender?.setTransport(own));
        break;
      }
      case 'disable':
        this.#expect(sender?.disable());
        break;
      case 'enable':
        this.#expect(sender?.enable());
        break;
      case 'wait':
        break;
      case 'closePeer':
        if (b % 3 === 0) peer?.close();
        break;
      case 'closeTransport':
        transport?.close();
        break;
      case 'closeReceiver':
        receiver?.close();
        break;
      case 'ambush':
        this.#ambushes.push({ after: a % 8, victim: b });
    }
  }

  /** Everything that was asked is answered, and the room is as it should be. */
  async finish(): Promise<void> {
    await Promise.all(this.#promises);
    await settled();
    this.#checkSenders();
    const dump = await this.room.dump();
    const shown = Object.values(dump.mapRtpReceiverRtpSenders).flat().sort();
    expect(shown).toEqual(
      this.senders
        .filter(({ closed }) => !closed)
        .map(({ id }) => id)
        .sort(),
    );
    expect(dump.peers.map(({ peerId }) => peerId)).toEqual(this.room.peers.map(({ id }) => id));
    this.room.close();
    const all = [...this.peers, ...this.transports, ...this.receivers, ...this.senders];
    expect(all.filter(({ closed }) => !closed)).toEqual([]);
    expect(all.filter((each) => !this.#ended.has(each))).toEqual([]);
    expect(this.problems).toEqual([]);
  }

  /** One sender for every pair of a receiver with parameters and another peer with capabilities (1.1). */
  #checkSenders(): void {
    for (const peer of this.room.peers) {
      const expected =
        peer.capabilities === undefined
          ? []
          : this.room.peers
              .filter((other) => other !== peer)
              .flatMap((other) => other.rtpReceivers)
              .filter(({ rtpParameters }) => rtpParameters !== undefined);
      const got = peer.rtpSenders.map(({ associatedRtpReceiver }) => associatedRtpReceiver);
      expect(new Set(got)).toEqual(new Set(expected));
      expect(got).toHaveLength(expected.length);
      for (const sender of peer.rtpSenders) {
        if (!this.#announced.has(sender)) this.problems.push('a sender was never announced');
        expect(this.#lastActive.get(sender) ?? false).toBe(sender.active);
      }
      for (const list of [peer.transports, peer.rtpReceivers, peer.rtpSenders]) {
        expect((list as Anything[]).every(({ closed }) => !closed)).toBe(true);
      }
      const order = (list: Anything[], known: Anything[]) => list.map((each) => known.indexOf(each));
      for (const [list, known] of [
        [peer.transports, this.transports],
        [peer.rtpReceivers, this.receivers],
        [peer.rtpSenders, this.senders],
      ] as [Anything[], Anything[]][]) {
        expect(order(list, known)).toEqual(order(list, known).sort((x, y) => x - y));
      }
    }
  }

  #makeReceiver(peer: Peer | undefined, b: number): void {
    const transport = pick(peer?.transports ?? [], b);
    if (peer === undefined || transport === undefined) return;
    try {
      this.#watchReceiver(peer.RtpReceiver(b % 2 === 0 ? 'audio' : 'video', transport));
    } catch (error) {
      this.#check((error as Error).name === 'InvalidStateError', `RtpReceiver() threw ${String(error)}`);
    }
  }

  #watchPeer(peer: Peer): void {
    this.peers.push(peer);
    peer.on('newtransport', (transport) => this.#watchTransport(transport, peer));
    peer.on('newrtpreceiver', (receiver) => {
      this.#check(!this.#announced.has(receiver), 'newrtpreceiver twice');
      this.#check(!receiver.closed && receiver.peer === peer, 'newrtpreceiver of a wrong receiver');
      this.#announced.add(receiver);
    });
    peer.on('newrtpsender', (sender) => this.#watchSender(sender, peer));
    peer.on('capabilities', (capabilities) =>
      this.#check(peer.capabilities === capabilities, 'late capabilities'),
    );
    peer.on('close', () => {
      const own = [
        ...this.transports.filter((transport) => this.#owners.get(transport) === peer),
        ...[...this.receivers, ...this.senders].filter((each) => each.peer === peer),
      ];
      this.#check(
        own.every((each) => this.#ended.has(each)),
        'a peer closed before what belongs to it',
      );
    });
    // Last, because an ambush may close what the listeners above are still to be told of.
    this.#watch(peer, ['capabilities', 'newtransport', 'newrtpreceiver', 'newrtpsender'], () =>
      this.#check(this.#announced.has(peer), 'an event of a peer before newpeer'),
    );
  }

  #watchTransport(transport: Transport, peer: Peer): void {
    this.#check(peer.transports.includes(transport), 'newtransport of a transport that is not there');
    this.transports.push(transport);
    this.#owners.set(transport, peer);
    this.#watch(transport, ['icestatechange', 'dtlsstatechange']);
  }

  #watchReceiver(receiver: RtpReceiver): void {
    this.receivers.push(receiver);
    this.#watch(receiver, ['parameters', 'parameterschange', 'transport'], () =>
      this.#check(this.#announced.has(receiver), 'an event of a receiver before newrtpreceiver'),
    );
    receiver.on('parameters', (parameters) =>
      this.#check(receiver.rtpParameters === parameters, 'parameters before they are set'),
    );
    receiver.on('transport', (transport) => this.#check(receiver.transport === transport, 'bound elsewhere'));
  }

  #watchSender(sender: RtpSender, peer: Peer): void {
    const source = sender.associatedRtpReceiver;
    this.#check(!this.#announced.has(sender), 'newrtpsender twice');
    this.#check(source !== undefined && this.#announced.has(source), 'newrtpsender before newrtpreceiver');
    this.#check(source.peer !== peer && sender.peer === peer, 'a sender of the wrong peer');
    this.#check(
      !sender.closed && !sender.active && sender.transport === undefined,
      'a sender that is not new',
    );
    this.#announced.add(sender);
    this.senders.push(sender);
    this.#watch(sender, ['transport', 'receiverpause', 'receiverresume']);
    sender.on('activechange', (active) => {
      this.#check(sender.active === active, 'activechange does not agree with active');
      this.#check((this.#lastActive.get(sender) ?? false) !== active, 'activechange without a change');
      this.#lastActive.set(sender, active);
    });
    sender.on('parameterschange', (parameters, active) => {
      this.#check(sender.rtpParameters === parameters && sender.active === active, 'stale parameterschange');
      this.#lastActive.set(sender, active);
    });
  }

  #watch(object: Anything, events: readonly string[], rule?: () => void): void {
    const emitter: EventEmitter = object;
    for (const event of events) {
      emitter.on(event, () => {
        rule?.();
        this.#check(!object.closed, `${event} of a closed object`);
        this.#spring();
      });
    }
    emitter.on('listenererror', (event, error) => this.problems.push(`${event}: ${String(error)}`));
    emitter.on('close', () => {
      this.#check(object.closed, 'close before closed');
      this.#check(!this.#ended.has(object), 'close twice');
      this.#ended.add(object);
      this.#spring();
    });
  }

  /** The listener that was lying in wait closes something. */
  #spring(): void {
    const due = this.#ambushes.findIndex((ambush) => ambush.after-- <= 0);
    if (due < 0) return;
    const victim = this.#ambushes.splice(due, 1)[0]!.victim;
    // Not what is being closed already: that is done when its own cascade is.
    const closable = [...this.peers, ...this.transports, ...this.receivers].filter(({ closed }) => !closed);
    const object = pick(closable, victim);
    if (object === undefined) return;
    object.close();
    this.#check(object.closed && this.#ended.has(object), 'close() came late');
  }

  #expect(promise: Promise<unknown> | undefined): void {
    if (promise === undefined) return;
    this.#promises.push(
      promise.then(
        () => undefined,
        (error: unknown) => this.#check(error instanceof Error, 'rejected with something that is no Error'),
      ),
    );
  }

  #check(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }
}

function pick<T>(list: readonly T[], n: number): T | undefined {
  return list[n % list.length];
}

async function play(server: Server, script: readonly Step[]): Promise<void> {
  const world = new World(await server.createRoom({ mediaCodecs }));
  for (const step of script) {
    world.run(step);
    if (step.call === 'wait') await (step.a % 2 === 0 ? settled() : Promise.resolve());
  }
  await world.finish();
}

describe('random interleavings', () => {
  it(
    'keep every promise about order, uniqueness and closing',
    async () => {
      const server = startServer();
      await fc.assert(
        fc.asyncProperty(steps, (script) => play(server, script)),
        { seed: 20261123, numRuns: process.env.CI ? 10_000 : 300 },
      );
    },
    10 * 60_000,
  );

  it('reach every kind of object, so that the property says something', async () => {
    const server = startServer();
    const world = new World(await server.createRoom({ mediaCodecs }));
    const script: Step['call'][] = [
      ...(['join', 'join'] as const),
      ...(['capabilities', 'transport', 'wait', 'receiver', 'receive', 'wait', 'bind', 'wait'] as const),
    ];
    script.forEach((call) => {
      for (const a of [0, 1]) world.run({ call, a, b: a });
    });
    await settled();
    for (const a of [0, 1]) world.run({ call: 'receiver', a, b: 0 });
    for (const a of [0, 1]) world.run({ call: 'receive', a, b: 0 });
    await settled();
    for (const a of [0, 1]) world.run({ call: 'bind', a, b: 0 });
    await settled();
    expect([world.peers.length >= 2, world.receivers.length, world.senders.length]).toEqual([true, 2, 2]);
    expect(world.senders.map(({ active }) => active)).toEqual([true, true]);
    await world.finish();
  });
});

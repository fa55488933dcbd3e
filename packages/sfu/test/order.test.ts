import { beforeEach, describe, expect, it } from 'vitest';
import { errors, type LogEntry, type Peer, type Room, type Transport } from '../src/index.ts';
import {
  mediaCodecs,
  opusParameters,
  peerCapabilities,
  record,
  settled,
  startPeer,
  startRoom,
  startServer,
  vp8Parameters,
} from './fixtures.ts';

let room: Room;

beforeEach(async () => {
  room = await startRoom();
});

describe('order of work (1.3)', () => {
  it('newpeer comes after room.Peer() returned, before any other event of that peer', async () => {
    const log: string[] = [];
    room.on('newpeer', (peer) => log.push(`newpeer ${peer.name}`));
    const alice = room.Peer('alice');
    record(log, 'alice', alice, ['capabilities', 'newtransport', 'newrtpreceiver']);
    const bob = room.Peer('bob');
    log.push('returned');
    const capabilities = alice.setCapabilities(peerCapabilities);
    const transport = await alice.createTransport();
    await capabilities;
    alice.RtpReceiver('audio', transport);
    await settled();
    expect(log).toEqual([
      'returned',
      'newpeer alice',
      'newpeer bob',
      'alice capabilities',
      'alice newtransport',
      'alice newrtpreceiver',
    ]);
    expect(bob.closed).toBe(false);
  });

  it('no newpeer for a peer that was closed in between (D-9)', async () => {
    const log: string[] = [];
    room.on('newpeer', (peer) => log.push(peer.name));
    room.Peer('alice').close();
    room.Peer('bob');
    await settled();
    expect(log).toEqual(['bob']);
  });

  it('calls need not be awaited', async () => {
    const bob = await startPeer(room, 'bob');
    const alice = room.Peer('alice');
    const transport = await alice.createTransport();
    const log: string[] = [];
    record(log, 'alice', alice, ['capabilities', 'newrtpreceiver']);
    record(log, 'bob', bob, ['newrtpsender']);
    void alice.setCapabilities(peerCapabilities).then(() => log.push('capabilities resolved'));
    const receiver = alice.RtpReceiver('audio', transport);
    void receiver.receive(opusParameters(1)).then(() => log.push('receive resolved'));
    await receiver.dump();
    expect(log).toEqual([
      'alice capabilities',
      'capabilities resolved',
      'alice newrtpreceiver',
      'bob newrtpsender',
      'receive resolved',
    ]);
  });

  it('createRoom() emits newroom with the same Room before it resolves', async () => {
    const server = startServer();
    const log: unknown[] = [];
    server.on('newroom', (heard) => log.push(heard));
    const made = await server.createRoom({ mediaCodecs });
    log.push('resolved');
    expect(log).toEqual([made, 'resolved']);
  });

  it('associatedRtpReceiver is never undefined, in no listener', async () => {
    const bob = await startPeer(room, 'bob');
    const alice = await startPeer(room, 'alice');
    const announced: unknown[] = [];
    alice.on('newrtpreceiver', (receiver) => announced.push(receiver));
    bob.on('newrtpsender', ({ associatedRtpReceiver }) => announced.push(associatedRtpReceiver));
    const transport = await alice.createTransport();
    const receiver = alice.RtpReceiver('audio', transport);
    await receiver.receive(opusParameters(1));
    expect(announced).toEqual([receiver, receiver]);
  });

  it('queued commands of a closed object reject, others go on', async () => {
    const alice = await startPeer(room, 'alice');
    const bob = await startPeer(room, 'bob');
    const results = Promise.allSettled([
      alice.createTransport(),
      alice.dump(),
      bob.createTransport(),
      room.dump(),
    ]);
    alice.close();
    const outcomes = (await results).map((result) =>
      result.status === 'rejected' ? (result.reason as Error).name : 'ok',
    );
    expect(outcomes).toEqual(['InvalidStateError', 'InvalidStateError', 'ok', 'ok']);
  });

  it('a promise rejects if its object is closed by a listener on the way', async () => {
    const alice = await startPeer(room, 'alice');
    alice.once('newtransport', () => alice.close());
    await expect(alice.createTransport()).rejects.toBeInstanceOf(errors.InvalidStateError);
    const bob = await startPeer(room, 'bob');
    bob.once('newtransport', (transport) => transport.close());
    expect((await bob.createTransport()).closed).toBe(true);
    expect(bob.transports).toEqual([]);
  });
});

describe('listener exceptions (D-2)', () => {
  it('reject nothing, stop nothing, and are logged', async () => {
    const entries: LogEntry[] = [];
    const server = startServer({ logger: (entry) => entries.push(entry) });
    const failure = new Error('of the application');
    const fail = () => {
      throw failure;
    };
    server.on('newroom', fail);
    const loud = await server.createRoom({ mediaCodecs });
    loud.on('newpeer', fail);
    const bob = await startPeer(loud, 'bob');
    bob.on('newrtpsender', fail);
    const alice = loud.Peer('alice');
    for (const event of ['capabilities', 'newtransport', 'newrtpreceiver', 'close'] as const)
      alice.on(event, fail);
    await alice.setCapabilities(peerCapabilities);
    const transport = await alice.createTransport();
    const receiver = alice.RtpReceiver('audio', transport);
    receiver.on('parameters', fail);
    receiver.on('transport', fail);
    await receiver.receive(opusParameters(1));
    await receiver.setTransport(transport);
    expect(bob.rtpSenders).toHaveLength(1);
    const [sender] = bob.rtpSenders;
    sender!.on('close', fail);
    alice.close();
    expect([receiver.closed, sender!.closed, bob.rtpSenders.length]).toEqual([true, true, 0]);
    const failed = entries
      .filter(({ level }) => level === 'error')
      .map(({ message, fields }) => {
        expect(fields.error).toBe(failure);
        return message.match(/"(\w+)"/)?.[1];
      });
    expect(failed).toEqual([
      'newroom',
      'newpeer',
      'newpeer',
      'capabilities',
      'newtransport',
      'newrtpreceiver',
      'parameters',
      'newrtpsender',
      'transport',
      'close',
      'close',
    ]);
  });

  it('go to listenererror if somebody listens there', async () => {
    const alice = room.Peer('alice');
    const heard: unknown[] = [];
    alice.on('listenererror', (event, error) => heard.push([event, (error as Error).message]));
    alice.on('newtransport', async () => {
      throw new Error('later');
    });
    await alice.createTransport();
    await settled();
    expect(heard).toEqual([['newtransport', 'later']]);
  });
});

describe('close cascade (1.6)', () => {
  let alice: Peer;
  let bob: Peer;
  let carol: Peer;
  let log: string[];

  /** Everybody sends audio to everybody, over one transport each, and every close is written down. */
  beforeEach(async () => {
    log = [];
    [alice, bob, carol] = (await Promise.all(
      ['alice', 'bob', 'carol'].map((name) => startPeer(room, name)),
    )) as [Peer, Peer, Peer];
    let ssrc = 1;
    for (const peer of [alice, bob, carol]) {
      const transport = await peer.createTransport();
      await peer.RtpReceiver('audio', transport).receive(opusParameters(ssrc++));
      for (const sender of peer.rtpSenders) await sender.setTransport(transport);
    }
    for (const peer of [alice, bob, carol]) {
      record(log, peer.name, peer, ['close']);
      for (const transport of peer.transports) record(log, `${peer.name}.transport`, transport, ['close']);
      for (const receiver of peer.rtpReceivers) record(log, `${peer.name}.receiver`, receiver, ['close']);
      for (const sender of peer.rtpSenders) {
        const name = `${peer.name}<${sender.associatedRtpReceiver.peer.name}`;
        record(log, name, sender, ['close', 'activechange']);
      }
    }
    record(log, 'room', room, ['close']);
  });

  const ofAlice = [
    'alice.transport close',
    'alice.receiver close',
    'alice<bob close',
    'alice<carol close',
    'alice close',
  ];

  it('peer: transports, receivers, senders, itself; then the senders of others, without activechange', () => {
    alice.close();
    expect(log).toEqual([...ofAlice, 'bob<alice close', 'carol<alice close']);
    expect(room.peers).toEqual([bob, carol]);
  });

  it('room: every peer in join order, each sender with its own peer, then itself', () => {
    room.close();
    const of = (name: string) => ofAlice.map((line) => line.replaceAll('alice', name));
    expect(log).toEqual([
      ...ofAlice,
      'bob.transport close',
      'bob.receiver close',
      'bob<alice close',
      'bob<carol close',
      'bob close',
      ...of('carol').slice(0, 2),
      'carol<alice close',
      'carol<bob close',
      'carol close',
      'room close',
    ]);
    expect(room.peers).toEqual([]);
  });

  it('receiver: itself first, then its senders in other peers', () => {
    alice.rtpReceivers[0]!.close();
    expect(log).toEqual(['alice.receiver close', 'bob<alice close', 'carol<alice close']);
  });

  it('transport: closes nothing, unbinds', () => {
    const [transport] = bob.transports;
    transport!.close();
    expect(log).toEqual(['bob.transport close', 'bob<alice activechange']);
    expect(bob.rtpReceivers[0]!.transport).toBeUndefined();
  });

  it('closed is true before any event, children first see it on their owner', () => {
    const seen: boolean[] = [];
    alice.transports[0]!.on('close', () =>
      seen.push(room.closed, alice.closed, alice.rtpReceivers[0]!.closed),
    );
    room.close();
    expect(seen).toEqual([true, true, false]);
  });

  it('a second peer closed inside the cascade closes whole, inside; the first goes on after it (D-5)', () => {
    alice.rtpReceivers[0]!.on('close', () => {
      log.push('{');
      bob.close();
      log.push('}');
    });
    alice.close();
    expect(log).toEqual([
      'alice.transport close',
      'alice.receiver close',
      '{',
      'bob.transport close',
      'bob.receiver close',
      'bob<alice close',
      'bob<carol close',
      'bob close',
      '}',
      'alice<bob close',
      'alice<carol close',
      'alice close',
      'carol<alice close',
      'carol<bob close',
    ]);
  });

  it('a peer closed inside room.close() closes inside, and not again', () => {
    alice.on('close', () => {
      log.push('{');
      carol.close();
      expect(carol.closed).toBe(true);
      log.push('}');
    });
    room.close();
    const ofCarol = [
      'carol.transport close',
      'carol.receiver close',
      'carol<alice close',
      'carol<bob close',
      'carol close',
    ];
    expect(log).toEqual([
      ...ofAlice,
      '{',
      ...ofCarol,
      '}',
      'bob.transport close',
      'bob.receiver close',
      'bob<alice close',
      'bob<carol close',
      'bob close',
      'room close',
    ]);
  });

  it('a child closed inside its own cascade closes inside, and not again', () => {
    const late = alice.RtpReceiver('video', alice.transports[0]!);
    record(log, 'late', late, ['close']);
    alice.transports[0]!.on('close', () => {
      log.push('{');
      late.close();
      alice.rtpReceivers[0]!.close();
      log.push('}');
    });
    alice.close();
    expect(log).toEqual([
      'alice.transport close',
      '{',
      'late close',
      'alice.receiver close',
      '}',
      'alice<bob close',
      'alice<carol close',
      'alice close',
      'bob<alice close',
      'carol<alice close',
    ]);
  });

  it("the room closed inside a peer's cascade", () => {
    alice.transports[0]!.on('close', () => {
      log.push('{');
      room.close();
      log.push('}');
    });
    alice.close();
    const ofBob = [
      'bob.transport close',
      'bob.receiver close',
      'bob<alice close',
      'bob<carol close',
      'bob close',
    ];
    const ofCarol = [
      'carol.transport close',
      'carol.receiver close',
      'carol<alice close',
      'carol<bob close',
      'carol close',
    ];
    expect(log).toEqual([
      'alice.transport close',
      '{',
      ...ofBob,
      ...ofCarol,
      'room close',
      '}',
      'alice.receiver close',
      'alice<bob close',
      'alice<carol close',
      'alice close',
    ]);
  });

  it('the receiver closed while its senders are being announced', async () => {
    const video = alice.RtpReceiver('video', alice.transports[0]!);
    const heard: string[] = [];
    bob.on('newrtpsender', (sender) => {
      heard.push('bob newrtpsender');
      sender.on('close', () => heard.push('bob sender close'));
      video.close();
    });
    record(heard, 'carol', carol, ['newrtpsender']);
    await expect(video.receive(vp8Parameters(9))).rejects.toBeInstanceOf(errors.InvalidStateError);
    // Carol's was closed before she heard of it.
    expect(heard).toEqual(['bob newrtpsender', 'bob sender close']);
    expect(carol.rtpSenders).toHaveLength(2);
  });

  it('an error goes to the closed object only', () => {
    const failure = new Error('mine');
    const heard: unknown[] = [];
    for (const emitter of [alice, alice.transports[0]!, alice.rtpReceivers[0]!]) {
      (emitter as Transport).on('close', (error) => heard.push(error));
    }
    bob.rtpSenders[0]!.on('close', (...args) => heard.push(args));
    alice.close(failure);
    expect(heard).toEqual([undefined, undefined, failure, []]);
  });
});

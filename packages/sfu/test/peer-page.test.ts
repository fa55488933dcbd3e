import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { errors, type Peer, type Room, type RtpSender } from '../src/index.ts';
import {
  next,
  opusParameters,
  peerCapabilities,
  record,
  settled,
  startPeer,
  startRoom,
  vp8Parameters,
} from './fixtures.ts';

/** mediasoup 1's page of the Peer class, statement by statement: each test is named by what it holds us to. */

let room: Room;
let alice: Peer;

beforeEach(async () => {
  room = await startRoom();
  alice = await startPeer(room, 'alice');
});

/** Alice sends audio. */
async function aliceSends(ssrc = 1111) {
  const transport = await alice.createTransport({ tcp: false });
  const receiver = alice.RtpReceiver('audio', transport);
  await receiver.receive(opusParameters(ssrc));
  return receiver;
}

const isReadOnly = (peer: Peer, name: Extract<keyof Peer, string>) => {
  const before = peer[name];
  expect(() => {
    (peer as unknown as Record<string, unknown>)[name] = 'changed';
  }).toThrow(TypeError);
  expect(peer[name]).toStrictEqual(before);
};

describe('Peer', () => {
  it('"A `peer` is the local representation of a remote media endpoint that connects to mediasoup and sends/receives media streams."', async () => {
    const bob = await startPeer(room, 'bob');
    await aliceSends();
    expect(alice.rtpReceivers).toHaveLength(1);
    expect(bob.rtpSenders).toHaveLength(1);
  });

  it('"If a browser wants to send video, its corresponding mediasoup `peer` will "receive" video."', async () => {
    const transport = await alice.createTransport({ tcp: false });
    await alice.RtpReceiver('video', transport).receive(vp8Parameters(2222));
    expect(alice.rtpReceivers.map(({ kind }) => kind)).toEqual(['video']);
    expect(alice.rtpSenders).toEqual([]);
  });

  it('"If a browser wants to receive video, its corresponding mediasoup `peer` will "send" video."', async () => {
    const bob = await startPeer(room, 'bob');
    const transport = await alice.createTransport({ tcp: false });
    await alice.RtpReceiver('video', transport).receive(vp8Parameters(2222));
    expect(bob.rtpSenders.map(({ kind }) => kind)).toEqual(['video']);
    expect(bob.rtpReceivers).toEqual([]);
  });
});

describe('Properties', () => {
  it('peer.id: "Read only. Unique identifier (number)."', async () => {
    const bob = room.Peer('bob');
    expect(Number.isInteger(alice.id)).toBe(true);
    expect(alice.id).toBeGreaterThanOrEqual(10_000_000);
    expect(alice.id).toBeLessThanOrEqual(99_999_999);
    expect(bob.id).not.toBe(alice.id);
    isReadOnly(alice, 'id');
  });

  it('peer.closed: "Read only. A Boolean indicating whether the `peer` has been closed."', () => {
    expect(alice.closed).toBe(false);
    isReadOnly(alice, 'closed');
    alice.close();
    expect(alice.closed).toBe(true);
  });

  it('peer.name: "Read only. The `name` (String) of the `peer`."', () => {
    expect(alice.name).toBe('alice');
    isReadOnly(alice, 'name');
  });

  it('peer.transports: "Read only. An Array with the list of Transport instances associated to the `peer` in the order in which they were created."', async () => {
    const first = await alice.createTransport({ tcp: false });
    const [second, third] = await Promise.all([
      alice.createTransport(),
      alice.createTransport({ udp: false }),
    ]);
    expect(alice.transports).toEqual([first, second, third]);
    isReadOnly(alice, 'transports');
    expect(alice.transports).not.toBe(alice.transports);
    alice.transports.pop();
    expect(alice.transports).toHaveLength(3);
    second.close();
    expect(alice.transports).toEqual([first, third]);
  });

  it('peer.rtpReceivers: "Read only. An Array with the list of RtpReceivers instances associated to the `peer` in the order in which they were created."', async () => {
    const transport = await alice.createTransport({ tcp: false });
    const first = alice.RtpReceiver('audio', transport);
    const second = alice.RtpReceiver('video', transport);
    expect(alice.rtpReceivers).toEqual([first, second]);
    isReadOnly(alice, 'rtpReceivers');
    expect(alice.rtpReceivers).not.toBe(alice.rtpReceivers);
    first.close();
    expect(alice.rtpReceivers).toEqual([second]);
  });

  it('peer.rtpSenders: "Read only. An Array with the list of RtpSenders instances associated to the `peer` in the order in which they were created."', async () => {
    const bob = await startPeer(room, 'bob');
    const announced: RtpSender[] = [];
    bob.on('newrtpsender', (sender) => announced.push(sender));
    const first = await aliceSends(1111);
    await aliceSends(2222);
    expect(bob.rtpSenders).toEqual(announced);
    expect(announced.map(({ associatedRtpReceiver }) => associatedRtpReceiver)).toEqual(alice.rtpReceivers);
    isReadOnly(bob, 'rtpSenders');
    expect(bob.rtpSenders).not.toBe(bob.rtpSenders);
    first.close();
    expect(bob.rtpSenders).toEqual([announced[1]]);
  });
});

describe('Methods', () => {
  it('peer.close(): "Closes the `peer`, including all its `transports`, `rtpReceivers` and `rtpSenders`, and triggers a `close` event."', async () => {
    const bob = await startPeer(room, 'bob');
    const bobTransport = await bob.createTransport({ tcp: false });
    await bob.RtpReceiver('video', bobTransport).receive(vp8Parameters(3333));
    const receiver = await aliceSends();
    const [transport] = alice.transports;
    const [sender] = alice.rtpSenders;
    const log: string[] = [];
    record(log, 'transport', transport!, ['close']);
    record(log, 'receiver', receiver, ['close']);
    record(log, 'sender', sender!, ['close']);
    record(log, 'peer', alice, ['close']);
    alice.close();
    expect(log).toEqual(['transport close', 'receiver close', 'sender close', 'peer close']);
    expect([transport!.closed, receiver.closed, sender!.closed]).toEqual([true, true, true]);
    expect([alice.transports, alice.rtpReceivers, alice.rtpSenders]).toEqual([[], [], []]);
  });

  it('peer.dump(): "For debugging purposes. Returns a Promise that resolves to an Object containing the `peer` internals."', async () => {
    await aliceSends();
    const promise = alice.dump();
    expect(promise).toBeInstanceOf(Promise);
    const dump = await promise;
    expect(dump).toMatchObject({ peerId: alice.id, peerName: 'alice', rtpSenders: [] });
    expect(dump.capabilities).toEqual(alice.capabilities);
    expect(dump.transports.map(({ transportId }) => transportId)).toEqual([alice.transports[0]!.id]);
    expect(dump.rtpReceivers.map(({ rtpReceiverId }) => rtpReceiverId)).toEqual([alice.rtpReceivers[0]!.id]);
    expect(JSON.parse(JSON.stringify(dump))).toEqual(dump);
  });

  it('peer.setCapabilities(capabilities): "Sets the RTP capabilities of the `peer`." (required)', async () => {
    const bob = room.Peer('bob');
    expect(bob.capabilities).toBeUndefined();
    await expect((bob.setCapabilities as () => Promise<unknown>)()).rejects.toBeInstanceOf(TypeError);
    expect(bob.capabilities).toBeUndefined();
    const effective = await bob.setCapabilities(peerCapabilities);
    expect(bob.capabilities).toEqual(effective);
  });

  it('peer.setCapabilities(capabilities): "This method must be called before creating any `RtpReceiver` for this `peer`."', async () => {
    const bob = room.Peer('bob');
    const transport = await bob.createTransport({ tcp: false });
    expect(() => bob.RtpReceiver('audio', transport)).toThrow(errors.InvalidStateError);
    await bob.setCapabilities(peerCapabilities);
    expect(bob.RtpReceiver('audio', transport).closed).toBe(false);
  });

  it('peer.createTransport(options): "Returns a Promise that resolves to a new Transport instance associated to this `peer`." (options not required)', async () => {
    const transport = await alice.createTransport();
    expect(alice.transports).toEqual([transport]);
    expect(await alice.createTransport({ tcp: false })).not.toBe(transport);
  });

  it('peer.createTransport(options): "If something goes wrong the Promise is rejected with the corresponding `Error` object."', async () => {
    await expect(alice.createTransport({ udp: false, tcp: false })).rejects.toBeInstanceOf(Error);
    alice.close();
    await expect(alice.createTransport()).rejects.toBeInstanceOf(errors.InvalidStateError);
  });

  it('peer.createTransport({ tcp: false }).then(…).catch(…), the usage example', async () => {
    const result = await alice.createTransport({ tcp: false }).then(
      (transport) => transport.iceLocalCandidates.map(({ protocol }) => protocol),
      (error: unknown) => error,
    );
    expect(result).toEqual(['udp']);
  });

  it('peer.RtpReceiver(kind, transport): "Returns a new RtpReceiver instance." (both required)', async () => {
    const transport = await alice.createTransport({ tcp: false });
    const rtpReceiver = alice.RtpReceiver('audio', transport);
    expect(rtpReceiver).toMatchObject({ kind: 'audio', closed: false });
    expect(rtpReceiver.transport).toBe(transport);
    const untyped = alice.RtpReceiver as (...args: unknown[]) => unknown;
    expect(() => untyped.call(alice)).toThrow(TypeError);
    expect(() => untyped.call(alice, 'audio')).toThrow(TypeError);
    expect(() => untyped.call(alice, undefined, transport)).toThrow(TypeError);
  });
});

describe('Events', () => {
  it('"The `Peer` class inherits from EventEmitter."', () => {
    expect(alice).toBeInstanceOf(EventEmitter);
  });

  it('peer.on("close", fn(error)): "Emitted when the `peer` is closed."', () => {
    const calls: unknown[][] = [];
    alice.on('close', (...args) => calls.push(args));
    alice.close();
    alice.close();
    expect(calls).toEqual([[undefined]]);
  });

  it('peer.on("close", fn(error)): "In case of error, the callback is called with the corresponding `Error` object."', async () => {
    const failure = new Error('broken');
    const closed = next(alice, 'close');
    alice.close(failure);
    expect(await closed).toEqual([failure]);
  });

  it('peer.on("capabilities", fn(capabilities)): "Emitted after a succesful call to `setCapabilities`."', async () => {
    const bob = room.Peer('bob');
    let count = 0;
    bob.on('capabilities', () => count++);
    await bob.setCapabilities(7 as unknown as object).catch(() => undefined);
    expect(count).toBe(0);
    await bob.setCapabilities(peerCapabilities);
    expect(count).toBe(1);
    await bob.setCapabilities(peerCapabilities).catch(() => undefined);
    expect(count).toBe(1);
  });

  it('peer.on("capabilities", fn(capabilities)): "It provides the effective RTP capabilities of the `peer` (after filtering capabilities non supported by the `room`)."', async () => {
    const bob = room.Peer('bob');
    const heard = next(bob, 'capabilities');
    const effective = await bob.setCapabilities(peerCapabilities);
    expect(await heard).toEqual([effective]);
    const shown = effective.codecs.map(({ name, payloadType, parameters }) => [
      name,
      payloadType,
      parameters.apt,
    ]);
    expect(shown).toEqual([
      ['audio/opus', 100, undefined],
      ['audio/PCMU', 0, undefined],
      ['video/VP8', 110, undefined],
      ['video/H264', 112, undefined],
      ['video/rtx', 101, 110],
      ['video/rtx', 102, 112],
    ]);
  });

  it('peer.on("newtransport", fn(transport)): "Emitted when a new `transport` is created."', async () => {
    const log: unknown[] = [];
    alice.on('newtransport', (transport) => log.push(transport, alice.transports));
    const transport = await alice.createTransport();
    expect(log).toEqual([transport, [transport]]);
  });

  it('peer.on("newrtpreceiver", fn(rtpReceiver)): "Emitted when a new `rtpReceiver` is created."', async () => {
    const transport = await alice.createTransport();
    const rtpReceiver = alice.RtpReceiver('audio', transport);
    // Attached after the call returned, and yet in time.
    expect(await next(alice, 'newrtpreceiver')).toEqual([rtpReceiver]);
  });

  it('peer.on("newrtpsender", fn(rtpSender)): "Emitted when another `peer` in the same `room` creates a new RtpReceiver and calls `receive()` on it for first time."', async () => {
    const bob = await startPeer(room, 'bob');
    const other = await startPeer(await startRoom(), 'bob');
    const log: string[] = [];
    record(log, 'alice', alice, ['newrtpsender']);
    record(log, 'bob', bob, ['newrtpsender']);
    record(log, 'other room', other, ['newrtpsender']);
    const transport = await alice.createTransport({ tcp: false });
    const receiver = alice.RtpReceiver('audio', transport);
    await settled();
    expect(log).toEqual([]);
    await receiver.receive(opusParameters(1111));
    expect(log).toEqual(['bob newrtpsender']);
    await receiver.receive(opusParameters(2222));
    expect(log).toEqual(['bob newrtpsender']);
  });

  it('peer.on("newrtpsender", fn(rtpSender)): "Also emitted for each already existing RtpReceiver in the `room` once the `peer` joins it."', async () => {
    await aliceSends(1111);
    await aliceSends(2222);
    const bob = room.Peer('bob');
    const heard: RtpSender[] = [];
    bob.on('newrtpsender', (rtpSender) => heard.push(rtpSender));
    await settled();
    // "Joins" means that its capabilities are set (object-model.md §5.2).
    expect(heard).toEqual([]);
    await bob.setCapabilities(peerCapabilities);
    expect(heard.map(({ associatedRtpReceiver }) => associatedRtpReceiver)).toEqual(alice.rtpReceivers);
    expect(heard).toEqual(bob.rtpSenders);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { errors, type Peer, type Room, type SentRtpParameters, type Transport } from '../src/index.ts';
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

let room: Room;
let alice: Peer;
let transport: Transport;

beforeEach(async () => {
  room = await startRoom();
  alice = await startPeer(room, 'alice');
  transport = await alice.createTransport();
});

const listenerOf = async (of: Transport) => (await of.dump()).rtpListener;

describe('peer.RtpReceiver()', () => {
  it('checks in the order of 5.4', async () => {
    const bob = room.Peer('bob');
    const bobTransport = await bob.createTransport();
    const closed = await alice.createTransport();
    closed.close();
    const make =
      (peer: Peer, ...args: unknown[]) =>
      () =>
        (peer.RtpReceiver as (...args: unknown[]) => unknown).call(peer, ...args);
    expect(make(alice, 'chicken')).toThrow(TypeError);
    expect(make(alice, 'AUDIO', transport)).toThrow(TypeError);
    expect(make(alice, 'audio', {})).toThrow(TypeError);
    expect(make(alice, 'audio', closed)).toThrow(errors.InvalidStateError);
    expect(make(alice, 'audio', bobTransport)).toThrow('transport not found');
    expect(make(bob, 'audio', transport)).toThrow('transport not found');
    expect(make(bob, 'audio', bobTransport)).toThrow(errors.InvalidStateError);
    alice.close();
    expect(make(alice, 'chicken')).toThrow(errors.InvalidStateError);
  });

  it('works behind a setCapabilities() that is only queued (D-13)', async () => {
    const bob = room.Peer('bob');
    const bobTransport = await bob.createTransport();
    const order: string[] = [];
    record(order, 'bob', bob, ['capabilities', 'newrtpreceiver']);
    const capabilities = bob.setCapabilities(peerCapabilities);
    const receiver = bob.RtpReceiver('audio', bobTransport);
    const received = receiver.receive(opusParameters(1));
    expect(receiver.transport).toBe(bobTransport);
    expect(receiver.rtpParameters).toBeUndefined();
    expect(bob.rtpReceivers).toEqual([receiver]);
    await Promise.all([capabilities, received]);
    expect(order).toEqual(['bob capabilities', 'bob newrtpreceiver']);
    expect(receiver.rtpParameters?.encodings[0]?.ssrc).toBe(1);
  });

  it('closes with the Error if those capabilities are refused, and its receive() rejects', async () => {
    const bob = room.Peer('bob');
    const bobTransport = await bob.createTransport();
    const order: string[] = [];
    record(order, 'bob', bob, ['newrtpreceiver']);
    const capabilities = bob.setCapabilities(7 as unknown as object);
    const receiver = bob.RtpReceiver('audio', bobTransport);
    const closed = next(receiver, 'close');
    const received = receiver.receive(opusParameters(1));
    await expect(capabilities).rejects.toBeInstanceOf(TypeError);
    await expect(received).rejects.toBeInstanceOf(errors.InvalidStateError);
    expect((await closed)[0]).toBeInstanceOf(Error);
    expect(bob.rtpReceivers).toEqual([]);
    expect(order).toEqual([]);
  });

  it('keeps the order of the calls, also around the capabilities', async () => {
    const bob = room.Peer('bob');
    const bobTransport = await bob.createTransport();
    const log: unknown[] = [];
    bob.on('newrtpreceiver', (receiver) => log.push(receiver));
    const capabilities = bob.setCapabilities(peerCapabilities);
    const first = bob.RtpReceiver('audio', bobTransport);
    const late: unknown[] = [];
    bob.on('capabilities', () => late.push(bob.RtpReceiver('audio', bobTransport)));
    await capabilities;
    await bob.dump();
    expect(bob.rtpReceivers).toEqual([first, ...late]);
    expect(log).toEqual([first, ...late]);
    const closed: unknown[] = [];
    for (const receiver of bob.rtpReceivers) receiver.on('close', () => closed.push(receiver));
    bob.close();
    expect(closed).toEqual([first, ...late]);
  });

  it('closed or unbound before its capabilities are there', async () => {
    const bob = room.Peer('bob');
    const [first, second] = await Promise.all([bob.createTransport(), bob.createTransport()]);
    const capabilities = bob.setCapabilities(peerCapabilities);
    const gone = bob.RtpReceiver('audio', first);
    const unbound = bob.RtpReceiver('audio', first);
    const order: string[] = [];
    record(order, 'gone', gone, ['close']);
    record(order, 'unbound', unbound, ['close']);
    gone.close();
    expect(order).toEqual(['gone close']);
    first.close();
    expect([unbound.closed, unbound.transport]).toEqual([false, undefined]);
    await capabilities;
    // A receiver outlives its transport and can be bound again (7.4).
    await unbound.setTransport(second);
    await unbound.receive(opusParameters(5));
    expect([unbound.closed, unbound.transport]).toEqual([false, second]);
    expect(order).toEqual(['gone close']);
  });
});

describe('rtpReceiver.receive()', () => {
  it('keeps everything as it was when it fails', async () => {
    const bob = await startPeer(room, 'bob');
    const receiver = alice.RtpReceiver('audio', transport);
    const log: string[] = [];
    record(log, 'receiver', receiver, ['parameters', 'parameterschange', 'close']);
    await receiver.receive(opusParameters(1));
    const other = alice.RtpReceiver('audio', transport);
    await other.receive(opusParameters(2));
    const before = { parameters: receiver.rtpParameters, tables: await listenerOf(transport) };
    const senderBefore = bob.rtpSenders[0]!.rtpParameters;
    const wrong = [undefined, {}, { codecs: [] }, opusParameters(2), vp8Parameters(1)];
    for (const parameters of wrong) {
      await expect(receiver.receive(parameters as SentRtpParameters)).rejects.toBeInstanceOf(Error);
    }
    expect(receiver.rtpParameters).toBe(before.parameters);
    expect(await listenerOf(transport)).toEqual(before.tables);
    expect(bob.rtpSenders[0]!.rtpParameters).toBe(senderBefore);
    expect(log).toEqual(['receiver parameters']);
  });

  it('rejects with UnsupportedError when no media codec is left (D-4)', async () => {
    const receiver = alice.RtpReceiver('audio', transport);
    const g722 = { name: 'audio/G722', payloadType: 9, clockRate: 8000 };
    const failure = receiver.receive({ codecs: [g722] });
    await expect(failure).rejects.toBeInstanceOf(errors.UnsupportedError);
    await expect(failure).rejects.toMatchObject({ name: 'UnsupportedError' });
    expect(receiver.closed).toBe(false);
  });

  it('takes the payload types and extension ids of the endpoint (D-33)', async () => {
    const bob = await startPeer(room, 'bob');
    const receiver = alice.RtpReceiver('video', transport);
    await receiver.receive({
      codecs: [
        { name: 'video/vp8', payloadType: 96, clockRate: 90000 },
        { name: 'video/rtx', payloadType: 97, clockRate: 90000, parameters: { apt: 96 } },
      ],
      headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:toffset', id: 14 }],
      encodings: [{ ssrc: 1, rtx: { ssrc: 2 } }],
    });
    expect(receiver.rtpParameters?.codecs.map(({ payloadType }) => payloadType)).toEqual([96, 97]);
    expect(receiver.rtpParameters?.headerExtensions[0]?.id).toBe(14);
    const { rtpParameters } = bob.rtpSenders[0]!;
    expect(rtpParameters.codecs.map(({ name, payloadType }) => [name, payloadType])).toEqual([
      ['video/VP8', 110],
      ['video/rtx', 101],
    ]);
    expect(rtpParameters.encodings[0]!.rtx?.ssrc).toBeGreaterThan(0);
  });
});

describe('rtpReceiver.setTransport()', () => {
  it('moves the receiver and its table entries, emits transport, and resolves (D-21)', async () => {
    const receiver = alice.RtpReceiver('audio', transport);
    await receiver.receive(opusParameters(1));
    const other = await alice.createTransport();
    const log: unknown[] = [];
    receiver.on('transport', (to) => log.push(to === other, receiver.transport === other));
    expect(await receiver.setTransport(other)).toBe(receiver);
    expect(log).toEqual([true, true]);
    expect((await listenerOf(transport)).ssrcTable).toEqual({});
    expect((await listenerOf(other)).ssrcTable).toEqual({ 1: receiver.id });
  });

  it('is legal before receive()', async () => {
    const receiver = alice.RtpReceiver('audio', transport);
    const other = await alice.createTransport();
    await receiver.setTransport(other);
    await receiver.receive(opusParameters(1));
    expect((await listenerOf(other)).ssrcTable).toEqual({ 1: receiver.id });
  });

  it('stays where it is on a collision, and on what 7.2 refuses', async () => {
    const bob = room.Peer('bob');
    const bobTransport = await bob.createTransport();
    const other = await alice.createTransport();
    const closed = await alice.createTransport();
    closed.close();
    const receiver = alice.RtpReceiver('audio', transport);
    await receiver.receive(opusParameters(1));
    await alice.RtpReceiver('audio', other).receive(opusParameters(1));
    const log: string[] = [];
    record(log, 'receiver', receiver, ['transport']);
    const untyped = receiver.setTransport.bind(receiver) as (transport?: unknown) => Promise<unknown>;
    await expect(untyped(other)).rejects.toBeInstanceOf(Error);
    await expect(untyped()).rejects.toBeInstanceOf(TypeError);
    await expect(untyped('transport')).rejects.toBeInstanceOf(TypeError);
    await expect(untyped(closed)).rejects.toBeInstanceOf(errors.InvalidStateError);
    await expect(untyped(bobTransport)).rejects.toThrow('Transport does not exist');
    expect(receiver.transport).toBe(transport);
    expect(log).toEqual([]);
    receiver.close();
    await expect(untyped(other)).rejects.toBeInstanceOf(errors.InvalidStateError);
  });

  it('binds again after the transport closed (7.4, D-20)', async () => {
    const bob = await startPeer(room, 'bob');
    const receiver = alice.RtpReceiver('audio', transport);
    await receiver.receive(opusParameters(1));
    transport.close();
    expect([receiver.closed, receiver.transport, bob.rtpSenders[0]!.closed]).toEqual([
      false,
      undefined,
      false,
    ]);
    const other = await alice.createTransport();
    await receiver.setTransport(other);
    expect(receiver.transport).toBe(other);
    expect((await listenerOf(other)).ssrcTable).toEqual({ 1: receiver.id });
  });
});

describe('rtpReceiver.close()', () => {
  it('frees its table entries', async () => {
    const receiver = alice.RtpReceiver('audio', transport);
    await receiver.receive(opusParameters(1));
    receiver.close();
    await alice.RtpReceiver('audio', transport).receive(opusParameters(1));
  });

  it('rejects what is queued and what comes later', async () => {
    const receiver = alice.RtpReceiver('audio', transport);
    const log: string[] = [];
    record(log, 'alice', alice, ['newrtpreceiver']);
    record(log, 'receiver', receiver, ['parameters', 'close']);
    const queued = receiver.receive(opusParameters(1));
    receiver.close();
    receiver.close();
    await expect(queued).rejects.toBeInstanceOf(errors.InvalidStateError);
    for (const call of [
      receiver.receive(opusParameters(1)),
      receiver.setTransport(transport),
      receiver.pause(),
      receiver.resume(),
      receiver.dump(),
      receiver.getStats(),
    ]) {
      await expect(call).rejects.toBeInstanceOf(errors.InvalidStateError);
    }
    await settled();
    // Closed before its turn came, so it was never announced (as D-9 for peers).
    expect(log).toEqual(['receiver close']);
  });
});

describe('rtpReceiver.dump()', () => {
  it('says whether rtpraw and rtpobject are on', async () => {
    const receiver = alice.RtpReceiver('audio', transport);
    const listener = () => {};
    const flags = async () => {
      const dump = await receiver.dump();
      return [dump.rtpRawEventEnabled, dump.rtpObjectEventEnabled];
    };
    expect(await receiver.dump()).toMatchObject({
      rtpReceiverId: receiver.id,
      kind: 'audio',
      rtpParameters: null,
      hasTransport: true,
      rtpStreams: [],
    });
    receiver.on('rtpraw', listener);
    expect(await flags()).toEqual([true, false]);
    receiver.once('rtpobject', listener);
    expect(await flags()).toEqual([true, true]);
    receiver.off('rtpraw', listener);
    expect(await flags()).toEqual([false, true]);
    receiver.removeAllListeners();
    expect(await flags()).toEqual([false, false]);
  });
});

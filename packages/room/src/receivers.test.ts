import { beforeEach, describe, expect, test } from 'vitest';
import { audio, audioCapabilities, opus, TestRoom, video, vp8 } from '../test/fixtures.ts';
import { isActive, listenerTablesOf } from './index.ts';

const refusal = (code: string, errorClass: string, field?: string) =>
  expect.objectContaining({ code, errorClass, ...(field === undefined ? {} : { field }) });

let room: TestRoom;
let alice: number;
let transportId: number;
beforeEach(() => {
  room = new TestRoom();
  alice = room.peer('alice');
  transportId = room.transport(alice);
});

describe('§5.4 peer.RtpReceiver()', () => {
  const create = (more: object = {}) =>
    room.run({
      type: 'receiver.create',
      peerId: alice,
      receiverId: room.id(),
      kind: 'audio',
      transportId,
      ...more,
    });

  test('P3 it is bound, announced, and nobody hears of it elsewhere yet', () => {
    const bob = room.peer('bob');
    const { events } = create({ paused: true, keyFrameRequestDelayMs: 500, appData: { a: 1 } });
    expect(events).toMatchObject([
      {
        type: 'newrtpreceiver',
        target: { kind: 'peer', id: alice },
        peerId: alice,
        receiver: { transportId, paused: true, keyFrameRequestDelayMs: 500, appData: { a: 1 } },
      },
    ]);
    expect([...room.state.senders.values()].filter((sender) => sender.peerId === bob)).toEqual([]);
  });

  test('P4 a closed transport is InvalidStateError', () => {
    room.run({ type: 'transport.close', transportId });
    expect(() => create()).toThrow(refusal('transport-not-found', 'InvalidStateError'));
  });

  test('P5 another kind is a TypeError', () => {
    for (const kind of ['chicken', 'AUDIO', undefined]) {
      expect(() => create({ kind })).toThrow(refusal('invalid-parameter', 'TypeError', 'kind'));
    }
  });

  test('another peer’s transport is refused', () => {
    const bob = room.peer('bob');
    expect(() => create({ transportId: room.transport(bob) })).toThrow(
      refusal('transport-not-found', 'Error'),
    );
  });

  test('D-13 before capabilities it is InvalidStateError', () => {
    const guest = room.guest('guest');
    expect(() => create({ peerId: guest, transportId: room.transport(guest) })).toThrow(
      refusal('invalid-state', 'InvalidStateError'),
    );
  });
});

describe('§7.2 receive()', () => {
  test('the first time: parameters, then a sender in each other peer, in join order', () => {
    const bob = room.peer('bob');
    const guest = room.guest('guest');
    const carol = room.peer('carol', audioCapabilities);
    const receiverId = room.receiver(alice, transportId, 'video');
    const { events } = room.run({ type: 'receiver.receive', receiverId, rtpParameters: video(1) });
    expect(events.map(({ type, peerId }) => [type, peerId])).toEqual([
      ['parameters', alice],
      ['newrtpsender', bob],
      ['newrtpsender', carol],
    ]);
    expect([...room.state.senders.values()].some((sender) => sender.peerId === guest)).toBe(false);
    expect(room.sender(receiverId, bob)).toMatchObject({
      available: true,
      disabled: false,
      transportId: null,
      bindings: 0,
      priority: 1,
    });
    expect(room.sender(receiverId, carol)).toMatchObject({
      available: false,
      rtpParameters: { codecs: [], encodings: [] },
    });
  });

  test('later: parameterschange on it and on its senders, none is born (D-40)', () => {
    const bob = room.peer('bob');
    const receiverId = room.receiver(alice, transportId, 'video', video(1));
    const { id, ssrc } = room.sender(receiverId, bob);
    for (let repeat = 0; repeat < 2; repeat++) {
      const { events } = room.run({ type: 'receiver.receive', receiverId, rtpParameters: video(1) });
      expect(events).toMatchObject([
        { type: 'parameterschange', target: { kind: 'rtpreceiver', id: receiverId }, peerId: alice },
        { type: 'parameterschange', target: { kind: 'rtpsender', id }, peerId: bob, active: false },
      ]);
    }
    expect(room.sender(receiverId, bob)).toMatchObject({ id, ssrc });
  });

  test('later: active may flip with the parameters, and a key frame is asked', () => {
    const bob = room.peer('bob', { codecs: [{ kind: 'video', ...vp8, payloadType: 110 }] });
    const receiverId = room.receiver(alice, transportId, 'video', {
      codecs: [
        { name: 'video/H264', payloadType: 98, clockRate: 90000, parameters: { packetizationMode: 1 } },
      ],
    });
    const senderId = room.sender(receiverId, bob).id;
    room.run({ type: 'sender.setTransport', senderId, transportId: room.transport(bob) });
    expect(isActive(room.sender(receiverId, bob))).toBe(false);
    const { events, keyFrames } = room.run({
      type: 'receiver.receive',
      receiverId,
      rtpParameters: video(1),
    });
    expect(events.map(({ type }) => type)).toEqual(['parameterschange', 'parameterschange']);
    expect(events[1]).toMatchObject({ active: true });
    expect(keyFrames).toEqual([senderId]);
    expect(room.sender(receiverId, bob).rtpParameters.muxId).toBe('0');
  });

  test('what is wrong is refused with its field and leaves everything', () => {
    const receiverId = room.receiver(alice, transportId, 'audio', audio(1));
    const version = room.state.version;
    const receive = (rtpParameters: unknown) =>
      room.run({ type: 'receiver.receive', receiverId, rtpParameters });
    expect(() => receive(undefined)).toThrow(refusal('invalid-parameter', 'Error', 'rtpParameters'));
    expect(() => receive({ codecs: [{ ...opus, name: 'opus' }] })).toThrow(
      refusal('invalid-parameter', 'Error', 'rtpParameters.codecs.0.name'),
    );
    expect(() => receive({ codecs: [vp8] })).toThrow(
      refusal('unsupported-codec', 'UnsupportedError', 'rtpParameters.codecs'),
    );
    expect(room.state.version).toBe(version);
    expect(room.state.receivers.get(receiverId)?.rtpParameters?.encodings[0]?.ssrc).toBe(1);
  });

  test('V8 what another receiver of the transport has is refused', () => {
    const pcmu = { codecs: [{ name: 'audio/PCMU', payloadType: 0, clockRate: 8000 }] };
    room.receiver(alice, transportId, 'audio', pcmu);
    const receiverId = room.receiver(alice, transportId, 'audio');
    expect(() => room.run({ type: 'receiver.receive', receiverId, rtpParameters: pcmu })).toThrow(
      refusal('conflict', 'Error', 'rtpParameters.codecs.0.payloadType'),
    );
    const other = room.receiver(alice, room.transport(alice), 'audio', pcmu);
    expect(listenerTablesOf(room.state, transportId).ptTable.get(0)).not.toBe(other);
  });

  test('V9 its own keys are replaced', () => {
    const receiverId = room.receiver(alice, transportId, 'audio', audio(1));
    room.run({ type: 'receiver.receive', receiverId, rtpParameters: audio(2) });
    expect([...listenerTablesOf(room.state, transportId).ssrcTable.keys()]).toEqual([2]);
  });
});

describe('§7.2 setTransport()', () => {
  test('D-21 is legal before receive(); the event is emitted each time', () => {
    const second = room.transport(alice);
    const receiverId = room.receiver(alice, transportId, 'audio');
    for (let repeat = 0; repeat < 2; repeat++) {
      expect(room.events({ type: 'receiver.setTransport', receiverId, transportId: second })).toEqual([
        `rtpreceiver ${receiverId} transport`,
      ]);
    }
    expect(room.state.receivers.get(receiverId)?.transportId).toBe(second);
  });

  test('D-21 it leaves the tables of the old transport', () => {
    const second = room.transport(alice);
    const receiverId = room.receiver(alice, transportId, 'audio', audio(1));
    room.run({ type: 'receiver.setTransport', receiverId, transportId: second });
    expect(listenerTablesOf(room.state, transportId).ssrcTable.size).toBe(0);
    expect(listenerTablesOf(room.state, second).ssrcTable.get(1)).toBe(receiverId);
    room.receiver(alice, transportId, 'audio', audio(1));
    expect(() => room.run({ type: 'receiver.setTransport', receiverId, transportId })).toThrow(
      refusal('conflict', 'Error', 'rtpParameters.encodings.0.ssrc'),
    );
    expect(room.state.receivers.get(receiverId)?.transportId).toBe(second);
  });

  test('after its transport closed it can be bound again (D-20)', () => {
    const receiverId = room.receiver(alice, transportId, 'audio', audio(1));
    room.run({ type: 'transport.close', transportId });
    expect(room.state.receivers.get(receiverId)?.transportId).toBeNull();
    room.run({ type: 'receiver.receive', receiverId, rtpParameters: audio(3) });
    const next = room.transport(alice);
    room.run({ type: 'receiver.setTransport', receiverId, transportId: next });
    expect(listenerTablesOf(room.state, next).ssrcTable.get(3)).toBe(receiverId);
  });

  test('another peer’s, or a closed one, is refused', () => {
    const receiverId = room.receiver(alice, transportId, 'audio');
    const bobs = room.transport(room.peer('bob'));
    const set = (id: number) => room.run({ type: 'receiver.setTransport', receiverId, transportId: id });
    expect(() => set(bobs)).toThrow('Transport does not exist');
    room.run({ type: 'transport.close', transportId: bobs });
    expect(() => set(bobs)).toThrow(refusal('transport-not-found', 'InvalidStateError'));
  });
});

test('§16 pause and resume are told to the senders, and active stays', () => {
  const bob = room.peer('bob');
  const receiverId = room.receiver(alice, transportId, 'video', video(1));
  const senderId = room.sender(receiverId, bob).id;
  room.run({ type: 'sender.setTransport', senderId, transportId: room.transport(bob) });
  expect(room.events({ type: 'receiver.pause', receiverId })).toEqual([
    `rtpsender ${senderId} receiverpause`,
  ]);
  expect(room.state.receivers.get(receiverId)?.paused).toBe(true);
  expect(isActive(room.sender(receiverId, bob))).toBe(true);
  expect(room.events({ type: 'receiver.pause', receiverId })).toEqual([]);
  const { events, keyFrames } = room.run({ type: 'receiver.resume', receiverId });
  expect(events.map(({ type }) => type)).toEqual(['receiverresume']);
  expect(keyFrames).toEqual([senderId]);
});

test('§16 appData is replaced', () => {
  const receiverId = room.receiver(alice, transportId, 'audio');
  expect(room.events({ type: 'receiver.setAppData', receiverId, appData: { b: 2 } })).toEqual([]);
  expect(room.state.receivers.get(receiverId)?.appData).toEqual({ b: 2 });
});

test('a closed receiver is InvalidStateError everywhere', () => {
  const receiverId = room.receiver(alice, transportId, 'audio');
  room.run({ type: 'receiver.close', receiverId });
  const commands = [
    { type: 'receiver.close', receiverId },
    { type: 'receiver.receive', receiverId, rtpParameters: audio(1) },
    { type: 'receiver.setTransport', receiverId, transportId },
    { type: 'receiver.pause', receiverId },
    { type: 'receiver.resume', receiverId },
    { type: 'receiver.setAppData', receiverId, appData: {} },
  ] as const;
  for (const command of commands) {
    expect(() => room.run(command)).toThrow(refusal('receiver-not-found', 'InvalidStateError'));
  }
});

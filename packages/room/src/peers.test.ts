import { describe, expect, test } from 'vitest';
import { audio, audioCapabilities, fullCapabilities, TestRoom, video } from '../test/fixtures.ts';
import { createRoomState, RoomError } from './index.ts';

const refusal = (code: string, errorClass: string, field?: string) =>
  expect.objectContaining({ code, errorClass, ...(field === undefined ? {} : { field }) });

describe('§4 Room', () => {
  test('§4.1 wrong media codecs are refused, none make an empty room', () => {
    expect(() => createRoomState({ id: 'r', mediaCodecs: [{ kind: 'audio', name: 'audio/opus' }] })).toThrow(
      RoomError,
    );
    expect(() => createRoomState({ id: 'r', mediaCodecs: [{}] })).toThrow(
      refusal('invalid-parameter', 'Error', 'mediaCodecs.0.name'),
    );
    expect(createRoomState({ id: 'r' }).capabilities.codecs).toEqual([]);
  });

  test('R1 a peer joins and leaves', () => {
    const room = new TestRoom();
    const peerId = room.id();
    const { events } = room.run({ type: 'peer.join', peerId, name: 'alice', appData: { a: 1 } });
    expect(events).toEqual([
      {
        target: { kind: 'room', id: 0 },
        peerId: null,
        exceptPeerId: peerId,
        type: 'newpeer',
        peer: { id: peerId, name: 'alice', appData: { a: 1 } },
      },
    ]);
    expect(room.events({ type: 'peer.close', peerId })).toEqual([`peer ${peerId} close`, 'room 0 peerclose']);
    expect(room.state.peers.size).toBe(0);
  });

  test('R2 without a name it is a TypeError', () => {
    const room = new TestRoom();
    for (const name of ['', undefined, 1] as string[]) {
      expect(() => room.run({ type: 'peer.join', peerId: room.id(), name })).toThrow(
        refusal('invalid-parameter', 'TypeError', 'name'),
      );
    }
  });

  test('R3 a name in use is refused', () => {
    const room = new TestRoom();
    room.peer('alice');
    expect(() => room.peer('alice')).toThrow(refusal('name-taken', 'Error', 'name'));
    expect(room.state.peers.size).toBe(1);
  });

  test('R4 a name is free again when its peer has closed', () => {
    const room = new TestRoom();
    const first = room.peer('alice');
    room.run({ type: 'peer.close', peerId: first });
    const second = room.peer('alice');
    expect([...room.state.peers.keys()]).toEqual([second]);
  });

  test('R5 peers stand in join order, without closed ones', () => {
    const room = new TestRoom();
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => room.peer(name));
    room.run({ type: 'peer.close', peerId: bob! });
    expect([...room.state.peers.keys()]).toEqual([alice, carol]);
  });

  test('a taken name can be replaced: the old peer closes first', () => {
    const room = new TestRoom();
    const old = room.peer('alice');
    const peerId = room.id();
    const decision = room.run({ type: 'peer.join', peerId, name: 'alice', replace: true });
    expect(decision.events.map(({ type }) => type)).toEqual(['close', 'peerclose', 'newpeer']);
    expect(decision.events[0]).toMatchObject({ target: { kind: 'peer', id: old }, reason: 'replaced' });
    expect([...room.state.peers.keys()]).toEqual([peerId]);
  });

  test('an id in use is refused, whatever has it', () => {
    const room = new TestRoom();
    const peerId = room.peer('alice');
    const transportId = room.transport(peerId);
    for (const id of [peerId, transportId]) {
      expect(() => room.run({ type: 'peer.join', peerId: id, name: 'bob' })).toThrow(
        refusal('conflict', 'Error'),
      );
    }
  });

  test('a closed room refuses all, and closes once', () => {
    const room = new TestRoom();
    const peerId = room.peer('alice');
    room.run({ type: 'room.close' });
    expect(room.state.closed).toBe(true);
    expect(room.run({ type: 'room.close' })).toEqual({ changes: [], events: [], keyFrames: [] });
    expect(() => room.peer('bob')).toThrow(refusal('room-closed', 'InvalidStateError'));
    expect(() => room.run({ type: 'peer.close', peerId })).toThrow(
      refusal('room-closed', 'InvalidStateError'),
    );
    expect(room.run({ type: 'transport.died', transportId: 1, reason: 'x' }).events).toEqual([]);
  });
});

describe('§5.2 setCapabilities()', () => {
  test('the senders of what is there come first, then capabilities', () => {
    const room = new TestRoom();
    const alice = room.peer('alice');
    const transportId = room.transport(alice);
    const mic = room.receiver(alice, transportId, 'audio', audio(1));
    const cam = room.receiver(alice, transportId, 'video', video(2));
    room.receiver(alice, transportId, 'video');
    const bob = room.guest('bob');
    expect(room.state.senders.size).toBe(0);
    const { events } = room.run({
      type: 'peer.setCapabilities',
      peerId: bob,
      capabilities: fullCapabilities,
    });
    expect(events.map(({ type }) => type)).toEqual(['newrtpsender', 'newrtpsender', 'capabilities']);
    expect(events.map((event) => 'receiver' in event && event.receiver.id)).toEqual([mic, cam, false]);
    expect(events.every((event) => event.peerId === bob && event.target.id === bob)).toBe(true);
    expect(room.state.peers.get(bob)?.capabilities?.codecs[0]?.payloadType).toBe(100);
  });

  test('senders are announced in join order of the others', () => {
    const room = new TestRoom();
    const receivers = ['alice', 'bob', 'carol'].map((name) => {
      const peerId = room.peer(name);
      return room.receiver(peerId, room.transport(peerId), 'audio', audio(1));
    });
    const { events } = room.run(
      { type: 'peer.join', peerId: 99_999_999, name: 'dave' },
      { type: 'peer.setCapabilities', peerId: 99_999_999, capabilities: fullCapabilities },
    );
    expect(events.flatMap((event) => (event.type === 'newrtpsender' ? [event.receiver.id] : []))).toEqual(
      receivers,
    );
  });

  test('a second call is refused and changes nothing', () => {
    const room = new TestRoom();
    const peerId = room.peer('alice');
    const version = room.state.version;
    expect(() => room.run({ type: 'peer.setCapabilities', peerId, capabilities: {} })).toThrow(
      refusal('invalid-state', 'Error'),
    );
    expect(() => room.run({ type: 'peer.setCapabilities', peerId, capabilities: {} })).toThrow(
      'peer capabilities already set',
    );
    expect(room.state.version).toBe(version);
  });

  test('after a failed call it may be repeated', () => {
    const room = new TestRoom();
    const peerId = room.guest('alice');
    const wrong = { codecs: [{ kind: 'audio', name: 'audio/opus', clockRate: 48000 }] };
    expect(() => room.run({ type: 'peer.setCapabilities', peerId, capabilities: wrong })).toThrow(
      refusal('invalid-parameter', 'Error', 'capabilities.codecs.0.payloadType'),
    );
    expect(() =>
      room.run({ type: 'peer.setCapabilities', peerId, capabilities: {}, sendCapabilities: wrong }),
    ).toThrow(refusal('invalid-parameter', 'Error', 'sendCapabilities.codecs.0.payloadType'));
    room.run({ type: 'peer.setCapabilities', peerId, capabilities: fullCapabilities });
    expect(room.state.peers.get(peerId)?.capabilities).toBeDefined();
  });

  test('D-11 not an object is a TypeError, {} is not', () => {
    const room = new TestRoom();
    const peerId = room.guest('alice');
    for (const capabilities of [undefined, null, 'x', []]) {
      expect(() => room.run({ type: 'peer.setCapabilities', peerId, capabilities })).toThrow(
        refusal('invalid-parameter', 'TypeError', 'capabilities'),
      );
    }
    expect(() =>
      room.run({ type: 'peer.setCapabilities', peerId, capabilities: {}, sendCapabilities: 1 }),
    ).toThrow(refusal('invalid-parameter', 'TypeError', 'sendCapabilities'));
    room.run({ type: 'peer.setCapabilities', peerId, capabilities: {} });
    expect(room.state.peers.get(peerId)?.capabilities?.codecs).toEqual([]);
  });

  test('D-12 what it sends may differ from what it receives', () => {
    const room = new TestRoom();
    const alice = room.guest('alice');
    room.run({
      type: 'peer.setCapabilities',
      peerId: alice,
      capabilities: audioCapabilities,
      sendCapabilities: fullCapabilities,
    });
    const transportId = room.transport(alice);
    room.receiver(alice, transportId, 'video', video(1));
    const bob = room.peer('bob');
    const cam = room.receiver(bob, room.transport(bob), 'video', video(1));
    expect(room.sender(cam, alice).available).toBe(false);
  });

  test('a closed peer is InvalidStateError', () => {
    const room = new TestRoom();
    const peerId = room.peer('alice');
    room.run({ type: 'peer.close', peerId });
    expect(() => room.run({ type: 'peer.setCapabilities', peerId, capabilities: {} })).toThrow(
      refusal('peer-not-found', 'InvalidStateError'),
    );
  });
});

describe('§1.6 close cascade', () => {
  function scene() {
    const room = new TestRoom();
    const alice = room.peer('alice');
    const bob = room.peer('bob');
    const [send, recv] = [room.transport(alice), room.transport(alice)];
    const bobs = room.transport(bob);
    const mic = room.receiver(alice, send, 'audio', audio(1));
    const cam = room.receiver(alice, send, 'video', video(2));
    const screen = room.receiver(bob, bobs, 'video', video(1));
    const hears = room.sender(mic, bob).id;
    const sees = room.sender(cam, bob).id;
    const watches = room.sender(screen, alice).id;
    room.run({ type: 'sender.setTransport', senderId: watches, transportId: recv });
    room.run({ type: 'sender.setTransport', senderId: sees, transportId: bobs });
    return { room, alice, bob, send, recv, bobs, mic, cam, screen, hears, sees, watches };
  }

  test('peer: transports, receivers, senders, itself, then the senders elsewhere (D-5)', () => {
    const s = scene();
    expect(s.room.events({ type: 'peer.close', peerId: s.alice, reason: 'kicked' })).toEqual([
      `transport ${s.send} close`,
      `transport ${s.recv} close`,
      `rtpreceiver ${s.mic} close`,
      `rtpreceiver ${s.cam} close`,
      `rtpsender ${s.watches} close`,
      `peer ${s.alice} close`,
      `rtpsender ${s.hears} close`,
      `rtpsender ${s.sees} close`,
      'room 0 peerclose',
    ]);
    expect(s.room.state.senders.size).toBe(0);
    expect([...s.room.state.receivers.keys()]).toEqual([s.screen]);
  });

  test('C3 the senders of bob’s receiver close when he does', () => {
    const s = scene();
    const events = s.room.run({ type: 'peer.close', peerId: s.bob }).events;
    const closed = events.filter(({ type }) => type === 'close').map(({ target }) => target.id);
    expect(closed).toEqual([s.bobs, s.screen, s.hears, s.sees, s.bob, s.watches]);
    const toAlice = events.filter(({ peerId }) => peerId === s.alice);
    expect(toAlice.map(({ type, target }) => [type, target.id])).toEqual([['close', s.watches]]);
  });

  test('C2 receiver: itself, then its senders', () => {
    const s = scene();
    expect(s.room.events({ type: 'receiver.close', receiverId: s.mic })).toEqual([
      `rtpreceiver ${s.mic} close`,
      `rtpsender ${s.hears} close`,
    ]);
  });

  test('transport: nothing dies, what was bound is unbound', () => {
    const s = scene();
    expect(s.room.events({ type: 'transport.close', transportId: s.send })).toEqual([
      `transport ${s.send} close`,
    ]);
    expect(s.room.state.receivers.get(s.mic)?.transportId).toBeNull();
    expect(s.room.events({ type: 'transport.close', transportId: s.bobs })).toEqual([
      `transport ${s.bobs} close`,
      `rtpsender ${s.sees} activechange`,
    ]);
    const sees = s.room.state.senders.get(s.sees)!;
    expect(sees.transportId).toBeNull();
    expect(sees.mid).toBeUndefined();
    expect(sees.rtpParameters.muxId).toBeUndefined();
  });

  test('transport with its receivers (§15.3 step 13)', () => {
    const s = scene();
    expect(
      s.room.events({ type: 'transport.close', transportId: s.send, closeReceivers: true, reason: 'done' }),
    ).toEqual([
      `rtpreceiver ${s.mic} close`,
      `rtpreceiver ${s.cam} close`,
      `transport ${s.send} close`,
      `rtpsender ${s.hears} close`,
      `rtpsender ${s.sees} close`,
    ]);
  });

  test('room: every peer in join order, then itself; senders close once, with their own peer', () => {
    const s = scene();
    const events = s.room.run({ type: 'room.close', error: 'worker died' }).events;
    expect(events.every(({ type }) => type === 'close')).toBe(true);
    expect(events.map(({ target }) => target.id)).toEqual([
      s.send,
      s.recv,
      s.mic,
      s.cam,
      s.watches,
      s.alice,
      s.bobs,
      s.screen,
      s.hears,
      s.sees,
      s.bob,
      0,
    ]);
    expect(events.at(-1)).toMatchObject({ error: 'worker died', peerId: null });
    expect(events.slice(0, -1).some((event) => 'error' in event)).toBe(false);
    const { peers, transports, receivers, senders } = s.room.state;
    expect([peers.size, transports.size, receivers.size, senders.size]).toEqual([0, 0, 0, 0]);
  });
});

test('several commands are one step: a refusal of the last undoes the first', () => {
  const room = new TestRoom();
  const peerId = room.id();
  const before = room.state.version;
  expect(() =>
    room.run(
      { type: 'peer.join', peerId, name: 'alice' },
      { type: 'peer.setCapabilities', peerId, capabilities: 1 },
    ),
  ).toThrow(RoomError);
  expect(room.state.peers.size).toBe(0);
  expect(room.state.version).toBe(before);
  room.run({ type: 'peer.join', peerId, name: 'alice' }, { type: 'peer.close', peerId });
  expect(room.state.version).toBe(before);
});

test('what comes and goes within one step leaves nothing behind', () => {
  const room = new TestRoom();
  const bob = room.guest('bob');
  const peerId = room.id();
  const events = room.events(
    { type: 'peer.join', peerId, name: 'alice' },
    { type: 'peer.close', peerId },
    { type: 'peer.setCapabilities', peerId: bob, capabilities: fullCapabilities },
  );
  expect(events).toEqual([
    'room 0 newpeer',
    `peer ${peerId} close`,
    'room 0 peerclose',
    `peer ${bob} capabilities`,
  ]);
  expect([...room.state.peers.keys()]).toEqual([bob]);
});

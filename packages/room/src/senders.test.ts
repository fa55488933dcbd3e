import { beforeEach, describe, expect, test } from 'vitest';
import { audio, audioCapabilities, TestRoom, video } from '../test/fixtures.ts';
import { fullMediaState, isActive } from './index.ts';

const refusal = (code: string, errorClass: string, field?: string) =>
  expect.objectContaining({ code, errorClass, ...(field === undefined ? {} : { field }) });

let room: TestRoom;
let alice: number;
let bob: number;
let cam: number;
let senderId: number;
let transportId: number;
beforeEach(() => {
  room = new TestRoom();
  alice = room.peer('alice');
  bob = room.peer('bob');
  cam = room.receiver(alice, room.transport(alice), 'video', video(1));
  senderId = room.sender(cam, bob).id;
  transportId = room.transport(bob);
});
const sender = () => room.state.senders.get(senderId)!;
const bind = (more: object = {}) => room.run({ type: 'sender.setTransport', senderId, transportId, ...more });
const types = (decision: { events: readonly { type: string }[] }) => decision.events.map(({ type }) => type);

describe('§8.2 setTransport()', () => {
  test('activechange, then transport; D-23 a key frame', () => {
    const decision = bind();
    expect(decision.events).toEqual([
      { target: { kind: 'rtpsender', id: senderId }, peerId: bob, type: 'activechange', active: true },
      { target: { kind: 'rtpsender', id: senderId }, peerId: bob, type: 'transport', transportId },
    ]);
    expect(decision.keyFrames).toEqual([senderId]);
    expect(sender()).toMatchObject({ transportId, mid: '0', bindings: 1, rtpParameters: { muxId: '0' } });
  });

  test('the same one again: transport only, and nothing is new', () => {
    bind();
    const before = sender();
    const decision = bind();
    expect(types(decision)).toEqual(['transport']);
    expect(sender()).toBe(before);
    expect(decision.keyFrames).toEqual([]);
  });

  test('D-41 offered again: new mid, new binding, no activechange', () => {
    bind();
    const decision = bind({ rebind: true });
    expect(types(decision)).toEqual(['transport']);
    expect(sender()).toMatchObject({ mid: '1', bindings: 2, rtpParameters: { muxId: '1' } });
    expect(decision.keyFrames).toEqual([senderId]);
  });

  test('D-37 mids count up per transport and are never used twice', () => {
    bind();
    const mic = room.receiver(alice, room.transport(alice), 'audio', audio(1));
    const second = room.sender(mic, bob).id;
    room.run({ type: 'sender.setTransport', senderId: second, transportId });
    expect(room.state.senders.get(second)?.mid).toBe('1');
    room.run({ type: 'receiver.close', receiverId: cam });
    const next = room.receiver(alice, room.transport(alice), 'audio', audio(1));
    room.run({ type: 'sender.setTransport', senderId: room.sender(next, bob).id, transportId });
    expect(room.sender(next, bob).mid).toBe('2');
    const other = room.transport(bob);
    room.run({ type: 'sender.setTransport', senderId: second, transportId: other });
    expect(room.state.senders.get(second)?.mid).toBe('0');
  });

  test('mids keep out of the way of what the endpoint sends on the same transport', () => {
    room.receiver(bob, transportId, 'audio', { muxId: '0', ...audio(1) });
    bind();
    expect(sender().mid).toBe('1');
  });

  test('the endpoint may choose the mid (WHEP)', () => {
    bind({ mid: 'audio-0' });
    expect(sender()).toMatchObject({ mid: 'audio-0', bindings: 1 });
    expect(types(bind({ mid: 'audio-0' }))).toEqual(['transport']);
    expect(sender().bindings).toBe(1);
    const mic = room.receiver(alice, room.transport(alice), 'audio', audio(1));
    const take = (mid: string) =>
      room.run({ type: 'sender.setTransport', senderId: room.sender(mic, bob).id, transportId, mid });
    for (const mid of ['audio-0', 'probator', 'datachannel', '']) {
      expect(() => take(mid)).toThrow(refusal('invalid-parameter', 'TypeError', 'mid'));
    }
  });

  test('null unbinds', () => {
    bind();
    expect(types(room.run({ type: 'sender.setTransport', senderId, transportId: null }))).toEqual([
      'activechange',
    ]);
    expect(sender().transportId).toBeNull();
    expect(sender().rtpParameters.muxId).toBeUndefined();
    expect(room.run({ type: 'sender.setTransport', senderId, transportId: null }).changes).toEqual([]);
    bind();
    expect(sender()).toMatchObject({ mid: '1', bindings: 2 });
  });

  test('another peer’s, or a closed one, is refused', () => {
    const alices = room.transport(alice);
    expect(() => bind({ transportId: alices })).toThrow(refusal('transport-not-found', 'Error'));
    room.run({ type: 'transport.close', transportId });
    expect(() => bind()).toThrow(refusal('transport-not-found', 'InvalidStateError'));
  });

  test('what the peer cannot play becomes bound, never active', () => {
    const carol = room.peer('carol', audioCapabilities);
    const decision = room.run({
      type: 'sender.setTransport',
      senderId: room.sender(cam, carol).id,
      transportId: room.transport(carol),
    });
    expect(types(decision)).toEqual(['transport']);
    expect(decision.keyFrames).toEqual([]);
  });
});

describe('§8.2 enable() and disable()', () => {
  test('change active, once', () => {
    bind();
    expect(types(room.run({ type: 'sender.disable', senderId }))).toEqual(['activechange']);
    expect(isActive(sender())).toBe(false);
    expect(room.run({ type: 'sender.disable', senderId }).changes).toEqual([]);
    const enabled = room.run({ type: 'sender.enable', senderId });
    expect(types(enabled)).toEqual(['activechange']);
    expect(enabled.keyFrames).toEqual([senderId]);
    expect(room.run({ type: 'sender.enable', senderId }).changes).toEqual([]);
  });

  test('D-22 emit: false is silent', () => {
    bind();
    expect(types(room.run({ type: 'sender.disable', senderId, emit: false }))).toEqual([]);
    expect(types(room.run({ type: 'sender.enable', senderId, emit: false }))).toEqual([]);
    expect(isActive(sender())).toBe(true);
  });

  test('unbound there is nothing to tell', () => {
    expect(types(room.run({ type: 'sender.disable', senderId }))).toEqual([]);
  });

  test('§8.4 disabled survives rebinding', () => {
    room.run({ type: 'sender.disable', senderId });
    expect(types(bind())).toEqual(['transport']);
    expect(isActive(sender())).toBe(false);
  });
});

describe('§16 what v3 added', () => {
  test('preferred layers', () => {
    room.run({ type: 'sender.setPreferredLayers', senderId, layers: { spatialLayer: 1, temporalLayer: 2 } });
    expect(sender().preferredLayers).toEqual({ spatialLayer: 1, temporalLayer: 2 });
    room.run({ type: 'sender.setPreferredLayers', senderId, layers: { spatialLayer: 0 } });
    expect(sender().preferredLayers).toEqual({ spatialLayer: 0 });
    for (const layers of [{ spatialLayer: -1 }, { spatialLayer: 0, temporalLayer: 0.5 }]) {
      expect(() => room.run({ type: 'sender.setPreferredLayers', senderId, layers })).toThrow(
        refusal('invalid-parameter', 'TypeError'),
      );
    }
    room.run({ type: 'sender.setPreferredLayers', senderId, layers: null });
    expect(sender()).not.toHaveProperty('preferredLayers');
  });

  test('priority', () => {
    room.run({ type: 'sender.setPriority', senderId, priority: 255 });
    expect(sender().priority).toBe(255);
    for (const priority of [0, 256, 1.5, Number.NaN]) {
      expect(() => room.run({ type: 'sender.setPriority', senderId, priority })).toThrow(
        refusal('invalid-parameter', 'TypeError', 'priority'),
      );
    }
  });

  test('hysteresis: the last one set, to the worker too, and back to none', () => {
    bind();
    const toWorker = () => fullMediaState(room.state).put.senders.find(({ id }) => id === senderId);
    const hysteresis = { upMargin: 0.5, downHoldMs: 0 };
    room.run({ type: 'sender.setHysteresis', senderId, hysteresis: { upHoldMs: 1 } });
    room.run({ type: 'sender.setHysteresis', senderId, hysteresis });
    expect(sender().hysteresis).toEqual(hysteresis);
    expect(toWorker()?.hysteresis).toEqual(hysteresis);
    for (const [field, value] of [
      ['upMargin', 2.1],
      ['upMargin', -0.1],
      ['downMargin', 0.6],
      ['upHoldMs', 120_001],
      ['upHoldMs', 1.5],
      ['downHoldMs', 30_001],
      ['downHoldMs', '7'],
    ] as const) {
      const wrong = { [field]: value } as never;
      expect(() => room.run({ type: 'sender.setHysteresis', senderId, hysteresis: wrong })).toThrow(
        refusal('invalid-parameter', 'TypeError', `hysteresis.${field}`),
      );
    }
    const unknown = { margin: 1 } as never;
    expect(() => room.run({ type: 'sender.setHysteresis', senderId, hysteresis: unknown })).toThrow(
      refusal('invalid-parameter', 'TypeError'),
    );
    expect(sender().hysteresis).toEqual(hysteresis);
    room.run({ type: 'sender.setHysteresis', senderId, hysteresis: null });
    expect(sender()).not.toHaveProperty('hysteresis');
    expect(toWorker()).not.toHaveProperty('hysteresis');
  });

  test('requestKeyFrame() asks the source of an active picture', () => {
    expect(room.run({ type: 'sender.requestKeyFrame', senderId }).keyFrames).toEqual([]);
    bind();
    expect(room.run({ type: 'sender.requestKeyFrame', senderId })).toEqual({
      changes: [],
      events: [],
      keyFrames: [senderId],
    });
    const mic = room.receiver(alice, room.transport(alice), 'audio', audio(9));
    const hears = room.sender(mic, bob).id;
    room.run({ type: 'sender.setTransport', senderId: hears, transportId });
    expect(room.run({ type: 'sender.requestKeyFrame', senderId: hears }).keyFrames).toEqual([]);
  });

  test('current layers are stored and told, once', () => {
    const layers = { spatialLayer: 2, temporalLayer: 1 };
    expect(types(room.run({ type: 'sender.layersChanged', senderId, layers }))).toEqual(['layerschange']);
    expect(types(room.run({ type: 'sender.layersChanged', senderId, layers: { ...layers } }))).toEqual([]);
    expect(types(room.run({ type: 'sender.layersChanged', senderId, layers: null }))).toEqual([
      'layerschange',
    ]);
    expect(sender()).not.toHaveProperty('currentLayers');
  });
});

test('D-38 SSRCs are the sender’s own, also when sources share theirs', () => {
  const carol = room.peer('carol');
  const same = room.receiver(carol, room.transport(carol), 'video', video(1));
  const ssrcs = [room.sender(cam, bob), room.sender(same, bob), room.sender(cam, carol)].flatMap(
    ({ ssrc, rtxSsrc }) => [ssrc, rtxSsrc],
  );
  expect(new Set(ssrcs).size).toBe(6);
  expect(sender().rtpParameters.encodings).toMatchObject([
    { ssrc: sender().ssrc, rtx: { ssrc: sender().rtxSsrc } },
  ]);
});

test('a closed sender is InvalidStateError everywhere', () => {
  room.run({ type: 'receiver.close', receiverId: cam });
  const commands = [
    { type: 'sender.setTransport', senderId, transportId },
    { type: 'sender.setTransport', senderId, transportId: null },
    { type: 'sender.enable', senderId },
    { type: 'sender.disable', senderId },
    { type: 'sender.setPreferredLayers', senderId, layers: null },
    { type: 'sender.setPriority', senderId, priority: 1 },
    { type: 'sender.setHysteresis', senderId, hysteresis: null },
    { type: 'sender.requestKeyFrame', senderId },
  ] as const;
  for (const command of commands) {
    expect(() => room.run(command)).toThrow(refusal('sender-not-found', 'InvalidStateError'));
  }
});

describe('§14.8 the scene, as far as the room decides it', () => {
  test('C1 everybody gets a sender of everybody else, with the parameters of the source', () => {
    const scene = new TestRoom();
    const [a, b] = [scene.peer('alice'), scene.peer('bob')];
    const [ta, tb] = [scene.transport(a), scene.transport(b)];
    const source = { ...video(10), rtcp: { cname: 'alicecname' }, userParameters: { a: 1 } };
    const aliceAudio = scene.receiver(a, ta, 'audio', audio(1));
    const aliceVideo = scene.receiver(a, ta, 'video', source);
    const bobVideo = scene.receiver(b, tb, 'video', video(10));
    const sendersOf = (peerId: number) =>
      [...scene.state.senders.values()].filter((record) => record.peerId === peerId);
    expect(sendersOf(a).map(({ receiverId }) => receiverId)).toEqual([bobVideo]);
    expect(sendersOf(b).map(({ receiverId }) => receiverId)).toEqual([aliceAudio, aliceVideo]);
    const { rtpParameters } = sendersOf(b)[1]!;
    expect(rtpParameters.codecs.map(({ name }) => name)).toEqual(['video/VP8', 'video/rtx']);
    expect(rtpParameters.rtcp).toEqual({ cname: 'alicecname', reducedSize: true });
    expect(rtpParameters.userParameters).toEqual({ a: 1 });
    scene.run({ type: 'receiver.close', receiverId: aliceAudio });
    scene.run({ type: 'peer.close', peerId: b });
    expect([...scene.state.senders.values()]).toEqual([]);
    const carol = scene.peer('carol');
    const tc = scene.transport(carol);
    scene.receiver(carol, tc, 'audio', audio(1));
    scene.receiver(carol, tc, 'video', video(2));
    expect(sendersOf(carol).map(({ receiverId }) => receiverId)).toEqual([aliceVideo]);
    expect(sendersOf(a)).toHaveLength(2);
  });
});

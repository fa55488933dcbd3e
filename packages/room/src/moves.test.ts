import { beforeEach, describe, expect, test } from 'vitest';
import { audio, fingerprint, TestRoom, video } from '../test/fixtures.ts';
import { type Decision, fullMediaState, toMediaUpdate } from './index.ts';

let room: TestRoom;
let alice: number;
let bob: number;
let oldSend: number;
let oldRecv: number;
let newSend: number;
let newRecv: number;
let cam: number;
let senderId: number;
beforeEach(() => {
  room = new TestRoom();
  alice = room.peer('alice');
  bob = room.peer('bob');
  oldSend = room.transport(alice, 'pod-a');
  oldRecv = room.transport(bob, 'pod-a');
  cam = room.receiver(alice, oldSend, 'video', { ...video(1), muxId: '0' });
  senderId = room.sender(cam, bob).id;
  room.run({ type: 'sender.setTransport', senderId, transportId: oldRecv });
  newSend = room.transport(alice, 'pod-b');
  newRecv = room.transport(bob, 'pod-b');
});

const receiver = () => room.state.receivers.get(cam)!;
const sender = () => room.state.senders.get(senderId)!;
const moveReceiver = (ssrc = 11): Decision =>
  room.run({
    type: 'receiver.move',
    receiverId: cam,
    transportId: newSend,
    rtpParameters: { ...video(ssrc), muxId: '0' },
  });
const moveSender = (done = false): Decision =>
  room.run({ type: 'sender.move', senderId, transportId: newRecv, done });
const names = (decision: Decision) => decision.events.map(({ target, type }) => `${target.kind} ${type}`);
const on = (podId: string) => fullMediaState(room.state, { podId }).put;

describe('a room moves from one pod to another', () => {
  test('both ends are on both pods until the new one is known to work', () => {
    expect(names(moveReceiver())).toEqual([]);
    expect(on('pod-a').receivers).toMatchObject([
      { id: cam, transportId: oldSend, encodings: [{ ssrc: 1 }] },
    ]);
    expect(on('pod-b').receivers).toMatchObject([
      { id: cam, transportId: newSend, encodings: [{ ssrc: 11 }] },
    ]);
    expect(on('pod-b').senders).toEqual([]);

    const begun = moveSender();
    expect(names(begun)).toEqual([]);
    expect(begun.keyFrames).toEqual([senderId]);
    expect(sender()).toMatchObject({ transportId: oldRecv, bindings: 1, next: { mid: '0', bindings: 2 } });
    expect(on('pod-a').senders).toMatchObject([{ id: senderId, transportId: oldRecv, active: true }]);
    expect(on('pod-b').senders).toMatchObject([
      { id: senderId, transportId: newRecv, mid: '0', active: true },
    ]);
    expect(toMediaUpdate(room.state, begun, { podId: 'pod-b' }).put.senders).toHaveLength(1);

    const done = moveSender(true);
    expect(names(done)).toEqual([
      'rtpsender transport',
      // Nobody needs the old one any more.
      'rtpreceiver transport',
      'rtpreceiver parameterschange',
      'rtpsender parameterschange',
    ]);
    expect(receiver()).toMatchObject({ transportId: newSend, rtpParameters: { encodings: [{ ssrc: 11 }] } });
    expect(receiver().next).toBeUndefined();
    expect(sender()).toMatchObject({ transportId: newRecv, mid: '0', bindings: 2 });
    expect(toMediaUpdate(room.state, done, { podId: 'pod-a' }).remove).toMatchObject({
      receivers: [cam],
      senders: [senderId],
    });
    expect(on('pod-a')).toMatchObject({ receivers: [], senders: [] });
    // Once more: a repeated call changes nothing.
    expect(moveSender(true).changes).toEqual([]);
  });

  test('whoever subscribes first waits there for the source, which begins with a key frame', () => {
    moveSender();
    expect(on('pod-b')).toMatchObject({ receivers: [], senders: [] });
    const moved = moveReceiver();
    expect(moved.keyFrames).toEqual([senderId]);
    expect(toMediaUpdate(room.state, moved, { podId: 'pod-b' })).toMatchObject({
      put: { receivers: [{ id: cam }], senders: [{ id: senderId, transportId: newRecv }] },
      keyFrames: [senderId],
    });
  });

  test('connecting the new transport asks for key frames of what moves there', () => {
    moveSender();
    room.run({ type: 'transport.connect', transportId: newRecv, parameters: { fingerprint } });
    const { keyFrames } = room.run({
      type: 'transport.dtlsChanged',
      transportId: newRecv,
      state: 'connected',
    });
    expect(keyFrames).toEqual([senderId]);
  });

  test('a receiver that nobody is sent arrives at once', () => {
    room.run({ type: 'sender.setTransport', senderId, transportId: null });
    expect(names(moveReceiver())).toEqual([
      'rtpreceiver transport',
      'rtpreceiver parameterschange',
      'rtpsender parameterschange',
    ]);
    expect(receiver().transportId).toBe(newSend);
  });

  test('on one pod there is nothing to wait for', () => {
    newSend = room.transport(alice, 'pod-a');
    newRecv = room.transport(bob, 'pod-a');
    moveReceiver();
    expect(receiver()).toMatchObject({ transportId: newSend });
    expect(names(moveSender())).toEqual(['rtpsender transport']);
    expect(sender()).toMatchObject({ transportId: newRecv, mid: '0' });
  });

  test('mids that are reused there do not collide on the way', () => {
    const mic = room.receiver(alice, oldSend, 'audio', { ...audio(5), muxId: '1' });
    const move = (receiverId: number, rtpParameters: object) =>
      room.run({ type: 'receiver.move', receiverId, transportId: newSend, rtpParameters });
    move(mic, { ...audio(15), muxId: '0' });
    move(cam, { ...video(11), muxId: '1' });
    expect(receiver().next).toMatchObject({ rtpParameters: { muxId: '1' } });
    expect(() => move(cam, { ...video(11), muxId: '0' })).toThrow(/muxId|mid/i);
  });
});

describe('a pod that goes before all have moved', () => {
  test('leaves those who are on their way where they were going', () => {
    moveReceiver();
    moveSender();
    const first = room.run({ type: 'transport.died', transportId: oldSend, reason: 'pod-lost' });
    expect(names(first)).toEqual([
      'transport close',
      'rtpreceiver transport',
      'rtpreceiver parameterschange',
      'rtpsender parameterschange',
    ]);
    const second = room.run({ type: 'transport.died', transportId: oldRecv, reason: 'pod-lost' });
    expect(names(second)).toEqual(['transport close', 'rtpsender transport']);
    expect(sender()).toMatchObject({ transportId: newRecv, bindings: 2, rtpParameters: { muxId: '0' } });
  });

  test('the transport that was left may be closed with its receivers', () => {
    moveReceiver();
    room.run({ type: 'transport.close', transportId: oldSend, closeReceivers: true });
    expect(receiver()).toMatchObject({ transportId: newSend });
  });

  test('a move is forgotten with the transport it went to', () => {
    moveReceiver();
    moveSender();
    room.run({ type: 'transport.died', transportId: newSend, reason: 'pod-lost' });
    room.run({ type: 'transport.died', transportId: newRecv, reason: 'pod-lost' });
    expect(receiver()).toMatchObject({ transportId: oldSend, rtpParameters: { encodings: [{ ssrc: 1 }] } });
    expect(receiver().next).toBeUndefined();
    expect(sender().next).toBeUndefined();
    expect(on('pod-b')).toMatchObject({ receivers: [], senders: [] });
  });
});

import { RoomMediaUpdate } from '@weir/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import { audio, audioCapabilities, fingerprint, ice, TestRoom, video } from '../test/fixtures.ts';
import { type Decision, fullMediaState, isEmptyUpdate, toMediaUpdate } from './index.ts';

let room: TestRoom;
let alice: number;
let bob: number;
let send: number;
let recv: number;
let cam: number;
let senderId: number;
beforeEach(() => {
  room = new TestRoom();
  alice = room.peer('alice');
  bob = room.peer('bob');
  send = room.transport(alice, 'pod-a');
  recv = room.transport(bob, 'pod-a');
  cam = room.receiver(alice, send, 'video', {
    ...video(1),
    muxId: '0',
    headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 9 }],
  });
  senderId = room.sender(cam, bob).id;
});

const update = (decision: Decision, podId?: string) => {
  const result = toMediaUpdate(room.state, decision, podId === undefined ? {} : { podId });
  expect(RoomMediaUpdate.parse(result)).toEqual(result);
  return result;
};

describe('specs', () => {
  test('of a receiver: the endpoint’s numbers, with the room’s beside', () => {
    expect(fullMediaState(room.state).put.receivers).toEqual([
      {
        id: cam,
        peerId: alice,
        transportId: send,
        kind: 'video',
        mid: '0',
        codecs: [
          {
            payloadType: 96,
            roomPayloadType: 110,
            mimeType: 'video/VP8',
            clockRate: 90000,
            channels: 1,
            feedback: { nack: false, pli: false, fir: false, remb: false, transportCc: false },
          },
          {
            payloadType: 97,
            roomPayloadType: 101,
            mimeType: 'video/rtx',
            clockRate: 90000,
            channels: 1,
            apt: 96,
            feedback: { nack: false, pli: false, fir: false, remb: false, transportCc: false },
          },
        ],
        headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 9 }],
        encodings: [{ ssrc: 1, rtxSsrc: 2, codecPayloadType: 96 }],
        cname: `peer-${alice}`,
        paused: false,
        keyFrameRequestDelayMs: 0,
      },
    ]);
  });

  test('of a receiver: feedback that endpoint and room both know', () => {
    const codec = (rtcpFeedback: object[]) => ({
      codecs: [{ name: 'video/VP8', payloadType: 96, clockRate: 90000, rtcpFeedback }],
    });
    const all = [
      { type: 'nack' },
      { type: 'nack', parameter: 'pli' },
      { type: 'ccm', parameter: 'fir' },
      { type: 'goog-remb' },
      { type: 'transport-cc' },
      { type: 'ack', parameter: 'rpsi' },
    ];
    room.run({ type: 'receiver.receive', receiverId: cam, rtpParameters: codec(all) });
    expect(fullMediaState(room.state).put.receivers[0]?.codecs[0]?.feedback).toEqual({
      nack: true,
      pli: true,
      fir: true,
      remb: true,
      transportCc: true,
    });
    const pcmu = { name: 'audio/PCMU', payloadType: 0, clockRate: 8000, rtcpFeedback: [{ type: 'nack' }] };
    const phone = room.guest('phone');
    room.run({
      type: 'peer.setCapabilities',
      peerId: phone,
      capabilities: { codecs: [{ kind: 'audio', ...pcmu }] },
    });
    const mic = room.receiver(phone, room.transport(phone, 'pod-a'), 'audio', { codecs: [pcmu] });
    const spec = fullMediaState(room.state).put.receivers.find(({ id }) => id === mic);
    expect(spec?.codecs[0]?.feedback.nack).toBe(false);
  });

  test('of a sender: its own SSRCs, the room’s numbers, whether it is active', () => {
    room.run({ type: 'sender.setTransport', senderId, transportId: recv });
    const { ssrc, rtxSsrc } = room.state.senders.get(senderId)!;
    const [spec] = fullMediaState(room.state).put.senders;
    expect(spec).toMatchObject({
      id: senderId,
      peerId: bob,
      receiverId: cam,
      transportId: recv,
      kind: 'video',
      mid: '0',
      ssrc,
      rtxSsrc,
      codecs: [
        { payloadType: 110, roomPayloadType: 110, feedback: { nack: true, transportCc: true, remb: false } },
        { payloadType: 101, roomPayloadType: 101, apt: 110 },
      ],
      cname: `peer-${alice}`,
      active: true,
      priority: 1,
    });
    room.run({ type: 'sender.disable', senderId });
    expect(fullMediaState(room.state).put.senders[0]?.active).toBe(false);
  });

  test('of transports', () => {
    const before = fullMediaState(room.state).put.transports[0];
    expect(before).toEqual({
      id: send,
      type: 'webrtc',
      peerId: alice,
      ice,
      udp: true,
      tcp: true,
      maxIncomingBitrate: 0,
      maxOutgoingBitrate: 0,
      minOutgoingBitrate: 0,
      initialOutgoingBitrate: 600_000,
    });
    room.run(
      { type: 'transport.connect', transportId: send, parameters: { role: 'client', fingerprint } },
      { type: 'transport.restartIce', transportId: send, ice: { usernameFragment: 'n', password: 'p' } },
    );
    expect(fullMediaState(room.state).put.transports[0]).toMatchObject({
      dtls: { localRole: 'server', remoteFingerprint: fingerprint },
      ice: { usernameFragment: 'n', password: 'p' },
      previousIce: ice,
    });
    const plainId = room.id();
    const plain = { comedia: false, rtcpMux: true };
    room.run(
      {
        type: 'transport.create',
        peerId: alice,
        transportId: plainId,
        options: { type: 'plain', podId: 'pod-a', ice, udp: true, tcp: false, plain },
      },
      { type: 'transport.connectPlain', transportId: plainId, remote: { ip: '192.0.2.1', port: 4 } },
    );
    expect(fullMediaState(room.state).put.transports.at(-1)).toEqual({
      id: plainId,
      type: 'plain',
      peerId: alice,
      comedia: false,
      rtcpMux: true,
      remote: { ip: '192.0.2.1', port: 4 },
      maxIncomingBitrate: 0,
    });
  });
});

describe('deltas', () => {
  test('lead from the version before to the one after, and carry what changed', () => {
    const decision = room.run({ type: 'sender.setTransport', senderId, transportId: recv });
    const delta = update(decision);
    expect(delta).toMatchObject({
      roomId: 'room',
      base: room.state.version - 1,
      version: room.state.version,
      keyFrames: [senderId],
    });
    expect(delta.put.senders.map(({ id }) => id)).toEqual([senderId]);
    expect(delta.put.transports).toEqual([]);
  });

  test('versions may be the shell’s', () => {
    const decision = room.run({ type: 'receiver.pause', receiverId: cam });
    expect(toMediaUpdate(room.state, decision, { base: 7, version: 8 })).toMatchObject({
      base: 7,
      version: 8,
    });
    expect(fullMediaState(room.state, { version: 8 })).toMatchObject({ base: null, version: 8 });
  });

  test('a key frame alone changes no version', () => {
    room.run({ type: 'sender.setTransport', senderId, transportId: recv });
    const { version } = room.state;
    const delta = update(room.run({ type: 'sender.requestKeyFrame', senderId }));
    expect(delta).toMatchObject({ base: version, version, keyFrames: [senderId] });
    expect(isEmptyUpdate(delta, [])).toBe(false);
  });

  test('what the media side told itself, or has no use for, is not told back', () => {
    const quiet = [
      { type: 'transport.iceChanged', transportId: send, state: 'connected' },
      { type: 'transport.dtlsChanged', transportId: send, state: 'connecting' },
      { type: 'receiver.setAppData', receiverId: cam, appData: { a: 1 } },
      { type: 'peer.join', peerId: 99_999_998, name: 'carol' },
      { type: 'peer.setCapabilities', peerId: 99_999_998, capabilities: {} },
      { type: 'receiver.create', peerId: alice, receiverId: 99_999_997, kind: 'audio', transportId: send },
      { type: 'sender.layersChanged', senderId, layers: { spatialLayer: 1 } },
    ] as const;
    for (const command of quiet) {
      const before = room.state.version;
      const delta = update(room.run(command));
      expect(isEmptyUpdate(delta, [])).toBe(true);
      expect(delta).toMatchObject({ base: before, version: before + 1 });
    }
  });

  test('a quiet change does not hide a loud one of the same step', () => {
    const decision = room.run(
      { type: 'receiver.pause', receiverId: cam },
      { type: 'receiver.setAppData', receiverId: cam, appData: {} },
    );
    expect(update(decision).put.receivers).toMatchObject([{ id: cam, paused: true }]);
  });

  test('changes of several decisions may be told at once', () => {
    const changes = [
      ...room.run({ type: 'receiver.pause', receiverId: cam }).changes,
      ...room.run({ type: 'receiver.close', receiverId: cam }).changes,
    ];
    const delta = toMediaUpdate(room.state, { changes, keyFrames: [senderId] });
    expect(delta.put.receivers).toEqual([]);
    expect(delta.remove).toEqual({ transports: [], receivers: [cam], senders: [senderId] });
    expect(delta.keyFrames).toEqual([]);
  });

  test('D-5 a peer that leaves takes along what it fed', () => {
    room.run({ type: 'sender.setTransport', senderId, transportId: recv });
    const delta = update(room.run({ type: 'peer.close', peerId: alice }));
    expect(delta.remove).toEqual({ transports: [send], receivers: [cam], senders: [senderId] });
    expect(delta.put).toEqual({ transports: [], receivers: [], senders: [] });
  });
});

describe('who is told', () => {
  test('a sender that was never bound concerns nobody; one that was, stays', () => {
    expect(fullMediaState(room.state).put.senders).toEqual([]);
    room.run({ type: 'sender.setTransport', senderId, transportId: recv });
    const delta = update(room.run({ type: 'sender.setTransport', senderId, transportId: null }));
    expect(delta.put.senders).toMatchObject([{ id: senderId, transportId: null, active: false }]);
  });

  test('a peer that cannot play it has a sender without codecs', () => {
    const carol = room.peer('carol', audioCapabilities);
    const deaf = room.sender(cam, carol).id;
    const transportId = room.transport(carol, 'pod-a');
    const delta = update(room.run({ type: 'sender.setTransport', senderId: deaf, transportId }));
    expect(delta.put.senders).toMatchObject([{ id: deaf, codecs: [], active: false }]);
  });

  test('a pod hears of its own transports, and of senders whose receiver is there too', () => {
    const carol = room.peer('carol');
    const far = room.transport(carol, 'pod-b');
    const mic = room.receiver(carol, far, 'audio', audio(3));
    const farSender = room.sender(cam, carol).id;
    room.run({ type: 'sender.setTransport', senderId, transportId: recv });
    room.run({ type: 'sender.setTransport', senderId: farSender, transportId: far });
    const a = fullMediaState(room.state, { podId: 'pod-a' }).put;
    const b = fullMediaState(room.state, { podId: 'pod-b' }).put;
    expect(a.transports.map(({ id }) => id)).toEqual([send, recv]);
    expect(a.receivers.map(({ id }) => id)).toEqual([cam]);
    expect(a.senders.map(({ id }) => id)).toEqual([senderId]);
    expect(b.transports.map(({ id }) => id)).toEqual([far]);
    expect(b.receivers.map(({ id }) => id)).toEqual([mic]);
    expect(b.senders).toEqual([]);
  });

  test('when a receiver moves to another pod, its senders go with it', () => {
    room.run({ type: 'sender.setTransport', senderId, transportId: recv });
    const elsewhere = room.transport(alice, 'pod-b');
    const decision = room.run({ type: 'receiver.setTransport', receiverId: cam, transportId: elsewhere });
    expect(update(decision, 'pod-a').remove).toEqual({
      transports: [],
      receivers: [cam],
      senders: [senderId],
    });
    expect(update(decision, 'pod-b').put.receivers.map(({ id }) => id)).toEqual([cam]);
    const paused = room.run(
      { type: 'receiver.setTransport', receiverId: cam, transportId: send },
      { type: 'receiver.pause', receiverId: cam },
      { type: 'receiver.setTransport', receiverId: cam, transportId: elsewhere },
      { type: 'receiver.resume', receiverId: cam },
    );
    expect(update(paused, 'pod-a').remove.senders).toEqual([senderId]);
    const back = room.run({ type: 'receiver.setTransport', receiverId: cam, transportId: send });
    expect(update(back, 'pod-a').put.senders.map(({ id }) => id)).toEqual([senderId]);
  });
});

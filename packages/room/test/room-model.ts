import fc from 'fast-check';
import type { RoomCommand, RoomState } from '../src/index.ts';
import {
  audio,
  audioCapabilities,
  fingerprint,
  fullCapabilities,
  ice,
  mediaCodecs,
  video,
} from './fixtures.ts';

/** A command in general terms: `picks` choose among what the room has at that moment. */
export interface Step {
  readonly action: keyof typeof actions;
  readonly picks: readonly [number, number, number];
}

// Without bias: small numbers would choose the special cases most of the time.
const pick = fc.noBias(fc.nat(1_000_000));

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.oneof(
    ...weights().map(([action, weight]) => ({ arbitrary: fc.constant(action), weight })),
  ) as fc.Arbitrary<keyof typeof actions>,
  picks: fc.tuple(pick, pick, pick),
});

/** What happens in a room: mostly one thing at a time, sometimes several as one. */
export const script: fc.Arbitrary<Step[][]> = fc.noBias(
  fc.array(
    fc.oneof(
      { arbitrary: step.map((one) => [one]), weight: 9 },
      { arbitrary: fc.array(step, { minLength: 2, maxLength: 4 }), weight: 1 },
    ),
    { minLength: 12, maxLength: 40, size: 'max' },
  ),
);

/** Peers who publish and have a second transport to receive with, so that the script starts in the middle of life. */
export function prelude(newId: () => number): RoomCommand[][] {
  return ['alice', 'bob', 'carol'].map((name, index) => {
    const peerId = newId();
    const options = { podId: index === 2 ? 'pod-b' : 'pod-a', ice, udp: true, tcp: true };
    const [transportId, mic, cam] = [newId(), newId(), newId()];
    return [
      { type: 'peer.join', peerId, name },
      { type: 'peer.setCapabilities', peerId, capabilities: fullCapabilities },
      { type: 'transport.create', peerId, transportId, options },
      { type: 'transport.create', peerId, transportId: newId(), options },
      // And one to move to.
      { type: 'transport.create', peerId, transportId: newId(), options: { ...options, podId: 'pod-c' } },
      { type: 'receiver.create', peerId, receiverId: mic, kind: 'audio', transportId },
      { type: 'receiver.receive', receiverId: mic, rtpParameters: audio(100) },
      { type: 'receiver.create', peerId, receiverId: cam, kind: 'video', transportId },
      { type: 'receiver.receive', receiverId: cam, rtpParameters: video(200) },
    ];
  });
}

export function toCommands({ action, picks }: Step, state: RoomState, newId: () => number): RoomCommand[] {
  const [a, b, c] = picks;
  return [actions[action](new Picker(state, newId), a, b, c)].flat();
}

/** Chooses existing objects, and sometimes ones that never were. */
class Picker {
  readonly state: RoomState;
  readonly newId: () => number;

  constructor(state: RoomState, newId: () => number) {
    this.state = state;
    this.newId = newId;
  }

  peer = (n: number) => this.#of(this.state.peers, n);
  transport = (n: number) => this.#of(this.state.transports, n);
  receiver = (n: number) => this.#of(this.state.receivers, n);
  sender = (n: number) => this.#of(this.state.senders, n);

  /** Mostly one of the object's own peer. */
  transportFor(peerId: number | undefined, n: number): number {
    const own = [...this.state.transports.values()].filter((record) => record.peerId === peerId);
    return own.length > 0 && n % 8 !== 0 ? own[n % own.length]!.id : this.transport(n);
  }

  /** Mostly one that carries the object not. */
  otherTransportFor(object: { peerId: number; transportId: number | null } | undefined, n: number): number {
    const own = [...this.state.transports.values()].filter(
      ({ id, peerId }) => peerId === object?.peerId && id !== object.transportId,
    );
    return own.length > 0 ? own[n % own.length]!.id : this.transport(n);
  }

  #of(records: ReadonlyMap<number, unknown>, n: number): number {
    if (records.size === 0 || n % 50 === 49) return 12_345_678;
    return [...records.keys()][n % records.size]!;
  }
}

const parameters: readonly ((ssrc: number) => unknown)[] = [
  (ssrc) => audio(ssrc),
  (ssrc) => video(ssrc),
  (ssrc) => video(ssrc),
  (ssrc) => ({ ...video(ssrc), muxId: `m${ssrc % 5}`, rtcp: { cname: 'given' } }),
  (ssrc) => ({
    muxId: String(ssrc),
    codecs: video(1).codecs,
    encodings: [{ encodingId: 'r0' }, { encodingId: 'r1', scalabilityMode: 'L1T3' }],
  }),
  (ssrc) => ({
    codecs: [
      ...video(1).codecs,
      { name: 'video/H264', payloadType: 98, clockRate: 90000, parameters: { packetizationMode: 1 } },
    ],
    encodings: [
      { ssrc, codecPayloadType: 98 },
      { ssrc: ssrc + 1, codecPayloadType: 96 },
    ],
    headerExtensions: [
      { uri: 'urn:3gpp:video-orientation', id: 3 },
      { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 9 },
    ],
  }),
  () => ({ codecs: [{ name: 'audio/PCMU', payloadType: 0, clockRate: 8000 }] }),
  () => ({ codecs: [{ name: 'video/VP9', payloadType: 98, clockRate: 90000 }] }),
  () => ({ codecs: [] }),
  () => undefined,
];

const capabilities: readonly unknown[] = [
  fullCapabilities,
  fullCapabilities,
  fullCapabilities,
  audioCapabilities,
  { codecs: [mediaCodecs[2]], headerExtensions: fullCapabilities.headerExtensions },
  { codecs: [mediaCodecs[3], mediaCodecs[1]] },
  { codecs: [mediaCodecs[0], mediaCodecs[0]] },
  {},
  'none',
];

const names = ['alice', 'bob', 'carol', 'dave', ''];
const kinds = ['audio', 'video', 'video', 'video', 'depth', 'chicken'];
const pods = ['pod-a', 'pod-a', 'pod-b', 'pod-c'];
const at = <T>(list: readonly T[], n: number): T => list[n % list.length]!;

const actions = {
  join: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'peer.join',
    peerId: room.newId(),
    name: at(names, a),
    replace: b % 4 === 0,
  }),
  setCapabilities: (room: Picker, a: number, b: number, c: number): RoomCommand => ({
    type: 'peer.setCapabilities',
    peerId: room.peer(a),
    capabilities: at(capabilities, b),
    ...(c % 5 === 0 ? { sendCapabilities: at(capabilities, c) } : {}),
  }),
  leave: (room: Picker, a: number): RoomCommand => ({ type: 'peer.close', peerId: room.peer(a) }),
  createTransport: (room: Picker, a: number, b: number, c: number): RoomCommand => ({
    type: 'transport.create',
    peerId: room.peer(a),
    transportId: room.newId(),
    options: {
      podId: at(pods, b),
      ice,
      udp: c % 20 !== 0,
      tcp: c % 3 === 0,
      type: c % 9 === 1 ? 'plain' : 'webrtc',
    },
  }),
  connect: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'transport.connect',
    transportId: room.transport(a),
    parameters: at([{ fingerprint }, { role: 'client', fingerprint }, { role: 'chicken' }, null], b),
    repeatable: b % 2 === 0,
  }),
  restartIce: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'transport.restartIce',
    transportId: room.transport(a),
    ice: { usernameFragment: String(b), password: 'p' },
  }),
  setBitrates: (room: Picker, a: number, b: number, c: number): RoomCommand => ({
    type: 'transport.setBitrates',
    transportId: room.transport(a),
    maxOutgoingBitrate: b * 1000,
    minOutgoingBitrate: c * 1000,
  }),
  setMaxLoudestAudio: (_room: Picker, a: number): RoomCommand => ({
    type: 'room.setMaxLoudestAudio',
    maxLoudestAudio: (a % 5) - 1,
  }),
  closeTransport: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'transport.close',
    transportId: room.transport(a),
    closeReceivers: b % 2 === 0,
  }),
  dieTransport: (room: Picker, a: number): RoomCommand => ({
    type: 'transport.died',
    transportId: room.transport(a),
    reason: 'pod-lost',
  }),
  createReceiver: (room: Picker, a: number, b: number, c: number): RoomCommand => {
    const peerId = room.peer(a);
    return {
      type: 'receiver.create',
      peerId,
      receiverId: room.newId(),
      kind: at(kinds, b),
      transportId: room.transportFor(peerId, c),
      paused: b % 7 === 0,
    };
  },
  publish: (room: Picker, a: number, b: number, c: number): RoomCommand[] => {
    const peerId = room.peer(a);
    const receiverId = room.newId();
    const sound = b % 3 === 0;
    return [
      {
        type: 'receiver.create',
        peerId,
        receiverId,
        kind: sound ? 'audio' : 'video',
        transportId: room.transportFor(peerId, c),
      },
      {
        type: 'receiver.receive',
        receiverId,
        rtpParameters: sound ? audio(1 + (c % 40)) : at(parameters, 1 + (b % 5))(1 + (c % 40)),
      },
    ];
  },
  receive: (room: Picker, a: number, b: number, c: number): RoomCommand => ({
    type: 'receiver.receive',
    receiverId: room.receiver(a),
    rtpParameters: at(parameters, b)(1 + (c % 40)),
  }),
  moveReceiver: (room: Picker, a: number, b: number): RoomCommand => {
    const receiverId = room.receiver(a);
    const peerId = room.state.receivers.get(receiverId)?.peerId;
    return { type: 'receiver.setTransport', receiverId, transportId: room.transportFor(peerId, b) };
  },
  /** Always another transport of the peer, if it has one: mostly one that carries the like. */
  carryReceiver: (room: Picker, a: number, b: number, c: number): RoomCommand => {
    const receiverId = room.receiver(a);
    const receiver = room.state.receivers.get(receiverId);
    const rtpParameters = receiver?.kind === 'audio' ? audio(50 + (c % 40)) : video(50 + 2 * (c % 40));
    const transportId = room.otherTransportFor(receiver, b);
    return { type: 'receiver.move', receiverId, transportId, rtpParameters };
  },
  carrySender: (room: Picker, a: number, b: number): RoomCommand => {
    const senderId = room.sender(a);
    const sender = room.state.senders.get(senderId);
    const transportId = sender?.next?.transportId ?? room.otherTransportFor(sender, b);
    return { type: 'sender.move', senderId, transportId, done: b % 2 === 0 };
  },
  pause: (room: Picker, a: number): RoomCommand => ({ type: 'receiver.pause', receiverId: room.receiver(a) }),
  resume: (room: Picker, a: number): RoomCommand => ({
    type: 'receiver.resume',
    receiverId: room.receiver(a),
  }),
  appData: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'receiver.setAppData',
    receiverId: room.receiver(a),
    appData: { b },
  }),
  closeReceiver: (room: Picker, a: number): RoomCommand => ({
    type: 'receiver.close',
    receiverId: room.receiver(a),
  }),
  bind: (room: Picker, a: number, b: number, c: number): RoomCommand => {
    const senderId = room.sender(a);
    const peerId = room.state.senders.get(senderId)?.peerId;
    return {
      type: 'sender.setTransport',
      senderId,
      transportId: c % 12 === 0 ? null : room.transportFor(peerId, b),
      rebind: c % 5 === 0,
      ...(c % 9 === 4 ? { mid: `m${b % 3}` } : {}),
    };
  },
  enable: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'sender.enable',
    senderId: room.sender(a),
    emit: b % 4 !== 0,
  }),
  disable: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'sender.disable',
    senderId: room.sender(a),
    emit: b % 4 !== 0,
  }),
  layers: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'sender.setPreferredLayers',
    senderId: room.sender(a),
    layers: b % 3 === 0 ? null : { spatialLayer: b % 3 },
  }),
  priority: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'sender.setPriority',
    senderId: room.sender(a),
    priority: b % 300,
  }),
  keyFrame: (room: Picker, a: number): RoomCommand => ({
    type: 'sender.requestKeyFrame',
    senderId: room.sender(a),
  }),
  ice: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'transport.iceChanged',
    transportId: room.transport(a),
    state: at(['connected', 'completed', 'disconnected'] as const, b),
  }),
  dtls: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'transport.dtlsChanged',
    transportId: room.transport(a),
    state: at(['connecting', 'connected', 'failed', 'closed'] as const, b),
  }),
  currentLayers: (room: Picker, a: number, b: number): RoomCommand => ({
    type: 'sender.layersChanged',
    senderId: room.sender(a),
    layers: b % 3 === 0 ? null : { spatialLayer: b % 3, temporalLayer: 1 },
  }),
  /** Rarely: little can happen after it. */
  closeRoom: (_room: Picker, a: number): RoomCommand[] => (a % 4 === 0 ? [{ type: 'room.close' }] : []),
};

/** What makes a room full of senders comes more often than what empties it. */
function weights(): [string, number][] {
  const often: Record<string, number> = {
    join: 5,
    setCapabilities: 6,
    createTransport: 6,
    publish: 14,
    receive: 6,
    bind: 20,
    enable: 6,
    disable: 5,
    carryReceiver: 8,
    carrySender: 10,
    leave: 1,
    closeTransport: 2,
    closeReceiver: 2,
    dieTransport: 1,
    closeRoom: 1,
  };
  return [
    'join setCapabilities leave createTransport connect restartIce setBitrates closeTransport dieTransport publish',
    'carryReceiver carrySender createReceiver receive moveReceiver pause resume appData closeReceiver bind enable disable layers priority',
    'keyFrame ice dtls currentLayers closeRoom',
  ]
    .join(' ')
    .split(' ')
    .map((action) => [action, often[action] ?? 3]);
}

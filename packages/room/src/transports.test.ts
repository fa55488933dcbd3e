import type { TransportTuple } from '@weir/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import { audio, fingerprint, ice, TestRoom, video } from '../test/fixtures.ts';

const refusal = (code: string, errorClass: string, field?: string) =>
  expect.objectContaining({ code, errorClass, ...(field === undefined ? {} : { field }) });

let room: TestRoom;
let alice: number;
let transportId: number;
beforeEach(() => {
  room = new TestRoom();
  alice = room.guest('alice');
  transportId = room.transport(alice);
});
const transport = () => room.state.transports.get(transportId)!;

test('P1 a transport is made before capabilities are set, and announced to its peer', () => {
  const id = room.id();
  const decision = room.run({
    type: 'transport.create',
    peerId: alice,
    transportId: id,
    options: { podId: 'p', ice, udp: true, tcp: false, direction: 'send', appData: { x: 1 } },
  });
  expect(decision.events).toMatchObject([
    { type: 'newtransport', target: { kind: 'peer', id: alice }, peerId: alice, transport: { id } },
  ]);
  expect(room.state.transports.get(id)).toMatchObject({
    type: 'webrtc',
    direction: 'send',
    podId: 'p',
    tcp: false,
    iceState: 'new',
    dtlsState: 'new',
    dtlsLocalRole: 'auto',
    initialOutgoingBitrate: 600_000,
    appData: { x: 1 },
  });
});

test('P2 neither UDP nor TCP is refused', () => {
  const options = { podId: '', ice, udp: false, tcp: false };
  expect(() =>
    room.run({ type: 'transport.create', peerId: alice, transportId: room.id(), options }),
  ).toThrow('could not open any IP:port');
});

describe('§6.4 setRemoteDtlsParameters()', () => {
  const connect = (parameters: unknown, repeatable = false) =>
    room.run({ type: 'transport.connect', transportId, parameters, repeatable });

  test.for([
    ['T1', 'server', 'client'],
    ['T2', 'auto', 'client'],
    ['T3', undefined, 'client'],
    ['§6.4', 'client', 'server'],
  ] as const)('%s remote role %s: ours is %s', ([, role, ours]) => {
    const { events } = connect(role === undefined ? { fingerprint } : { role, fingerprint });
    expect(transport()).toMatchObject({ dtlsLocalRole: ours, dtlsRemoteFingerprint: fingerprint });
    expect(events).toEqual([]);
  });

  test('T4 T5 what is wrong is refused, and the role stays auto', () => {
    expect(() => connect({ role: 'chicken', fingerprint })).toThrow(
      refusal('invalid-parameter', 'Error', 'dtlsParameters.role'),
    );
    expect(() => connect({ role: 'client' })).toThrow(
      refusal('invalid-parameter', 'Error', 'dtlsParameters.fingerprint'),
    );
    expect(transport().dtlsLocalRole).toBe('auto');
    connect({ fingerprint });
    expect(transport().dtlsLocalRole).toBe('client');
  });

  test('D-16 only once; a repetition may be allowed', () => {
    connect({ role: 'client', fingerprint });
    const other = { ...fingerprint, value: 'cd'.repeat(32) };
    expect(() => connect({ fingerprint })).toThrow(refusal('invalid-state', 'Error'));
    expect(() => connect({ fingerprint })).toThrow('method already called');
    expect(() => connect({ fingerprint: other }, true)).toThrow('method already called');
    expect(
      connect({ fingerprint: { ...fingerprint, value: 'AB:'.repeat(32).slice(0, -1) } }, true).changes,
    ).toEqual([]);
  });

  test('a closed transport is InvalidStateError', () => {
    room.run({ type: 'transport.close', transportId });
    expect(() => connect({ fingerprint })).toThrow(refusal('transport-not-found', 'InvalidStateError'));
  });
});

test('D-15 an ICE restart keeps the old credentials, and says nothing', () => {
  const fresh = { usernameFragment: 'new', password: 'newer' };
  expect(room.events({ type: 'transport.restartIce', transportId, ice: fresh })).toEqual([]);
  expect(transport()).toMatchObject({ ice: fresh, previousIce: ice });
});

describe('D-14 bitrates', () => {
  const set = (limits: object) => room.run({ type: 'transport.setBitrates', transportId, ...limits });
  test.for([
    [0, 0],
    [1, 10_000],
    [9_999, 10_000],
    [10_001, 10_001],
  ] as const)('%i counts as %i', ([given, kept]) => {
    set({ maxIncomingBitrate: 5_000_000 });
    set({ maxIncomingBitrate: given });
    expect(transport().maxIncomingBitrate).toBe(kept);
    expect(transport().maxOutgoingBitrate).toBe(0);
  });
  test.for([-1, 1.5, '100000', null, 2 ** 32])('%j is refused', (value) => {
    for (const name of ['maxIncomingBitrate', 'maxOutgoingBitrate', 'minOutgoingBitrate']) {
      expect(() => set({ [name]: value })).toThrow(refusal('invalid-parameter', 'Error', name));
    }
  });
  test('the floor is not above the ceiling', () => {
    set({ maxOutgoingBitrate: 1_000_000 });
    expect(() => set({ minOutgoingBitrate: 2_000_000 })).toThrow(
      refusal('invalid-parameter', 'Error', 'minOutgoingBitrate'),
    );
    set({ minOutgoingBitrate: 2_000_000, maxOutgoingBitrate: 0 });
    expect(transport()).toMatchObject({ minOutgoingBitrate: 2_000_000, maxOutgoingBitrate: 0 });
  });
});

describe('§16 plain transports', () => {
  const plain = (options: { comedia: boolean; rtcpMux: boolean }) => {
    transportId = room.id();
    room.run({
      type: 'transport.create',
      peerId: alice,
      transportId,
      options: { type: 'plain', podId: '', ice, udp: true, tcp: false, plain: options },
    });
  };
  const connect = (remote: { ip: string; port: number; rtcpPort?: number }) =>
    room.run({ type: 'transport.connectPlain', transportId, remote });

  test('are told where the other end is, once', () => {
    plain({ comedia: false, rtcpMux: true });
    expect(() => connect({ ip: '192.0.2.1', port: 0 })).toThrow(
      refusal('invalid-parameter', 'Error', 'port'),
    );
    expect(() => connect({ ip: '192.0.2.1', port: 5000, rtcpPort: 5001 })).toThrow(
      refusal('invalid-parameter', 'Error', 'rtcpPort'),
    );
    connect({ ip: '192.0.2.1', port: 5000 });
    expect(transport().plain?.remote).toEqual({ ip: '192.0.2.1', port: 5000 });
    expect(() => connect({ ip: '192.0.2.1', port: 5000 })).toThrow(refusal('invalid-state', 'Error'));
  });

  test('need the RTCP port without rtcpMux', () => {
    plain({ comedia: false, rtcpMux: false });
    expect(() => connect({ ip: '192.0.2.1', port: 5000 })).toThrow(
      refusal('invalid-parameter', 'Error', 'rtcpPort'),
    );
    connect({ ip: '192.0.2.1', port: 5000, rtcpPort: 5001 });
  });

  test('learn it themselves with comedia', () => {
    plain({ comedia: true, rtcpMux: true });
    expect(() => connect({ ip: '192.0.2.1', port: 5000 })).toThrow(refusal('invalid-state', 'Error'));
  });

  test('have no DTLS, and the others no address', () => {
    const webrtc = transportId;
    plain({ comedia: false, rtcpMux: true });
    expect(() => room.run({ type: 'transport.connect', transportId, parameters: { fingerprint } })).toThrow(
      refusal('invalid-state', 'Error'),
    );
    transportId = webrtc;
    expect(() => connect({ ip: '192.0.2.1', port: 5000 })).toThrow(refusal('invalid-state', 'Error'));
  });
});

describe('what the media side reports', () => {
  const tuple: TransportTuple = {
    localIP: '192.0.2.1',
    localPort: 1,
    remoteIP: '192.0.2.2',
    remotePort: 2,
    protocol: 'udp',
  };

  test('is stored and told to the peer', () => {
    expect(
      room.events(
        { type: 'transport.tupleChanged', transportId, tuple },
        { type: 'transport.iceChanged', transportId, state: 'connected' },
        { type: 'transport.dtlsChanged', transportId, state: 'connecting' },
        { type: 'transport.dtlsChanged', transportId, state: 'connected', remoteCert: 'PEM' },
      ),
    ).toEqual([
      `transport ${transportId} iceselectedtuplechange`,
      `transport ${transportId} icestatechange`,
      `transport ${transportId} dtlsstatechange`,
      `transport ${transportId} dtlsstatechange`,
    ]);
    expect(transport()).toMatchObject({
      iceSelectedTuple: tuple,
      iceState: 'connected',
      dtlsState: 'connected',
      dtlsRemoteCert: 'PEM',
    });
  });

  test('is nothing if it is no news, or about nobody', () => {
    room.run({ type: 'transport.iceChanged', transportId, state: 'connected' });
    room.run({ type: 'transport.dtlsChanged', transportId, state: 'connecting' });
    const nothing = { changes: [], events: [], keyFrames: [] };
    expect(room.run({ type: 'transport.iceChanged', transportId, state: 'connected' })).toEqual(nothing);
    expect(room.run({ type: 'transport.dtlsChanged', transportId, state: 'connecting' })).toEqual(nothing);
    expect(room.run({ type: 'transport.iceChanged', transportId: 1, state: 'completed' })).toEqual(nothing);
    expect(room.run({ type: 'transport.tupleChanged', transportId: 1, tuple })).toEqual(nothing);
    expect(room.run({ type: 'transport.dtlsChanged', transportId: 1, state: 'failed' })).toEqual(nothing);
    expect(room.run({ type: 'transport.died', transportId: 1, reason: 'x' })).toEqual(nothing);
    expect(room.run({ type: 'sender.layersChanged', senderId: 1, layers: null })).toEqual(nothing);
  });

  test('D-23 DTLS connected: a key frame for the active pictures bound there', () => {
    const bob = room.peer('bob');
    const bobs = room.transport(bob);
    const cam = room.receiver(bob, bobs, 'video', video(1));
    const second = room.receiver(bob, bobs, 'video', video(3));
    const mic = room.receiver(bob, bobs, 'audio', audio(5));
    const carol = room.peer('carol');
    const carols = room.transport(carol);
    for (const receiver of [cam, second, mic]) {
      const senderId = room.sender(receiver, carol).id;
      room.run({ type: 'sender.setTransport', senderId, transportId: carols });
    }
    room.run({ type: 'sender.disable', senderId: room.sender(second, carol).id });
    const { keyFrames } = room.run({
      type: 'transport.dtlsChanged',
      transportId: carols,
      state: 'connected',
    });
    expect(keyFrames).toEqual([room.sender(cam, carol).id]);
  });

  test('§1.6 a transport that dies unbinds what it carried, and the peer lives', () => {
    const decision = room.run({ type: 'transport.died', transportId, reason: 'pod-lost' });
    expect(decision.events).toEqual([
      { target: { kind: 'transport', id: transportId }, peerId: alice, type: 'close', reason: 'pod-lost' },
    ]);
    expect(room.state.peers.has(alice)).toBe(true);
  });
});

import type { RoomMediaUpdate } from '@weir/protocol';
import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { receiverSpec } from './specs.ts';
import { roomId, WorkerHost, workerTcpPort } from './worker-host.ts';

describe('transports', () => {
  it('tell their way in the order of the object model', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { spec } = host.connected();
    host.clock.runFor(500);
    const steps = host.happenings.map((h) =>
      h.type === 'transport.ice' || h.type === 'transport.dtls' ? `${h.type} ${h.state}` : h.type,
    );
    expect(steps[0]).toBe('transport.tuple');
    expect(steps.filter((step) => step !== 'transport.tuple')).toEqual([
      'transport.ice connected',
      ...(steps.indexOf('transport.dtls connecting') < steps.indexOf('transport.ice completed')
        ? ['transport.dtls connecting', 'transport.ice completed']
        : ['transport.ice completed', 'transport.dtls connecting']),
      'transport.dtls connected',
    ]);
    expect(host.of('transport.tuple')[0]).toMatchObject({
      transportId: spec.id,
      tuple: { localIP: '198.51.100.1', localPort: 44_444, remotePort: 5000, protocol: 'udp' },
    });
    expect(host.of('transport.dtls').at(-1)!.remoteCert).toContain('BEGIN CERTIFICATE');
  });

  it('move with the viewer to a new address without losing the stream', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { viewer, endpoint, transport } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(1000);
    const moved = host.socket();
    endpoint.addSocket(moved);
    endpoint.ice.nominate(moved);
    host.clock.runFor(1000);
    expect(host.of('transport.tuple').at(-1)).toMatchObject({
      transportId: transport.id,
      tuple: { remoteIP: moved.address.ip },
    });
    const before = viewer.got.size;
    host.clock.runFor(1000);
    expect(viewer.got.size).toBeGreaterThan(before + 100);
    expect(viewer.holes).toEqual([]);
    expect(host.network.counters('198.51.100.1', moved.address.ip).offered).toBeGreaterThan(200);
  });

  it('follow a publisher whose media comes from another of its addresses', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams, endpoint, transport, socket } = publish(host);
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(500);
    const moved = host.socket();
    endpoint.addSocket(moved);
    endpoint.ice.nominate(moved);
    host.clock.runFor(1000);
    expect(viewer.holes).toEqual([]);
    expect(streams[0]!.reports.length).toBeGreaterThan(0);
    expect(host.of('transport.tuple').at(-1)!.tuple.remoteIP).toBe(moved.address.ip);
    // Media from the old address, still known: the way back follows it.
    host.network.setPolicy(moved.address.ip, '198.51.100.1', { loss: 1 });
    endpoint.ice.pauseConsent();
    streams[0]!.stop();
    const sealed: Uint8Array[] = [];
    host.network.onSend = (data, from) => {
      if (from.ip === moved.address.ip && data[0]! >= 128 && data[0]! < 192) sealed.push(data.slice());
    };
    streams[0]!.sendFrame();
    for (const data of sealed) socket.send(data, '198.51.100.1', 44_444);
    host.clock.runFor(100);
    expect(host.of('transport.tuple').at(-1)).toMatchObject({
      transportId: transport.id,
      tuple: { remoteIP: socket.address.ip },
    });
  });

  it('that the endpoint closes are told as closed, are gone, and do not come back with the same state', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams, endpoint, transport } = publish(host);
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(500);
    streams[0]!.stop();
    endpoint.close();
    host.clock.runFor(100);
    expect(host.of('transport.dtls').at(-1)).toMatchObject({ transportId: transport.id, state: 'closed' });
    expect(host.of('transport.closed')).toHaveLength(1);
    expect(host.of('transport.closed')[0]).toMatchObject({ transportId: transport.id });
    expect(host.stats('transports', transport.id)).toEqual([]);
    expect(host.stats('receivers', receiver.id)).toHaveLength(1);
    const got = viewer.got.size;
    host.update({ transports: [{ ...transport, maxIncomingBitrate: 1_000_000 }] });
    expect(host.stats('transports', transport.id)).toEqual([]);
    host.clock.runFor(1000);
    expect(viewer.got.size).toBe(got);
    host.update({ remove: { transports: [transport.id] } });
    // The receiver outlives it and works again over another.
    const next = host.connected({ peerId: transport.peerId });
    host.update({ receivers: [{ ...receiver, transportId: next.spec.id }] });
    const seen = host.happenings.length;
    expect(seen).toBeGreaterThan(0);
    next.endpoint.onRtcp = (data) => streams[0]!.handleRtcp(data);
    const stream = new (streams[0]!.constructor as typeof import('./publisher.ts').VideoStream)(
      host,
      next.endpoint,
      { ssrc: 1111, rtxSsrc: 1112, firstSequence: 9 },
    );
    next.endpoint.onRtcp = (data) => stream.handleRtcp(data);
    stream.start();
    host.clock.runFor(1000);
    expect(viewer.got.size).toBeGreaterThan(got + 80);
    expect(viewer.holes).toEqual([]);
  });

  it('that lose consent are told as disconnected, and go on where they were when it returns', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { viewer, endpoint, transport } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(1000);
    endpoint.ice.pauseConsent();
    viewer.nacks = false;
    host.clock.runFor(40_000);
    const state = () => host.of('transport.ice').at(-1);
    expect(state()).toMatchObject({ transportId: transport.id, state: 'disconnected' });
    const got = viewer.got.size;
    host.clock.runFor(1000);
    expect(viewer.got.size).toBe(got);
    endpoint.ice.resumeConsent();
    host.clock.runFor(1000);
    expect(state()!.state).not.toBe('disconnected');
    expect(host.of('transport.closed')).toEqual([]);
    expect(viewer.got.size).toBeGreaterThan(got + 80);
    // Same keys, so the numbers must go on; and there is no gap to repair.
    expect(viewer.holes).toEqual([]);
    expect(endpoint.unauthentic).toBe(0);
  });

  it('that are removed say goodbye, and their senders are unbound', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 }, replay: { maxPackets: 0 } });
    const { receiver, streams } = publish(host);
    const { viewer, endpoint, sender, transport } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(500);
    host.update({
      remove: { transports: [transport.id] },
      senders: [{ ...sender, transportId: null, active: false }],
    });
    host.clock.runFor(200);
    expect(endpoint.state).toBe('closed');
    const got = viewer.got.size;
    host.clock.runFor(500);
    expect(viewer.got.size).toBe(got);
    expect(host.of('transport.closed')).toEqual([]);
    // A new transport: other keys, other numbers, and a key frame to begin with.
    const next = host.connected();
    next.endpoint.onRtp = (packet) => {
      const view = new DataView(packet.buffer, packet.byteOffset);
      expect(view.getUint32(8)).toBe(sender.ssrc);
      received.push(view.getUint16(2));
    };
    const received: number[] = [];
    const keyFrames = streams[0]!.keyFrames;
    host.update({ senders: [{ ...sender, transportId: next.spec.id, mid: '1' }] });
    host.clock.runFor(500);
    expect(streams[0]!.keyFrames).toBe(keyFrames + 1);
    expect(received.length).toBeGreaterThan(40);
    expect(received[0]).toBeLessThan(32_768);
    expect(next.endpoint.unauthentic).toBe(0);
  });

  it('accept an ICE restart and go on', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { viewer, endpoint, transport } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(1000);
    const ice = { usernameFragment: 'restarted', password: 'another-password-of-32-characters' };
    host.update({ transports: [{ ...transport, ice, previousIce: transport.ice }] });
    endpoint.ice.restart(ice);
    host.clock.runFor(40_000);
    expect(endpoint.state).toBe('connected');
    expect(viewer.holes).toEqual([]);
    expect(host.of('transport.closed')).toEqual([]);
  });

  it('over TCP die with their connection', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { spec, socket } = host.connected({ tcp: true }, workerTcpPort);
    expect(host.of('transport.tuple')[0]!.tuple.protocol).toBe('tcp');
    const { ip, port } = socket.address;
    host.worker.handleTcpClosed({ ip, port: port + 1, protocol: 'tcp' }, host.clock.now());
    host.worker.handleTcpClosed({ ip, port, protocol: 'udp' }, host.clock.now());
    host.settle();
    expect(host.of('transport.closed')).toEqual([]);
    host.worker.handleTcpClosed({ ip, port, protocol: 'tcp' }, host.clock.now());
    host.settle();
    expect(host.of('transport.ice').at(-1)!.state).toBe('disconnected');
    expect(host.of('transport.closed')).toMatchObject([{ transportId: spec.id }]);
  });

  it('whose credentials are unusable are told as closed, and the rest of the update is done', () => {
    const host = new WorkerHost();
    const { spec } = host.transport();
    const other = { ...spec, id: host.id() };
    const receiver = receiverSpec(host, spec, 'video');
    host.update({ transports: [other], receivers: [receiver] });
    expect(host.of('transport.closed')).toMatchObject([{ transportId: other.id }]);
    expect(host.stats('receivers', receiver.id, 'dump')).toMatchObject([{ hasTransport: true }]);
  });
});

describe('wanted state', () => {
  it('is followed by version; an empty room is forgotten', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, transport, streams } = publish(host);
    const { viewer, sender, transport: watching } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(500);
    const { version } = host;
    const update = (changes: Partial<RoomMediaUpdate>): RoomMediaUpdate => ({
      roomId,
      version,
      base: version,
      put: { transports: [], receivers: [], senders: [] },
      remove: { transports: [], receivers: [], senders: [] },
      keyFrames: [],
      ...changes,
    });
    const now = host.clock.now();
    const gone = { transports: [transport.id, watching.id], receivers: [receiver.id], senders: [sender.id] };
    // Stale, and out of step: nothing changes.
    expect(host.worker.apply(update({ version: version - 1, base: version - 2, remove: gone }), now)).toEqual(
      {
        applied: true,
        version,
      },
    );
    expect(host.worker.apply(update({ version: version + 5, base: version + 4, remove: gone }), now)).toEqual(
      {
        applied: false,
        version,
      },
    );
    // The whole state, equal to what is: nobody notices.
    const put = { transports: [transport, watching], receivers: [receiver], senders: [sender] };
    expect(host.worker.apply(update({ version: version + 9, base: null, put }), now)).toEqual({
      applied: true,
      version: version + 9,
    });
    host.settle();
    host.clock.runFor(500);
    expect(viewer.holes).toEqual([]);
    expect(streams[0]!.keyFrames).toBe(1);
    expect(host.worker.rooms()).toEqual({ [roomId]: version + 9 });
    host.worker.apply(update({ version: version + 10, base: null }), host.clock.now());
    host.settle();
    expect(host.worker.rooms()).toEqual({});
    expect(host.stats('transports', transport.id)).toEqual([]);
    streams[0]!.stop();
    host.clock.runFor(2000);
    expect(host.worker.nextTimeout()).toBeUndefined();
  });

  it('may name a sender before its receiver and transport', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { viewer, sender } = watch(host, receiver, { receiverId: receiver.id + 500 });
    streams[0]!.start();
    host.clock.runFor(500);
    expect(viewer.got.size).toBe(0);
    host.update({ senders: [{ ...sender, receiverId: receiver.id }] });
    host.clock.runFor(500);
    expect(viewer.got.size).toBeGreaterThan(20);
    expect(viewer.holes).toEqual([]);
  });

  it('asks for key frames when told', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { sender } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(1000);
    const { keyFrames } = streams[0]!;
    host.update({ keyFrames: [sender.id, 99] });
    host.clock.runFor(200);
    expect(streams[0]!.keyFrames).toBe(keyFrames + 1);
  });

  it('closing says goodbye to everybody and closes the engine', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, endpoint } = publish(host);
    const viewing = watch(host, receiver);
    host.worker.close(host.clock.now());
    host.clock.runFor(100);
    expect(endpoint.state).toBe('closed');
    expect(viewing.endpoint.state).toBe('closed');
    expect(
      host.worker.apply(
        {
          roomId,
          version: 99,
          base: null,
          put: { transports: [], receivers: [], senders: [] },
          remove: { transports: [], receivers: [], senders: [] },
          keyFrames: [],
        },
        0,
      ).applied,
    ).toBe(false);
    host.worker.close(host.clock.now());
  });
});

describe('tap', () => {
  it('shows plain packets as the endpoint sent them, retransmissions decoded, while listened to', () => {
    const host = new WorkerHost({ policy: { delayMs: 10, loss: 0.1 }, seed: 21 });
    const { receiver, streams } = publish(host);
    const packets: Uint8Array[] = [];
    host.worker.tap(roomId, receiver.id, (packet) => packets.push(packet));
    host.settle();
    streams[0]!.start();
    host.clock.runFor(2000);
    expect(packets.length).toBeGreaterThan(200);
    for (const packet of packets) {
      const sequence = (packet[2]! << 8) | packet[3]!;
      expect(packet[1]! & 127).toBe(96);
      const sent = streams[0]!.sent.get(sequence)!;
      // Repairs have their own header extensions; the payload is the same.
      expect([...packet.subarray(-40)]).toEqual([...sent.subarray(-40)]);
    }
    expect(new Set(packets.map((packet) => (packet[2]! << 8) | packet[3]!)).size).toBe(packets.length);
    const { plis } = streams[0]!;
    host.worker.tap(roomId, receiver.id, undefined);
    const before = packets.length;
    host.clock.runFor(500);
    expect(packets.length).toBe(before);
    host.worker.tap(roomId, receiver.id, (packet) => packets.push(packet));
    host.settle();
    host.clock.runFor(500);
    expect(packets.length).toBeGreaterThan(before);
    expect(streams[0]!.plis).toBeGreaterThan(plis);
  });

  it('may be attached before the receiver exists', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { spec } = host.connected();
    const receiver = receiverSpec(host, spec, 'video');
    let count = 0;
    host.worker.tap(roomId, receiver.id, () => count++);
    host.update({ receivers: [receiver] });
    expect(count).toBe(0);
    host.update({ remove: { receivers: [receiver.id] } });
  });
});

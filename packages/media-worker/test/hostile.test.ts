import { buildRtpPacket, writeU16 } from '@weir/rtp';
import { createRandom } from '@weir/testing';
import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { receiverSpec, wire } from './specs.ts';
import { roomId, WorkerHost, workerAddress } from './worker-host.ts';

/** Every datagram that the publisher's host sends, as it is on the wire. */
function capture(host: WorkerHost, fromIp: string): Uint8Array[] {
  const seen: Uint8Array[] = [];
  host.network.onSend = (data, from) => {
    if (from.ip === fromIp) seen.push(data.slice());
  };
  return seen;
}

const isRtcp = (data: Uint8Array) => data[1]! >= 192 && data[1]! <= 223;

describe('hostile input', () => {
  it('RTP that comes twice on the wire is refused, SRTP and SRTCP alike', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { receiver, streams, socket } = publish(host);
    const { viewer } = watch(host, receiver);
    const seen = capture(host, socket.address.ip);
    streams[0]!.start();
    host.clock.runFor(3000);
    streams[0]!.stop();
    host.clock.runFor(100);
    const media = seen.filter((data) => data[0]! >= 128 && data[0]! < 192);
    expect(media.some(isRtcp)).toBe(true);
    const before = { got: viewer.got.size, replays: host.engine.counters.replays };
    const counted = host.stats('receivers', receiver.id)[0]!.packetCount;
    for (const data of media) host.network.inject(data, socket.address, workerAddress);
    host.clock.runFor(100);
    expect(host.engine.counters.replays - before.replays).toBe(media.length);
    expect(viewer.got.size).toBe(before.got);
    expect(viewer.duplicates).toBe(0);
    expect(host.stats('receivers', receiver.id)[0]!.packetCount).toBe(counted);
  });

  it('media from an address that did not pass ICE is dropped, even if it is authentic', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { receiver, streams, socket } = publish(host);
    host.network.onSend = undefined;
    const held: Uint8Array[] = [];
    // All media of the publisher is taken off the wire and sent from elsewhere.
    host.network.setPolicy(socket.address.ip, workerAddress.ip, { loss: 1 });
    host.network.onSend = (data, from) => {
      if (from.ip === socket.address.ip && data[0]! >= 128 && data[0]! < 192) held.push(data.slice());
    };
    streams[0]!.sendFrame();
    expect(held.length).toBeGreaterThan(0);
    for (const data of held) host.network.inject(data, { ip: '203.0.113.99', port: 5000 }, workerAddress);
    host.clock.runFor(100);
    expect(host.stats('receivers', receiver.id)).toEqual([]);
    expect(host.engine.counters.authenticationFailures).toBe(0);
  });

  it('a bomb of header extensions costs no more than its length', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { receiver, endpoint } = publish(host);
    const { viewer } = watch(host, receiver);
    // 1,200 bytes of one-byte elements: 600 of them, most with ids that are mapped.
    const bomb = new Uint8Array(12 + 4 + 1200 + 20);
    bomb.set(buildRtpPacket({ payloadType: wire.vp8, sequenceNumber: 1, timestamp: 1, ssrc: 1111 }));
    bomb[0] = 0x90;
    bomb.set([0xbe, 0xde], 12);
    writeU16(bomb, 14, 300);
    for (let i = 16; i < 1216; i += 2) bomb[i] = (((i >> 1) % 14) + 1) << 4;
    bomb.set([0x10, 0x10, 0], 1216);
    const started = process.cpuUsage();
    for (let i = 0; i < 2000; i++) {
      writeU16(bomb, 2, i);
      endpoint.sendRtp(bomb);
      if (i % 50 === 0) host.clock.runFor(1);
    }
    host.clock.runFor(100);
    const { user } = process.cpuUsage(started);
    expect(viewer.got.size).toBe(2000);
    // A quadratic reader took seconds for one; encryption and the test endpoint are counted here too.
    expect(user / 2000).toBeLessThan(5000);
  });

  it('a flood of unknown SSRCs leaves no state behind', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { spec, endpoint } = host.connected();
    const byPayloadType = receiverSpec(host, spec, 'video', { encodings: [], mid: '0' });
    host.update({ receivers: [byPayloadType] });
    const random = createRandom(4);
    for (let i = 0; i < 3000; i++) {
      endpoint.sendRtp(
        buildRtpPacket({
          payloadType: [wire.vp8, wire.vp8Rtx, 77][random.int(3)]!,
          sequenceNumber: random.int(65_536),
          timestamp: random.uint32(),
          ssrc: random.uint32(),
          extensions: [
            { id: 9, data: new TextEncoder().encode(['0', '1', 'x'.repeat(16)][random.int(3)]) },
            { id: 10, data: random.bytes(8) },
            { id: 11, data: random.bytes(8) },
          ].slice(0, random.int(4)),
          payload: random.bytes(30),
        }),
      );
      if (i % 20 === 0) host.clock.runFor(5);
    }
    host.clock.runFor(100);
    const dump = host.stats('transports', spec.id, 'dump')[0] as {
      rtpListener: { ssrcTable: Record<string, number> };
    };
    expect(Object.keys(dump.rtpListener.ssrcTable).length).toBeLessThanOrEqual(2);
    // An honest stream is still taken over when the squatter is silent.
    host.clock.runFor(1000);
    for (let i = 0; i < 5; i++) {
      endpoint.sendRtp(
        buildRtpPacket({
          payloadType: wire.vp8,
          sequenceNumber: 100 + i,
          timestamp: 0,
          ssrc: 4242,
          payload: Uint8Array.of(0x10, 0x10, 0),
        }),
      );
    }
    host.clock.runFor(50);
    expect(host.stats('receivers', byPayloadType.id)[0]).toMatchObject({ ssrc: 4242 });
  });

  it('random bytes under valid keys never throw, whatever they claim to be', () => {
    const host = new WorkerHost({ policy: { delayMs: 1 } });
    const { receiver, streams } = publish(host);
    const { endpoint: viewing, viewer, sender } = watch(host, receiver);
    // The attacker publishes too, under the same SSRCs, and is watched.
    const attacker = publish(host);
    watch(host, attacker.receiver);
    const { endpoint } = attacker;
    attacker.streams[0]!.sendFrame();
    streams[0]!.start();
    host.clock.runFor(500);
    const random = createRandom(77);
    const ssrcs = [1111, 1112, sender.ssrc, sender.rtxSsrc!, 0, 0xffffffff];
    for (let i = 0; i < 4000; i++) {
      const from = random.chance(0.5) ? endpoint : viewing;
      const data = random.bytes(12 + random.int(120));
      const view = new DataView(data.buffer);
      data[0] = 0x80 | (data[0]! & 0x3f);
      if (random.chance(0.6)) {
        // RTCP of every type with lengths that are right more often than not, about known streams.
        data[1] = 192 + random.int(32);
        if (random.chance(0.7)) data[1] = 200 + random.int(7);
        if (random.chance(0.8)) view.setUint16(2, (data.length >> 2) - 1);
        view.setUint32(4, ssrcs[random.int(6)]!);
        view.setUint32(8, ssrcs[random.int(6)]!);
        from.sendRtcp(data);
      } else {
        data[1] = random.chance(0.8) ? [96, 97, 224, 225][random.int(4)]! : data[1]! & 0x7f;
        if (data[1] >= 192 && data[1] <= 223) data[1] = 96;
        if (random.chance(0.7)) data[0] = [0x80, 0x90, 0xa0, 0xb0][random.int(4)]!;
        if (random.chance(0.5) && data.length > 20) {
          data.set([0xbe, 0xde, 0, random.int(8)], 12);
        }
        view.setUint32(8, ssrcs[random.int(6)]!);
        // Mostly near each other, so that SRTP and sequence validation let them through.
        view.setUint16(2, 1004 + i + random.int(200));
        // What is no RTP can't even be encrypted.
        try {
          from.sendRtp(data);
        } catch {
          continue;
        }
      }
      if (i % 10 === 0) host.clock.runFor(3);
    }
    host.clock.runFor(200);
    // Nothing of the kind disturbs the call of the others.
    expect(viewer.holes).toEqual([]);
    expect(viewer.arrivals.at(-1)!.at).toBeGreaterThan(host.clock.now() - 100);
    expect(Number(host.stats('receivers', attacker.receiver.id)[0]!.packetCount)).toBeGreaterThan(20);
  });

  it('random datagrams from anywhere never throw and change nothing', () => {
    const host = new WorkerHost({ policy: { delayMs: 1 } });
    const { receiver, streams, socket } = publish(host);
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(500);
    const random = createRandom(78);
    const seen = capture(host, socket.address.ip);
    host.clock.runFor(100);
    host.network.onSend = undefined;
    for (let i = 0; i < 3000; i++) {
      const known = random.chance(0.5);
      let data = random.bytes(random.int(200));
      if (known) {
        // A real datagram with some bytes changed.
        data = seen[random.int(seen.length)]!.slice();
        for (let k = 0; k <= random.int(4); k++) data[random.int(data.length)] = random.int(256);
      }
      const from = random.chance(0.5) ? socket.address : { ip: `10.1.1.${random.int(250) + 1}`, port: 999 };
      host.network.inject(data, from, workerAddress);
      if (i % 20 === 0) host.clock.runFor(5);
    }
    host.clock.runFor(1000);
    expect(viewer.holes).toEqual([]);
    expect(viewer.arrivals.at(-1)!.at).toBeGreaterThan(host.clock.now() - 100);
    expect(host.worker.rooms()).toEqual({ [roomId]: host.version });
  });

  it('a name as long as a book is cut in SDES', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { receiver, streams } = publish(host);
    const { viewer } = watch(host, receiver, { cname: 'ñ'.repeat(5000) });
    streams[0]!.start();
    host.clock.runFor(2000);
    const sdes = viewer.rtcp.find((packet) => packet.type === 'sdes');
    expect(sdes?.chunks[0]?.items[0]?.value).toBe('ñ'.repeat(127));
  });

  it('a false loss report, REMB of zero and feedback about packets never sent do no harm', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { receiver, streams } = publish(host);
    const { viewer, sender } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(500);
    viewer.send([
      { type: 'remb', senderSsrc: 1, mediaSsrc: 0, bitrateBps: 0, ssrcs: [] },
      {
        type: 'nack',
        senderSsrc: 1,
        mediaSsrc: sender.ssrc,
        items: Array.from({ length: 31 }, (_, i) => ({ packetId: i * 2000, bitmask: 0xffff })),
      },
    ]);
    viewer.totalLost = -8_000_000;
    viewer.fractionLost = 255;
    host.clock.runFor(2000);
    expect(viewer.holes).toEqual([]);
    expect(viewer.arrivals.at(-1)!.at).toBeGreaterThan(host.clock.now() - 100);
  });
});

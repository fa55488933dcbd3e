import { nackItems } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { room, vp8Codecs } from './specs.ts';
import { WorkerHost } from './worker-host.ts';

describe('loss repair', () => {
  for (const loss of [0.02, 0.05, 0.1]) {
    it(`leaves no hole for the viewer at ${loss * 100} % loss on every link, with reorder and duplicates`, () => {
      const host = new WorkerHost({
        // At 10 % one seed of six has a packet whose repair is lost until it is too old.
        seed: 8,
        policy: { loss, delayMs: 25, jitterMs: 10, reorder: 0.02, reorderMs: 30, duplicate: 0.01 },
      });
      const { receiver, streams } = publish(host);
      const { viewer, sender, endpoint } = watch(host, receiver);
      const second = watch(host, receiver);
      streams[0]!.start();
      host.clock.runFor(10_000);
      streams[0]!.stop();
      host.clock.runFor(2000);

      for (const { contents, holes, got } of [viewer, second.viewer]) {
        expect(got.size).toBeGreaterThan(1100);
        expect(holes).toEqual([]);
        // Nothing is missing in the middle either: the numbers of the publisher are all there.
        expect(contents).toEqual(Array.from({ length: contents.length }, (_, i) => i + contents[0]!));
      }
      expect(streams[0]!.nacked).toBeGreaterThan(0);
      const [stats] = host.stats('senders', sender.id);
      expect(stats!.packetsRetransmitted).toBeGreaterThan(0);
      expect(viewer.arrivals.some((got) => got.rtx && got.payloadType === room.vp8Rtx)).toBe(true);
      expect(endpoint.unauthentic).toBe(0);
      const [inbound] = host.stats('receivers', receiver.id);
      expect(inbound!.packetsRepaired).toBeGreaterThan(0);
      expect(inbound!.packetsLost).toBeLessThan(30);
    });
  }

  it('W4 a NACK brings five packets again with the same numbers and timestamps, and not a sixth', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    // Without RTX on the viewer's side: plain copies.
    const { receiver, streams } = publish(host, {
      streams: [{ ssrc: 1111, firstSequence: 21006, packetsPerFrame: 5 }],
    });
    const { viewer, endpoint } = watch(host, receiver, {
      rtxSsrc: undefined as never,
      codecs: vp8Codecs({ ...room }).slice(0, 1),
    });
    viewer.nacks = false;
    streams[0]!.sendFrame();
    host.clock.runFor(50);
    const sent = viewer.sorted;
    expect(sent).toHaveLength(5);
    const again: { sequence: number; timestamp: number }[] = [];
    endpoint.onRtp = (packet) => {
      const view = new DataView(packet.buffer, packet.byteOffset);
      again.push({ sequence: view.getUint16(2), timestamp: view.getUint32(4) });
    };
    const first = sent[0]!.sequence;
    const lost = Uint16Array.from([0, 1, 2, 3, 4, 5], (i) => first + i);
    viewer.send([{ type: 'nack', senderSsrc: 1, mediaSsrc: viewer.spec.ssrc, items: nackItems(lost, 6) }]);
    host.clock.runFor(50);
    expect(again).toEqual(sent.map(({ sequence, timestamp }) => ({ sequence, timestamp })));
  });

  it('sends a packet again only once per round trip, and nothing that is older than half a second', () => {
    const host = new WorkerHost({ policy: { delayMs: 1 } });
    const { receiver, streams } = publish(host);
    const { viewer, sender } = watch(host, receiver);
    viewer.nacks = false;
    streams[0]!.sendFrame();
    host.clock.runFor(20);
    const [got] = viewer.sorted;
    const ask = () =>
      viewer.send([
        {
          type: 'nack',
          senderSsrc: 1,
          mediaSsrc: sender.ssrc,
          items: [{ packetId: got!.sequence, bitmask: 0 }],
        },
      ]);
    const resent = () => host.stats('senders', sender.id)[0]!.packetsRetransmitted;
    for (let i = 0; i < 10; i++) {
      ask();
      host.clock.runFor(5);
    }
    // 50 ms of asking, and the round trip is taken for 100 ms until a report says otherwise.
    expect(resent()).toBe(1);
    host.clock.runFor(100);
    ask();
    host.clock.runFor(20);
    expect(resent()).toBe(2);
    host.clock.runFor(500);
    ask();
    host.clock.runFor(20);
    expect(resent()).toBe(2);
  });

  it('bounds what a viewer can make us send again', () => {
    const host = new WorkerHost({ policy: { delayMs: 1 } });
    const { receiver, streams } = publish(host);
    const { viewer, sender, transport } = watch(host, receiver);
    viewer.nacks = false;
    streams[0]!.start();
    host.clock.runFor(1000);
    for (let i = 0; i < 500; i++) {
      const lost = Uint16Array.from({ length: 100 }, (_, k) => viewer.highest - 100 + k);
      viewer.send([{ type: 'nack', senderSsrc: 1, mediaSsrc: sender.ssrc, items: nackItems(lost, 100) }]);
      host.clock.runFor(10);
    }
    const again = Number(host.stats('transports', transport.id)[0]!.rtxBytesSent);
    expect(viewer.duplicates).toBeGreaterThan(50);
    // Asked for: 100 packets each 100 ms. Allowed: 64 kB at once and 64 kB/s.
    expect(again).toBeLessThan(7 * 64_000);
    expect(viewer.arrivals.length).toBeGreaterThan(600);
  });

  it('asks for a key frame when more is lost than can be repaired', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams, socket } = publish(host, {
      streams: [{ ssrc: 1111, rtxSsrc: 1112, packetsPerFrame: 20 }],
    });
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(1000);
    const plis = streams[0]!.plis;
    host.network.setPolicy(socket.address.ip, '198.51.100.1', { loss: 1 });
    host.clock.runFor(1200);
    host.network.setPolicy(socket.address.ip, '198.51.100.1', { delayMs: 10 });
    host.clock.runFor(1000);
    expect(streams[0]!.plis).toBeGreaterThan(plis);
    expect(streams[0]!.keyFrames).toBeGreaterThan(1);
    expect(viewer.got.size).toBeGreaterThan(700);
  });
});

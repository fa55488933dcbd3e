import { describe, expect, it } from 'vitest';
import { VideoStream } from './publisher.ts';
import { publish, watch } from './scene.ts';
import { senderSpec } from './specs.ts';
import { Viewer } from './viewer.ts';
import { WorkerHost } from './worker-host.ts';

/** Differences of neighbours, in the order of sequence numbers. */
function steps(values: number[]): number[] {
  return values.slice(1).map((value, i) => (value - values[i]!) | 0);
}

describe('numbers and time of a sender', () => {
  it('wrap around without the viewer noticing, in sequence numbers and timestamps', () => {
    const host = new WorkerHost({ policy: { delayMs: 10, loss: 0.03 }, seed: 3 });
    const { receiver, streams } = publish(host, {
      streams: [
        {
          ssrc: 1111,
          rtxSsrc: 1112,
          firstSequence: 65_000,
          firstTimestamp: 0xffff_0000,
          packetsPerFrame: 10,
        },
      ],
    });
    const { viewer, endpoint } = watch(host, receiver);
    streams[0]!.start();
    // 300 packets a second: two turns of the publisher's numbers, at least one of ours.
    host.clock.runFor(250_000);
    streams[0]!.stop();
    host.clock.runFor(1000);
    expect(viewer.got.size).toBeGreaterThan(65_536 + 5000);
    expect(viewer.holes).toEqual([]);
    expect(endpoint.unauthentic).toBe(0);
    expect(steps(viewer.contents).every((step) => step === 1)).toBe(true);
    expect(
      steps(viewer.sorted.map((got) => got.timestamp)).every((step) => step === 0 || step === 3000),
    ).toBe(true);
  }, 60_000);

  it('a paused receiver sends nothing; afterwards numbers go on without a gap, from a key frame', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(1000);
    host.update({ receivers: [{ ...receiver, paused: true }] });
    host.clock.runFor(50);
    const before = viewer.got.size;
    host.clock.runFor(3000);
    expect(viewer.got.size).toBe(before);
    expect(Number(host.stats('receivers', receiver.id)[0]!.packetCount)).toBeGreaterThan(before + 300);
    const keyFrames = streams[0]!.keyFrames;
    host.update({ receivers: [receiver] });
    host.clock.runFor(1000);
    expect(streams[0]!.keyFrames).toBe(keyFrames + 1);
    expect(viewer.got.size).toBeGreaterThan(before + 80);
    expect(viewer.holes).toEqual([]);
    const resumed = viewer.sorted[before]!;
    expect(resumed.payload[6]! & 1).toBe(0);
    // The source's clock went on meanwhile, and so did ours.
    const pause = (resumed.timestamp - viewer.sorted[before - 1]!.timestamp) / 90;
    expect(pause).toBeGreaterThan(3000);
    expect(pause).toBeLessThan(3300);
  });

  it('a disabled sender likewise, and enabling asks for a key frame', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { viewer, sender } = watch(host, receiver);
    const other = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(1000);
    host.update({ senders: [{ ...sender, active: false }] });
    host.clock.runFor(50);
    const before = viewer.got.size;
    host.clock.runFor(2000);
    expect(viewer.got.size).toBe(before);
    const keyFrames = streams[0]!.keyFrames;
    host.update({ senders: [sender] });
    host.clock.runFor(500);
    expect(streams[0]!.keyFrames).toBe(keyFrames + 1);
    expect(viewer.got.size).toBeGreaterThan(before);
    expect(viewer.holes).toEqual([]);
    // The one that stayed saw everything.
    expect(steps(other.viewer.contents).every((step) => step === 1)).toBe(true);
  });

  it('a late viewer starts at a key frame that was asked for', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    streams[0]!.start();
    host.clock.runFor(5000);
    expect(streams[0]!.keyFrames).toBe(1);
    const { viewer } = watch(host, receiver);
    const joined = host.clock.now();
    host.clock.runFor(1000);
    expect(streams[0]!.keyFrames).toBe(2);
    expect(viewer.arrivals[0]!.payload[6]! & 1).toBe(0);
    expect(viewer.arrivals[0]!.at - joined).toBeLessThan(150);
  });

  it('a sender on a transport that is not connected yet asks for a key frame when it is', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    streams[0]!.start();
    host.clock.runFor(3000);
    const { spec, endpoint } = host.transport();
    const sender = senderSpec(host, spec, receiver);
    const viewer = new Viewer(host, endpoint, sender);
    endpoint.onRtp = (packet) => viewer.handleRtp(packet);
    host.update({ senders: [sender] });
    host.clock.runFor(2000);
    // Nobody could see one, so none is asked for.
    expect(streams[0]!.keyFrames).toBe(1);
    endpoint.start();
    host.clock.runFor(1000);
    expect(streams[0]!.keyFrames).toBe(2);
    expect(viewer.got.size).toBeGreaterThan(50);
    expect(viewer.holes).toEqual([]);
  });

  it('padding and payload types that the viewer does not take leave no gap', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams, endpoint } = publish(host);
    const { viewer } = watch(host, receiver);
    const stream = streams[0]!;
    stream.sendFrame();
    for (let i = 0; i < 40; i++) {
      // A probe: only padding, with a number of its own.
      const probe = new Uint8Array(60);
      probe.set([0xa0, 96, stream.sequence >> 8, stream.sequence & 255]);
      new DataView(probe.buffer).setUint32(4, stream.timestamp);
      new DataView(probe.buffer).setUint32(8, 1111);
      probe[59] = 48;
      stream.sequence = (stream.sequence + 1) & 0xffff;
      endpoint.sendRtp(probe);
      if (i % 3 === 0) stream.sendFrame();
      host.clock.runFor(10);
    }
    host.clock.runFor(100);
    expect(viewer.holes).toEqual([]);
    expect(viewer.contents).toEqual(Array.from({ length: stream.packets }, (_, i) => i));
    expect(host.stats('senders', viewer.spec.id)[0]!.nackCount).toBe(0);
  });

  it('a publisher that starts over under the same SSRC goes on for the viewer', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams, endpoint } = publish(host);
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(2000);
    streams[0]!.stop();
    const before = viewer.got.size;
    // The same SSRC with numbers 20,000 further and another timestamp: the endpoint made a new encoder.
    const again = new VideoStream(host, endpoint, {
      ssrc: 1111,
      rtxSsrc: 1112,
      firstSequence: (streams[0]!.sequence + 20_000) & 0xffff,
      firstTimestamp: 5,
    });
    endpoint.onRtcp = (data) => again.handleRtcp(data);
    again.start();
    host.clock.runFor(2000);
    expect(viewer.got.size).toBeGreaterThan(before + 200);
    expect(viewer.holes).toEqual([]);
    const timestamps = viewer.sorted.map((got) => got.timestamp);
    const jump = Math.max(...steps(timestamps));
    expect(Math.min(...steps(timestamps))).toBeGreaterThanOrEqual(0);
    expect(jump).toBeLessThan(90_000);
  });
});

import { describe, expect, it } from 'vitest';
import { type Publication, publish, watch } from './scene.ts';
import type { Got } from './viewer.ts';
import { WorkerHost } from './worker-host.ts';

const rids = ['r0', 'r1', 'r2'];

/** Chrome's way: RIDs and no SSRCs told; every layer has its own numbers, picture ids and RTP clock. */
function simulcast(host: WorkerHost): Publication {
  return publish(host, {
    streams: rids.map((rid, i) => ({
      ssrc: 5000 + i,
      rtxSsrc: 6000 + i,
      mid: '0',
      rid,
      firstSequence: 1000 + 20_000 * i,
      firstTimestamp: 100_000 + 1_000_000_000 * i,
      firstPictureId: 300 + 9000 * i,
      packetsPerFrame: i + 2,
      clockErrorMs: 12_345,
    })),
    receiver: { mid: '0', encodings: rids.map((rid) => ({ rid, scalabilityMode: 'L1T1' })) },
  });
}

function pictureId(got: Got): number {
  return ((got.payload[2]! & 0x7f) << 8) | got.payload[3]!;
}

function expectContinuous(viewer: { holes: number[]; sorted: Got[] }): void {
  expect(viewer.holes).toEqual([]);
  const { sorted } = viewer;
  for (let i = 1; i < sorted.length; i++) {
    const before = sorted[i - 1]!;
    const now = sorted[i]!;
    const step = (now.timestamp - before.timestamp) | 0;
    expect(step).toBeGreaterThanOrEqual(0);
    expect(step).toBeLessThan(10_000);
    const pictures = (pictureId(now) - pictureId(before)) & 0x7fff;
    const tl0 = (now.payload[4]! - before.payload[4]!) & 0xff;
    expect([0, 1]).toContain(pictures);
    expect([0, 1]).toContain(tl0);
  }
}

describe('simulcast', () => {
  it('gives the highest live layer, and the preferred one when told, switching at key frames only', () => {
    const host = new WorkerHost({ policy: { delayMs: 15 } });
    const { receiver, streams } = simulcast(host);
    const { viewer, sender, endpoint } = watch(host, receiver);
    for (const stream of streams) stream.start();
    host.clock.runFor(3000);
    const layer = () => host.of('sender.layers').at(-1)?.layers?.spatialLayer;
    expect(layer()).toBe(2);

    host.update({ senders: [{ ...sender, preferredLayers: { spatialLayer: 0 } }] });
    host.clock.runFor(1000);
    expect(layer()).toBe(0);
    host.update({ senders: [{ ...sender, preferredLayers: { spatialLayer: 1 } }] });
    host.clock.runFor(1000);
    expect(layer()).toBe(1);
    host.update({ senders: [sender] });
    host.clock.runFor(1000);
    expect(layer()).toBe(2);

    expect(viewer.got.size).toBeGreaterThan(400);
    expect(viewer.duplicates).toBe(0);
    expect(endpoint.unauthentic).toBe(0);
    expectContinuous(viewer);
    // A switch keeps the picture's time: it is as long after the one before as it was filmed.
    const { sorted } = viewer;
    const arrivalError = sorted.slice(1).map((got, i) => {
      const before = sorted[i]!;
      return Math.abs((got.timestamp - before.timestamp) / 90 - (got.at - before.at));
    });
    expect(Math.max(...arrivalError)).toBeLessThan(2);
  });

  it('falls back to a live layer when the publisher stops one, and returns', () => {
    const host = new WorkerHost({ policy: { delayMs: 15 } });
    const { receiver, streams } = simulcast(host);
    const { viewer } = watch(host, receiver);
    for (const stream of streams) stream.start();
    host.clock.runFor(2000);
    streams[2]!.active = false;
    host.clock.runFor(4000);
    expect(host.of('sender.layers').at(-1)!.layers).toEqual({ spatialLayer: 1 });
    expect(
      host
        .of('receiver.score')
        .at(-1)!
        .scores.map(({ rid, score }) => [rid, score]),
    ).toEqual([
      ['r0', 10],
      ['r1', 10],
      ['r2', 0],
    ]);
    streams[2]!.active = true;
    host.clock.runFor(2000);
    expect(host.of('sender.layers').at(-1)!.layers).toEqual({ spatialLayer: 2 });
    expect(viewer.holes).toEqual([]);
    // While nothing came nothing could be shown, but time went on by the wall clock.
    const last = viewer.sorted.at(-1)!;
    const first = viewer.sorted[0]!;
    const wall = last.at - first.at;
    const shown = (((last.timestamp - first.timestamp) | 0) * 1000) / 90_000;
    expect(Math.abs(wall - shown)).toBeLessThan(40);
  });

  it('stays continuous with loss and reordering while switching', () => {
    const host = new WorkerHost({
      seed: 11,
      policy: { delayMs: 25, loss: 0.05, jitterMs: 8, reorder: 0.02, duplicate: 0.01 },
    });
    const { receiver, streams } = simulcast(host);
    const { viewer, sender, endpoint } = watch(host, receiver);
    for (const stream of streams) stream.start();
    for (let i = 0; i < 12; i++) {
      host.update({ senders: [{ ...sender, preferredLayers: { spatialLayer: (i * 2) % 3 } }] });
      host.clock.runFor(1500);
    }
    for (const stream of streams) stream.stop();
    host.clock.runFor(1500);
    expect(host.of('sender.layers').length).toBeGreaterThan(8);
    expect(viewer.holes).toEqual([]);
    expect(endpoint.unauthentic).toBe(0);
    const timestamps = viewer.sorted.map((got) => got.timestamp);
    expect(timestamps.every((value, i) => i === 0 || ((value - timestamps[i - 1]!) | 0) >= 0)).toBe(true);
  });

  it('learns the layers by RID and their retransmissions by RRID, and shows it in the dump', () => {
    const host = new WorkerHost({ policy: { delayMs: 15, loss: 0.05 }, seed: 5 });
    const { receiver, streams, transport } = simulcast(host);
    watch(host, receiver);
    for (const stream of streams) stream.start();
    host.clock.runFor(3000);
    const { rtpListener } = host.stats('transports', transport.id, 'dump')[0] as {
      rtpListener: Record<string, Record<string, number>>;
    };
    const id = receiver.id;
    expect(rtpListener).toEqual({
      ssrcTable: { 5000: id, 5001: id, 5002: id, 6000: id, 6001: id, 6002: id },
      muxIdTable: { 0: id },
      ptTable: {},
      ridTable: { '0:r0': id, '0:r1': id, '0:r2': id },
    });
  });

  it('asks only the wanted layer for key frames', () => {
    const host = new WorkerHost({ policy: { delayMs: 15 }, replay: { maxPackets: 0 } });
    const { receiver, streams } = simulcast(host);
    for (const stream of streams) stream.start();
    host.clock.runFor(3000);
    const before = streams.map((stream) => stream.plis);
    const { viewer } = watch(host, receiver, { preferredLayers: { spatialLayer: 1 } });
    host.clock.runFor(1000);
    expect(viewer.got.size).toBeGreaterThan(50);
    expect(streams.map((stream, i) => stream.plis - before[i]!)).toEqual([0, 1, 0]);
  });
});

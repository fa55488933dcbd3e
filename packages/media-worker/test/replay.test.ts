import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publish, type Subscription, watch } from './scene.ts';
import type { Viewer } from './viewer.ts';
import { WorkerHost } from './worker-host.ts';

function startsKeyFrame(payload: Uint8Array): boolean {
  return (payload[0]! & 0x10) !== 0 && (payload[6]! & 1) === 0;
}

function pictureId(payload: Uint8Array): number {
  return ((payload[2]! & 0x7f) << 8) | payload[3]!;
}

/** From a key frame on, every packet of the publisher once, in order, with times that never go back. */
function expectWhole(viewer: Viewer, fromKeyFrame = true): void {
  const { sorted, contents } = viewer;
  expect(sorted.length).toBeGreaterThan(0);
  if (fromKeyFrame) expect(startsKeyFrame(sorted[0]!.payload)).toBe(true);
  expect(viewer.holes).toEqual([]);
  expect(viewer.duplicates).toBe(0);
  expect(contents).toEqual(Array.from({ length: contents.length }, (_, i) => contents[0]! + i));
  for (let i = 1; i < sorted.length; i++) {
    const before = sorted[i - 1]!;
    const now = sorted[i]!;
    const step = (now.timestamp - before.timestamp) | 0;
    if (pictureId(now.payload) === pictureId(before.payload)) expect(step).toBe(0);
    else expect(step).toBeGreaterThan(0);
  }
}

describe('a viewer that comes late', () => {
  it('starts at once with the cached key frame, and the publisher is not bothered', () => {
    const host = new WorkerHost({ policy: { delayMs: 2 } });
    const { receiver, streams } = publish(host);
    const [stream] = streams;
    stream!.start();
    host.clock.runFor(3000);
    const keyFrames = stream!.keyFrames;
    const joinedAt = host.clock.now();
    const late = watch(host, receiver);
    host.clock.runFor(2000);
    const first = late.viewer.arrivals[0]!;
    expect(startsKeyFrame(first.payload)).toBe(true);
    // Connecting takes some of it.
    expect(first.at - joinedAt).toBeLessThan(300);
    expect(stream!.plis).toBe(0);
    expect(stream!.keyFrames).toBe(keyFrames);
    expectWhole(late.viewer);
    expect(late.viewer.contents[0]).toBe(0);
    expect(late.viewer.contents.at(-1)).toBeGreaterThan(stream!.packets - 10);
    expect(host.stats('senders', late.sender.id)[0]!.cachedKeyFrameCount).toBe(1);
  });

  it('catches up soon, at the rate of its path, and its clock agrees with what is live', () => {
    const host = new WorkerHost({ policy: { delayMs: 2 } });
    const { receiver, streams } = publish(host, {
      streams: [{ ssrc: 1111, rtxSsrc: 1112, packetsPerFrame: 6 }],
    });
    const early = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(3000);
    const late = watch(host, receiver);
    host.clock.runFor(3000);
    const arrivedAt = new Map<number, number>();
    const seen = early.viewer.sorted;
    early.viewer.contents.forEach((number, i) => {
      arrivedAt.set(number, seen[i]!.at);
    });
    const sorted = late.viewer.sorted;
    const { contents } = late.viewer;
    const live = contents.findIndex((number, i) => sorted[i]!.at - arrivedAt.get(number)! < 10);
    expect(live).toBeGreaterThan(100);
    expect(sorted[live]!.at - sorted[0]!.at).toBeLessThan(1000);
    expect(contents.at(-1)).toBeGreaterThan(streams[0]!.packets - 15);
    // A replayed picture's time says when it was sent, within what pacing varies: no jitter buffer takes it for delay.
    const last = sorted.at(-1)!;
    for (const { at, timestamp } of sorted) {
      const difference = at - last.at - ((timestamp - last.timestamp) | 0) / 90;
      expect(Math.abs(difference)).toBeLessThan(120);
    }
    // Reports of the sender place what is live on the wall clock, as for everybody else.
    const times = [early, late].map(({ viewer }: Subscription) => {
      const { report } = viewer.senderReports.at(-1)!;
      const got = viewer.sorted.at(-1)!;
      const reportMs = (report.ntpSeconds % 100_000) * 1000 + report.ntpFraction / 2 ** 32 / 0.001;
      return reportMs + ((got.timestamp - report.rtpTimestamp) | 0) / 90;
    });
    expect(Math.abs(times[0]! - times[1]!)).toBeLessThan(40);
  });

  it('makes the publisher work where the key frame is too old, too far back, or gone', () => {
    for (const replay of [{ maxAgeMs: 1000 }, { maxPackets: 20 }, { maxBytes: 2000 }, { maxCatchUpMs: 0 }]) {
      const host = new WorkerHost({ policy: { delayMs: 2 }, replay });
      const { receiver, streams } = publish(host, {
        streams: [{ ssrc: 1111, rtxSsrc: 1112, packetsPerFrame: 12 }],
      });
      streams[0]!.start();
      host.clock.runFor(1500);
      const late = watch(host, receiver);
      host.clock.runFor(1000);
      expect(streams[0]!.plis).toBe(1);
      expectWhole(late.viewer);
    }
    // 256 slots are less than what came since the key frame.
    const host = new WorkerHost({ policy: { delayMs: 2 }, slotCount: 256 });
    const { receiver, streams } = publish(host, { streams: [{ ssrc: 1111, packetsPerFrame: 6 }] });
    streams[0]!.start();
    host.clock.runFor(3000);
    const late = watch(host, receiver);
    host.clock.runFor(1000);
    expect(streams[0]!.plis).toBe(1);
    expectWhole(late.viewer);
  });

  it('never sees what was filmed while the source was paused', () => {
    const host = new WorkerHost({ policy: { delayMs: 2 } });
    const { receiver, streams } = publish(host);
    streams[0]!.start();
    host.clock.runFor(500);
    host.update({ receivers: [{ ...receiver, paused: true }] });
    streams[0]!.wantKeyFrame();
    host.clock.runFor(500);
    const hidden = streams[0]!.packets;
    const late = watch(host, receiver);
    host.clock.runFor(200);
    host.update({ receivers: [receiver] });
    host.clock.runFor(1000);
    expect(late.viewer.contents[0]).toBeGreaterThanOrEqual(hidden);
    expectWhole(late.viewer);
  });

  it('has its own request for a key frame answered by what is on its way', () => {
    const host = new WorkerHost({ policy: { delayMs: 20 } });
    const { receiver, streams } = publish(host);
    streams[0]!.start();
    host.clock.runFor(2000);
    const late = watch(host, receiver);
    host.clock.runFor(30);
    late.viewer.pli();
    host.clock.runFor(300);
    expect(streams[0]!.plis).toBe(0);
    host.clock.runFor(1000);
    late.viewer.pli();
    host.clock.runFor(100);
    expect(streams[0]!.plis).toBe(1);
  });

  it('in simulcast begins with the layer that fits', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { receiver, streams } = publish(host, {
      streams: ['r0', 'r1', 'r2'].map((rid, i) => ({
        ssrc: 5000 + i,
        rtxSsrc: 6000 + i,
        mid: '0',
        rid,
        firstPictureId: 300 + 9000 * i,
        firstTimestamp: 1_000_000_000 * i,
      })),
      receiver: { mid: '0', encodings: ['r0', 'r1', 'r2'].map((rid) => ({ rid })) },
    });
    for (const stream of streams) stream.start();
    host.clock.runFor(2000);
    const { viewer } = watch(host, receiver, { preferredLayers: { spatialLayer: 1 } });
    host.clock.runFor(1000);
    expect(streams.map(({ plis }) => plis)).toEqual([0, 0, 0]);
    expect(host.of('sender.layers').map(({ layers }) => layers)).toEqual([{ spatialLayer: 1 }]);
    expectWhole(viewer);
  });
});

describe('replays whatever comes', () => {
  it('leave no gap and no duplicate, over loss, reordering, and viewers that come, go and return', () => {
    const path = fc.record({
      seed: fc.integer({ min: 1, max: 1_000_000 }),
      loss: fc.constantFrom(0, 0.02, 0.06),
      jitterMs: fc.integer({ min: 0, max: 20 }),
      reorder: fc.constantFrom(0, 0.03),
      packetsPerFrame: fc.integer({ min: 1, max: 9 }),
      sequence: fc.constantFrom(1000, 65_400),
      rtx: fc.boolean(),
      joins: fc.array(fc.integer({ min: 50, max: 1500 }), { minLength: 2, maxLength: 4 }),
      keyEveryMs: fc.integer({ min: 300, max: 4000 }),
    });
    fc.assert(
      fc.property(path, (plan) => {
        const { seed, loss, jitterMs, reorder } = plan;
        const host = new WorkerHost({
          seed,
          policy: { delayMs: 15, loss, jitterMs, reorder, reorderMs: 20 },
        });
        const { receiver, streams } = publish(host, {
          streams: [
            {
              ssrc: 1111,
              rtxSsrc: 1112,
              packetsPerFrame: plan.packetsPerFrame,
              firstSequence: plan.sequence,
              firstTimestamp: 0xffff_0000,
            },
          ],
        });
        const [stream] = streams;
        stream!.start();
        const key = () => {
          stream!.wantKeyFrame();
          host.clock.at(host.clock.now() + plan.keyEveryMs, key);
        };
        key();
        const viewers: Subscription[] = [];
        for (const wait of plan.joins) {
          host.clock.runFor(wait);
          viewers.push(watch(host, receiver, plan.rtx ? {} : { rtxSsrc: undefined as never }));
        }
        // One leaves and comes back while others replay.
        const [first] = viewers;
        host.update({ senders: [{ ...first!.sender, active: false }] });
        host.clock.runFor(120);
        host.update({ senders: [first!.sender] });
        host.clock.runFor(3000);
        stream!.stop();
        host.clock.runFor(2000);
        for (const { viewer, endpoint } of viewers.slice(1)) {
          expect(endpoint.unauthentic).toBe(0);
          // A repair that crosses another is no copy, and nobody can ask for what came before the first packet.
          const clean = loss === 0 && reorder === 0 && jitterMs === 0;
          if (clean) expect(viewer.duplicates).toBe(0);
          viewer.duplicates = 0;
          expectWhole(viewer, clean);
        }
      }),
      { numRuns: 25, seed: 5 },
    );
  }, 120_000);
});

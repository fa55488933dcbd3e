import type { ReceiverSpec, SenderSpec } from '@weir/protocol';
import { createRandom } from '@weir/testing';
import { describe, expect, it } from 'vitest';
import { type Publication, publish, type Subscription, watch } from './scene.ts';
import type { Got, Viewer } from './viewer.ts';
import { WorkerHost } from './worker-host.ts';

const number = (got: Got) => new DataView(got.payload.buffer, got.payload.byteOffset).getUint32(7);
const startsKeyFrame = (got: Got) => (got.payload[0]! & 0x17) === 0x10 && (got.payload[6]! & 1) === 0;

/** What every viewer may rely on, whatever the others do. */
function expectDecodable(viewer: Viewer, layered: boolean): void {
  const { sorted } = viewer;
  expect(viewer.holes).toEqual([]);
  expect(viewer.duplicates).toBe(0);
  for (let i = 1; i < sorted.length; i++) {
    const before = sorted[i - 1]!;
    const now = sorted[i]!;
    expect((now.timestamp - before.timestamp) | 0).toBeGreaterThanOrEqual(0);
    // Either the next packet of the same stream, or the beginning of a key frame.
    if (number(now) !== number(before) + 1) expect(startsKeyFrame(now)).toBe(true);
    if (!layered) expect(number(now)).toBeGreaterThan(number(before));
  }
  if (sorted.length > 0) expect(startsKeyFrame(sorted[0]!)).toBe(true);
}

describe('random changes while media flows', () => {
  for (const seed of [1, 2, 3]) {
    it(`never break what a viewer gets (seed ${seed})`, () => {
      const host = new WorkerHost({ seed, policy: { delayMs: 12 } });
      const random = createRandom(seed * 1000);
      const rids = ['r0', 'r1', 'r2'];
      const publications: Publication[] = [
        publish(host, { streams: [{ ssrc: 1111, rtxSsrc: 1112, firstSequence: 65_400 }] }),
        publish(host, {
          streams: rids.map((rid, i) => ({
            ssrc: 5000 + i,
            rtxSsrc: 6000 + i,
            mid: '0',
            rid,
            firstSequence: 20_000 * i + 65_000,
            firstTimestamp: 1_400_000_000 * i,
          })),
          receiver: { mid: '0', encodings: rids.map((rid) => ({ rid })) },
        }),
      ];
      const receivers: ReceiverSpec[] = publications.map(({ receiver }) => receiver);
      const subscriptions: (Subscription & { of: number })[] = [];
      for (let i = 0; i < 3; i++) {
        for (const of of [0, 1]) subscriptions.push({ ...watch(host, receivers[of]!), of });
      }
      const senders: SenderSpec[] = subscriptions.map(({ sender }) => sender);
      for (const { streams } of publications) for (const stream of streams) stream.start();

      const actions = [
        () => {
          const i = random.int(2);
          receivers[i] = { ...receivers[i]!, paused: !receivers[i]!.paused };
          host.update({ receivers: [receivers[i]!] });
        },
        () => {
          const i = random.int(senders.length);
          senders[i] = { ...senders[i]!, active: !senders[i]!.active };
          host.update({ senders: [senders[i]!] });
        },
        () => {
          const i = random.int(senders.length);
          senders[i] = { ...senders[i]!, preferredLayers: { spatialLayer: random.int(4) } };
          host.update({ senders: [senders[i]!] });
        },
        () => {
          const stream = publications[1]!.streams[random.int(3)]!;
          stream.active = !stream.active;
          // As encoders do.
          if (stream.active) stream.wantKeyFrame();
        },
        () => {
          const { endpoint } = subscriptions[random.int(subscriptions.length)]!;
          const socket = host.socket();
          endpoint.addSocket(socket);
          endpoint.ice.nominate(socket);
        },
        () => subscriptions[random.int(subscriptions.length)]!.viewer.pli(),
        () => host.update({ keyFrames: [senders[random.int(senders.length)]!.id] }),
        () => {
          const i = random.int(2);
          // A change of parameters that all senders must survive.
          receivers[i] = { ...receivers[i]!, keyFrameRequestDelayMs: random.int(3) * 400 };
          host.update({ receivers: [receivers[i]!] });
        },
      ];
      for (let i = 0; i < 80; i++) {
        actions[random.int(actions.length)]!();
        host.clock.runFor(random.int(600));
      }
      // In the end everything is on again, and everybody sees moving pictures.
      host.update({
        receivers: receivers.map((receiver) => ({ ...receiver, paused: false })),
        senders: senders.map((sender) => ({ ...sender, active: true, preferredLayers: { spatialLayer: 2 } })),
      });
      for (const stream of publications[1]!.streams) stream.active = true;
      host.clock.runFor(3000);
      for (const { viewer, endpoint, of } of subscriptions) {
        expect(endpoint.unauthentic).toBe(0);
        expectDecodable(viewer, of === 1);
        expect(viewer.arrivals.at(-1)!.at).toBeGreaterThan(host.clock.now() - 100);
        expect(viewer.got.size).toBeGreaterThan(400);
      }
    }, 60_000);
  }
});

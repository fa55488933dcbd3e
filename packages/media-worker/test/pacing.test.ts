import type { ReceiverSpec } from '@weir/protocol';
import { extensionUri } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { publish, type Subscription, watch } from './scene.ts';
import { Speaker } from './speaker.ts';
import { room, senderSpec, videoFeedback, viewerExtensions, vp8Codecs } from './specs.ts';
import { Viewer } from './viewer.ts';
import { WorkerHost, workerAddress } from './worker-host.ts';

/** Id of abs-send-time in `viewerExtensions`. */
const absSendTimeId = 4;
/** One way, each. */
const delayMs = 10;

function scene(packetsPerFrame: number, paceFactor?: number, slotCount = 8192) {
  const host = new WorkerHost({ policy: { delayMs }, gather: true, paceFactor, slotCount });
  const { streams, receiver, socket } = publish(host, {
    streams: [{ ssrc: 1111, rtxSsrc: 1112, packetsPerFrame }],
  });
  return { host, clock: host.clock, stream: streams[0]!, receiver, publisher: socket };
}

/** The viewer's browser says what its path carries. */
function tell({ viewer, sender }: Subscription, bitrateBps: number): void {
  viewer.send([{ type: 'remb', senderSsrc: 1, mediaSsrc: 0, bitrateBps, ssrcs: [sender.ssrc] }]);
}

/** Without RTX a packet goes out again under its own number: the same bytes, or the key is given away. */
function withoutRtx(host: WorkerHost, receiver: ReceiverSpec): Subscription {
  const { codecs } = senderSpec(host, { id: 0, peerId: 0 }, receiver);
  const only = codecs.filter(({ mimeType }) => mimeType !== 'video/rtx');
  return watch(host, receiver, { codecs: only, rtxSsrc: undefined });
}

function spreadMs({ viewer }: Subscription): number {
  return viewer.arrivals.at(-1)!.at - viewer.arrivals[0]!.at;
}

describe('pace', () => {
  it('a frame that the path takes long for leaves bit by bit, and nobody else waits', () => {
    const { host, clock, stream, receiver } = scene(100);
    const [narrow, wide] = [watch(host, receiver), watch(host, receiver)];
    tell(narrow, 100_000);
    clock.runFor(100);
    stream.sendFrame();
    clock.runFor(300);
    for (const { viewer } of [narrow, wide]) {
      expect(viewer.contents).toEqual(Array.from({ length: 100 }, (_, i) => i));
      expect(viewer.arrivals).toEqual(viewer.sorted);
    }
    expect(spreadMs(wide)).toBe(0);
    // Half of its 7 kB at once, the rest at 250 kbit/s.
    expect(spreadMs(narrow)).toBeGreaterThan(80);
    expect(spreadMs(narrow)).toBeLessThanOrEqual(105);
    // The send time is that of the packet, not of its frame: estimators on the other side rely on it.
    const sentAt = narrow.viewer.arrivals.map(({ extensions }) => {
      const [a, b, c] = extensions.get(absSendTimeId)!;
      return (((a! << 16) | (b! << 8) | c!) * 1000) / 2 ** 18;
    });
    expect(sentAt.at(-1)! - sentAt[0]!).toBeCloseTo(spreadMs(narrow), 0);
    narrow.viewer.close();
    wide.viewer.close();
  });

  it('sound goes before pictures that wait', () => {
    const { host, clock, stream, receiver } = scene(100);
    const watching = watch(host, receiver);
    const speaker = new Speaker(host);
    const sender = senderSpec(host, watching.transport, speaker.receiver, { mid: '8' });
    const listener = new Viewer(host, watching.endpoint, sender);
    watching.endpoint.onRtp = (packet) => {
      watching.viewer.handleRtp(packet);
      listener.handleRtp(packet);
    };
    host.update({ senders: [sender] });
    tell(watching, 100_000);
    clock.runFor(100);
    stream.sendFrame();
    clock.runFor(30);
    speaker.send();
    const saidAt = clock.now();
    clock.runFor(300);
    expect(listener.arrivals.map(({ at }) => at - saidAt)).toEqual([2 * delayMs]);
    expect(watching.viewer.arrivals.at(-1)!.at).toBeGreaterThan(saidAt + 2 * delayMs + 30);
    watching.viewer.close();
    listener.close();
  });

  it('can be turned off', () => {
    const { host, clock, stream, receiver } = scene(100, 0);
    const narrow = watch(host, receiver);
    tell(narrow, 100_000);
    clock.runFor(100);
    stream.sendFrame();
    clock.runFor(300);
    expect(narrow.viewer.arrivals).toHaveLength(100);
    expect(spreadMs(narrow)).toBe(0);
    narrow.viewer.close();
  });

  it.each([true, false])(
    'more than the path carries waits 100 ms at most and is repaired (RTX: %s)',
    (rtx) => {
      const { host, clock, stream, receiver } = scene(40);
      const narrow = rtx ? watch(host, receiver) : withoutRtx(host, receiver);
      tell(narrow, 160_000);
      clock.runFor(100);
      // Over before anything is lost, so that what waits can be told from what is repaired.
      const begun = new Map<number, number>();
      const send = stream.sendPacket.bind(stream);
      stream.sendPacket = (...frame) => {
        begun.set(stream.packets, clock.now());
        send(...frame);
      };
      stream.start();
      clock.runFor(2000);
      const waited = narrow.viewer.arrivals.map(
        ({ at, payload }) =>
          at - begun.get(new DataView(payload.buffer, payload.byteOffset).getUint32(7))! - 2 * delayMs,
      );
      expect(waited.length).toBeGreaterThan(2000);
      expect(Math.max(...waited)).toBeLessThanOrEqual(105);
      expect(Math.max(...waited)).toBeGreaterThan(50);
      host.network.setPolicy(workerAddress.ip, narrow.socket.address.ip, { delayMs, loss: 0.05 });
      clock.runFor(2000);
      stream.stop();
      host.network.setPolicy(workerAddress.ip, narrow.socket.address.ip, { delayMs });
      clock.runFor(1000);
      expect(narrow.viewer.arrivals.filter((got) => got.rtx).length > 0).toBe(rtx);
      expect(narrow.viewer.holes).toEqual([]);
      narrow.viewer.close();
    },
  );

  it('who leaves takes along what waits, and the next one is not disturbed', () => {
    const { host, clock, stream, receiver } = scene(100);
    const gone = watch(host, receiver);
    tell(gone, 100_000);
    clock.runFor(100);
    stream.sendFrame();
    clock.runFor(20);
    const before = gone.viewer.arrivals.length;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(100);
    host.update({ remove: { senders: [gone.sender.id], transports: [gone.transport.id] } });
    clock.runFor(200);
    expect(gone.viewer.arrivals.length - before).toBeLessThan(10);
    gone.viewer.close();
    const next = watch(host, receiver);
    stream.wantKeyFrame();
    stream.sendFrame();
    clock.runFor(200);
    expect(next.viewer.holes).toEqual([]);
    expect(next.viewer.arrivals.length).toBeGreaterThanOrEqual(100);
    next.viewer.close();
  });

  it('what waits is not sent again before it has left', () => {
    const { host, clock, stream, receiver } = scene(100);
    const narrow = withoutRtx(host, receiver);
    const { viewer, sender } = narrow;
    viewer.nacks = false;
    tell(narrow, 100_000);
    clock.runFor(100);
    stream.sendFrame();
    clock.runFor(30);
    // A packet leaves every 3 ms: the ones that have left are on their way, those behind them wait.
    const next = (viewer.highest + 20) & 0xffff;
    const items = [{ packetId: next, bitmask: 0xffff }];
    viewer.send([{ type: 'nack', senderSsrc: 1, mediaSsrc: sender.ssrc, items }]);
    clock.runFor(300);
    expect(viewer.arrivals).toHaveLength(100);
    expect(viewer.arrivals).toEqual(viewer.sorted);
    expect(viewer.duplicates).toBe(0);
    viewer.close();
  });

  it('repairs of the publisher that wait, and are asked for meanwhile, are sealed once', () => {
    const { host, clock, stream, receiver, publisher } = scene(40);
    host.network.setPolicy(publisher.address.ip, workerAddress.ip, { delayMs, loss: 0.05 });
    const narrow = withoutRtx(host, receiver);
    tell(narrow, 160_000);
    clock.runFor(100);
    stream.start();
    clock.runFor(3000);
    host.network.setPolicy(publisher.address.ip, workerAddress.ip, { delayMs });
    clock.runFor(500);
    stream.stop();
    clock.runFor(1000);
    expect(narrow.viewer.holes).toEqual([]);
    expect(stream.nacked).toBeGreaterThan(50);
    narrow.viewer.close();
  });

  it('more than there is room for goes early, in its order', () => {
    const { host, clock, stream, receiver } = scene(100);
    const crowd = Array.from({ length: 100 }, () => watch(host, receiver));
    for (const one of crowd) tell(one, 100_000);
    clock.runFor(100);
    stream.sendFrame();
    clock.runFor(400);
    for (const { viewer } of crowd) {
      expect(viewer.arrivals).toHaveLength(100);
      expect(viewer.arrivals).toEqual(viewer.sorted);
      expect(viewer.duplicates).toBe(0);
      viewer.close();
    }
  });

  it('transport-wide numbers are given in the order of leaving', () => {
    const { host, clock, stream, receiver } = scene(60);
    const id = 5;
    const watching = watch(host, receiver, {
      codecs: vp8Codecs(room, { ...videoFeedback, transportCc: true }),
      headerExtensions: [...viewerExtensions, { uri: extensionUri.transportSequence, id }],
    });
    tell(watching, 160_000);
    clock.runFor(100);
    stream.start();
    clock.runFor(1000);
    stream.stop();
    clock.runFor(300);
    const numbers = watching.viewer.arrivals.map(({ extensions }) => {
      const [high, low] = extensions.get(id)!;
      return (high! << 8) | low!;
    });
    expect(numbers.length).toBeGreaterThan(1000);
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0]! + i) & 0xffff));
    watching.viewer.close();
  });

  it('a payload that was overwritten meanwhile is left out, and no other goes in its place', () => {
    const { host, clock, stream, receiver } = scene(100, undefined, 512);
    const narrow = watch(host, receiver);
    narrow.viewer.nacks = false;
    tell(narrow, 100_000);
    const other = publish(host, { streams: [{ ssrc: 3333, packetsPerFrame: 100 }] });
    clock.runFor(100);
    stream.sendFrame();
    for (let n = 0; n < 4; n++) {
      clock.runFor(10);
      for (let k = 0; k < 2; k++) other.streams[0]!.sendFrame();
    }
    clock.runFor(300);
    const { arrivals } = narrow.viewer;
    expect(arrivals.length).toBeGreaterThan(40);
    expect(arrivals.length).toBeLessThan(100);
    for (const { payload } of arrivals) {
      const number = new DataView(payload.buffer, payload.byteOffset).getUint32(7);
      expect(number).toBeLessThan(100);
      expect(payload.subarray(2, 4)).toEqual(arrivals[0]!.payload.subarray(2, 4));
    }
    expect(narrow.viewer.contents).toEqual([...new Set(narrow.viewer.contents)]);
    narrow.viewer.close();
  });

  it('debt from an overload is soon paid', () => {
    const { host, clock, stream, receiver } = scene(100);
    const narrow = watch(host, receiver);
    tell(narrow, 160_000);
    clock.runFor(100);
    stream.start();
    clock.runFor(8000);
    stream.stop();
    clock.runFor(500);
    const before = narrow.viewer.arrivals.length;
    const sentAt: number[] = [];
    for (let n = 0; n < 10; n++) {
      sentAt.push(clock.now());
      stream.sendPacket(false, true, true);
      clock.runFor(50);
    }
    const waited = narrow.viewer.arrivals.slice(before).map(({ at }, i) => at - sentAt[i]! - 2 * delayMs);
    expect(waited).toHaveLength(10);
    expect(Math.max(...waited)).toBeLessThan(10);
    narrow.viewer.close();
  });
});

import { describe, expect, it } from 'vitest';
import { publish, type Subscription, watch } from './scene.ts';
import { Speaker } from './speaker.ts';
import { senderSpec } from './specs.ts';
import { Viewer } from './viewer.ts';
import { WorkerHost } from './worker-host.ts';

/** Id of abs-send-time in `viewerExtensions`. */
const absSendTimeId = 4;
/** One way, each. */
const delayMs = 10;

function scene(packetsPerFrame: number, paceFactor?: number) {
  const host = new WorkerHost({ policy: { delayMs }, gather: true, paceFactor });
  const { streams, receiver } = publish(host, {
    streams: [{ ssrc: 1111, rtxSsrc: 1112, packetsPerFrame }],
  });
  return { host, clock: host.clock, stream: streams[0]!, receiver };
}

/** The viewer's browser says what its path carries. */
function tell({ viewer, sender }: Subscription, bitrateBps: number): void {
  viewer.send([{ type: 'remb', senderSsrc: 1, mediaSsrc: 0, bitrateBps, ssrcs: [sender.ssrc] }]);
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

  // Without RTX a packet goes out again under its own number: the same bytes, or the key is given away.
  it.each([true, false])(
    'more than the path carries waits 100 ms at most and is repaired (RTX: %s)',
    (rtx) => {
      const { host, clock, stream, receiver } = scene(40);
      const { rtxSsrc: _, ...plain } = senderSpec(host, { id: 0, peerId: 0 }, receiver);
      const { codecs } = plain;
      const only = codecs.filter(({ mimeType }) => mimeType !== 'video/rtx');
      const narrow = watch(host, receiver, rtx ? {} : { codecs: only, rtxSsrc: undefined });
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
      host.network.setPolicy('198.51.100.1', narrow.socket.address.ip, { delayMs, loss: 0.05 });
      clock.runFor(2000);
      stream.stop();
      host.network.setPolicy('198.51.100.1', narrow.socket.address.ip, { delayMs });
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
});

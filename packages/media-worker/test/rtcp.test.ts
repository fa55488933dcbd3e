import type { MediaExplanation } from '@weir/protocol';
import { buildRtpPacket, extensionUri, parseRtcp, TransportFeedback, unixMsFromNtp } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { DescribedPublisher, decodeDescribed, viewerOfDescribed } from './described-video.ts';
import { VideoStream } from './publisher.ts';
import { publish, watch } from './scene.ts';
import { publisherExtensions, receiverSpec, senderSpec, videoFeedback, vp8Codecs, wire } from './specs.ts';
import { Viewer } from './viewer.ts';
import { WorkerHost, wallClockOffsetMs } from './worker-host.ts';

describe('key frame requests', () => {
  it('of many viewers become few', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const viewers = Array.from({ length: 10 }, () => watch(host, receiver).viewer);
    streams[0]!.start();
    host.clock.runFor(3000);
    const before = streams[0]!.plis;
    for (const viewer of viewers) viewer.pli();
    host.clock.runFor(200);
    expect(streams[0]!.plis).toBe(before + 1);
    // Each viewer asks every 50 ms for two seconds: hardly more than one request per 300 ms goes on.
    for (let i = 0; i < 40; i++) {
      for (const viewer of viewers) viewer.pli();
      host.clock.runFor(50);
    }
    expect(streams[0]!.plis - before).toBeGreaterThan(3);
    expect(streams[0]!.plis - before).toBeLessThan(10);
  });

  it('of one viewer are limited in the long run', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(1000);
    const before = streams[0]!.plis;
    for (let i = 0; i < 900; i++) {
      viewer.pli();
      host.clock.runFor(10);
    }
    expect(streams[0]!.plis - before).toBeLessThanOrEqual(10);
  });

  it('are repeated until a key frame comes, ever slower', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 }, replay: { maxPackets: 0 } });
    const { receiver, streams } = publish(host);
    watch(host, receiver);
    streams[0]!.obedient = false;
    streams[0]!.start();
    host.clock.runFor(1000);
    const { viewer } = watch(host, receiver);
    host.clock.runFor(10_000);
    expect(streams[0]!.plis).toBeGreaterThanOrEqual(5);
    expect(streams[0]!.plis).toBeLessThanOrEqual(10);
    expect(viewer.got.size).toBe(0);
    streams[0]!.wantKeyFrame();
    host.clock.runFor(100);
    const asked = streams[0]!.plis;
    expect(viewer.got.size).toBeGreaterThan(0);
    host.clock.runFor(5000);
    expect(streams[0]!.plis).toBe(asked);
  });

  it('keep the distance that the receiver asks for', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host, { receiver: { keyFrameRequestDelayMs: 3000 } });
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(5000);
    const before = streams[0]!.plis;
    for (let i = 0; i < 9; i++) {
      viewer.pli();
      host.clock.runFor(1000);
    }
    expect(streams[0]!.plis - before).toBeLessThanOrEqual(4);
    expect(streams[0]!.plis - before).toBeGreaterThanOrEqual(3);
  });

  it('go as FIR where only that was agreed on', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 }, replay: { maxPackets: 0 } });
    const { receiver, streams } = publish(host, {
      receiver: { codecs: vp8Codecs(wire, { ...videoFeedback, pli: false }) },
    });
    streams[0]!.start();
    host.clock.runFor(1000);
    watch(host, receiver);
    host.clock.runFor(500);
    expect(streams[0]!.firs).toBeGreaterThan(0);
    expect(streams[0]!.plis).toBe(0);
    expect(streams[0]!.keyFrames).toBe(2);
  });
});

describe('sender reports', () => {
  it('place both streams of a publisher on one clock, so that lips stay in sync', () => {
    // The two streams take different ways through the jitter; arrival alone would be up to 80 ms off.
    const host = new WorkerHost({ seed: 9, policy: { delayMs: 10, jitterMs: 80 } });
    const { spec, endpoint } = host.connected();
    const first = receiverSpec(host, spec, 'video', { encodings: [{ ssrc: 1111 }] });
    const second = receiverSpec(host, spec, 'video', { encodings: [{ ssrc: 3333 }] });
    host.update({ receivers: [first, second] });
    const clockErrorMs = -3_600_000;
    const streams = [
      new VideoStream(host, endpoint, { ssrc: 1111, firstTimestamp: 0, clockErrorMs }),
      new VideoStream(host, endpoint, { ssrc: 3333, firstTimestamp: 4_000_000_000, fps: 10, clockErrorMs }),
    ];
    const viewing = host.connected();
    const senders = [
      senderSpec(host, viewing.spec, first),
      senderSpec(host, viewing.spec, second, { mid: '8' }),
    ];
    const viewers = senders.map((sender) => new Viewer(host, viewing.endpoint, sender));
    viewing.endpoint.onRtp = (packet) => {
      for (const viewer of viewers) viewer.handleRtp(packet);
    };
    viewing.endpoint.onRtcp = (packet) => {
      for (const viewer of viewers) viewer.handleRtcp(packet);
    };
    host.update({ senders });
    // Timestamps of a stream belong to the virtual time at which its frames are made.
    const started = host.clock.now();
    for (const stream of streams) stream.start();
    host.clock.runFor(10_000);

    // When was the frame with RTP timestamp 0 (of each clock) filmed, by the reports?
    const filmed = viewers.map((viewer, i) => {
      const { report } = viewer.senderReports.at(-1)!;
      const ntp = unixMsFromNtp(report.ntpSeconds, report.ntpFraction);
      const elapsed = ((report.rtpTimestamp - streams[i]!.options.firstTimestamp!) | 0) / 90;
      return ntp - elapsed;
    });
    expect(Math.abs(filmed[0]! - filmed[1]!)).toBeLessThan(1);
    // And in our own wall-clock time, although the publisher's clock is an hour off.
    expect(Math.abs(filmed[0]! - (wallClockOffsetMs + started))).toBeLessThan(150);
  });

  it('come with the name of the publisher, count what was sent, and before the publisher has reported too', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host, { streams: [{ ssrc: 1111, rtxSsrc: 1112 }] });
    const { viewer, sender } = watch(host, receiver);
    const stream = streams[0]!;
    const begun = host.clock.now();
    for (let i = 0; i < 100; i++) {
      stream.sendFrame();
      stream.timestamp += 3000;
      host.clock.runFor(1000 / 30);
    }
    host.clock.runFor(20);
    expect(viewer.senderReports.length).toBeGreaterThanOrEqual(2);
    const { report, at } = viewer.senderReports.at(-1)!;
    const sentBy = viewer.arrivals.filter((got) => got.at <= at).length;
    expect(Math.abs(report.packetCount - sentBy)).toBeLessThanOrEqual(4);
    expect(report.octetCount).toBe(report.packetCount * 40);
    const elapsed = unixMsFromNtp(report.ntpSeconds, report.ntpFraction) - wallClockOffsetMs - begun;
    expect(Math.abs((report.rtpTimestamp - 100_000) / 90 - elapsed)).toBeLessThan(40);
    expect(viewer.rtcp.find((packet) => packet.type === 'sdes')).toEqual({
      type: 'sdes',
      chunks: [{ ssrc: sender.ssrc, items: [{ type: 1, value: 'publisher' }] }],
    });
  });

  it('let the round trip be measured', () => {
    const host = new WorkerHost({ policy: { delayMs: 40 } });
    const { receiver, streams } = publish(host);
    const { sender } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(5000);
    expect(host.stats('senders', sender.id)[0]!.roundTripTime).toBeCloseTo(80, 0);
  });
});

describe('towards publishers', () => {
  it('goes a receiver report each second or so, with what was lost', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { streams, socket } = publish(host);
    const stream = streams[0]!;
    stream.start();
    host.clock.runFor(5000);
    const calm = stream.reports.length;
    expect(calm).toBeGreaterThanOrEqual(3);
    expect(calm).toBeLessThanOrEqual(8);
    host.network.setPolicy(socket.address.ip, '198.51.100.1', { delayMs: 10, loss: 0.3 });
    host.clock.runFor(3000);
    const blocks = stream.reports.flatMap((packet) => (packet.type === 'rr' ? packet.reports : []));
    expect(blocks[0]).toMatchObject({ ssrc: 1111, fractionLost: 0, totalLost: 0 });
    const last = blocks.at(-1)!;
    expect(last.fractionLost / 256).toBeGreaterThan(0.15);
    expect(last.fractionLost / 256).toBeLessThan(0.45);
    expect(last.lastSenderReport).not.toBe(0);
  });

  it('goes REMB that lets the bit rate grow while the path carries it, and falls with loss', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { streams, socket } = publish(host, {
      streams: [{ ssrc: 1111, rtxSsrc: 1112, packetsPerFrame: 100 }],
    });
    const stream = streams[0]!;
    stream.start();
    host.clock.runFor(10_000);
    expect(stream.rembs.length).toBeGreaterThan(7);
    expect(stream.rembs[0]).toBeGreaterThanOrEqual(1_990_000);
    const best = stream.rembs.at(-1)!;
    expect(best).toBeGreaterThan(2_500_000);
    host.network.setPolicy(socket.address.ip, '198.51.100.1', { delayMs: 10, loss: 0.4 });
    host.clock.runFor(5000);
    expect(stream.rembs.at(-1)).toBeLessThan(best * 0.6);
  }, 60_000);

  it('goes the configured limit as REMB', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { streams, transport } = publish(host);
    streams[0]!.start();
    host.clock.runFor(2500);
    host.update({ transports: [{ ...transport, maxIncomingBitrate: 300_000 }] });
    host.clock.runFor(2500);
    expect(streams[0]!.rembs.at(-1)).toBe(300_000 - (300_000 % 2));
    expect(host.stats('transports', transport.id)[0]!.maxIncomingBitrate).toBe(300_000);
  });

  it('goes transport-wide feedback when it was agreed on, also for packets of unknown streams', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { endpoint } = publish(host, {
      receiver: {
        codecs: vp8Codecs(wire, { ...videoFeedback, remb: false, transportCc: true }),
        headerExtensions: [...publisherExtensions, { uri: extensionUri.transportSequence, id: 5 }],
      },
    });
    const arrived = new Map<number, number>();
    let rembs = 0;
    endpoint.onRtcp = (data) => {
      for (const packet of parseRtcp(data) ?? []) {
        if (packet.type === 'remb') rembs++;
        if (packet.type !== 'transport-cc') continue;
        const feedback = new TransportFeedback();
        expect(feedback.parse(packet.data, 0, packet.data.length)).toBe(true);
        for (let i = 0; i < feedback.count; i++) {
          if (feedback.received[i]) arrived.set((feedback.baseSequence + i) & 0xffff, feedback.arrivalMs[i]!);
        }
      }
    };
    for (let i = 0; i < 200; i++) {
      endpoint.sendRtp(
        buildRtpPacket({
          payloadType: wire.vp8,
          sequenceNumber: i,
          timestamp: i * 3000,
          ssrc: i % 4 === 0 ? 987_654 : 1111,
          extensions: [{ id: 5, data: Uint8Array.of((65_500 + i) >> 8, (65_500 + i) & 255) }],
          payload: Uint8Array.of(0x10, 0x11, 1, 2),
        }),
      );
      host.clock.runFor(7);
    }
    host.clock.runFor(300);
    expect(arrived.size).toBe(200);
    expect(arrived.get(65_510 & 0xffff)! - arrived.get(65_500)!).toBeCloseTo(70, 0);
    expect(rembs).toBe(0);
  });
});

describe('from viewers', () => {
  it('REMB and scores are kept and told', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { receiver, streams } = publish(host);
    const { viewer, sender, transport } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(2000);
    viewer.send([{ type: 'remb', senderSsrc: 1, mediaSsrc: 0, bitrateBps: 1_234_000, ssrcs: [sender.ssrc] }]);
    expect(host.of('sender.score').at(-1)).toMatchObject({
      senderId: sender.id,
      score: 10,
      receiverScore: 10,
    });
    viewer.fractionLost = 80;
    for (let i = 1; i <= 5; i++) {
      viewer.totalLost += 40;
      host.clock.runFor(1000);
    }
    viewer.report();
    host.clock.runFor(50);
    expect(host.stats('transports', transport.id)[0]!.availableOutgoingBitrate).toBe(1_234_000);
    expect(host.of('sender.score').at(-1)!.score).toBeLessThan(6);
    expect(host.stats('senders', sender.id)[0]).toMatchObject({
      type: 'outbound-rtp',
      packetsLost: viewer.totalLost,
    });
  });

  it('REMB decides over layers where it is all that was agreed on, from second to second', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const source = new DescribedPublisher(host, [{ spatial: 3, temporal: 3 }]);
    const { viewer, sender, transport } = watch(host, source.receiver, viewerOfDescribed);
    host.clock.runFor(4000);
    const explain = () => host.stats('senders', sender.id, 'explain')[0] as unknown as MediaExplanation;
    const costs = [0, 1, 2].map((layer) =>
      Math.max(
        ...explain()
          .candidates.filter(({ spatialLayer }) => spatialLayer === layer)
          .map(({ bitrateBps }) => bitrateBps),
      ),
    );
    const told = (bitrateBps: number, seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        viewer.send([{ type: 'remb', senderSsrc: 1, mediaSsrc: 0, bitrateBps, ssrcs: [sender.ssrc] }]);
        host.clock.runFor(1000);
      }
      return explain();
    };
    expect(explain().current?.spatialLayer).toBe(2);
    const narrow = Math.round(costs[0]! * 1.15);
    const low = told(narrow, 3);
    expect(low.current?.spatialLayer).toBe(0);
    expect(low.transport).toMatchObject({ limit: 'remb' });
    // REMB has 18 bits of mantissa.
    expect(host.stats('transports', transport.id)[0]!.availableOutgoingBitrate).toBeCloseTo(narrow, -2);
    const wide = told(costs[2]! * 2, 6);
    expect(wide.current?.spatialLayer).toBe(2);
    expect(told(narrow, 3).current?.spatialLayer).toBe(0);
    // A viewer that falls silent bounds nothing for long.
    host.clock.runFor(15_000);
    expect(explain().current?.spatialLayer).toBe(2);
    expect(decodeDescribed(viewer.sorted).length).toBeGreaterThan(900);
  }, 60_000);
});

import type { PlainTransportSpec } from '@weir/protocol';
import { buildRtcp, buildRtpPacket, parseRtcp, RtpHeader } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { publish } from './scene.ts';
import { opusCodecs, receiverSpec, room, senderSpec, vp8Codecs, wire } from './specs.ts';
import { Viewer } from './viewer.ts';
import { WorkerHost, workerAddress } from './worker-host.ts';

function plainSpec(host: WorkerHost, changes: Partial<PlainTransportSpec>): PlainTransportSpec {
  return {
    id: host.id(),
    type: 'plain',
    peerId: host.id(),
    comedia: false,
    rtcpMux: true,
    maxIncomingBitrate: 0,
    ...changes,
  };
}

/** As ffmpeg sends it: no header extensions. */
function opusPacket(i: number, ssrc: number): Uint8Array {
  return buildRtpPacket({
    payloadType: wire.opus,
    sequenceNumber: i,
    timestamp: 960 * i,
    ssrc,
    payload: Uint8Array.of(i, 1, 2, 3),
  });
}

describe('plain transports', () => {
  it('with comedia learn the address from the first packet that fits, one transport among several', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const specs = [plainSpec(host, { comedia: true }), plainSpec(host, { comedia: true })];
    host.update({ transports: specs });
    const receivers = specs.map((spec, i) =>
      receiverSpec(host, spec, 'audio', { encodings: [{ ssrc: 900 + i }] }),
    );
    host.update({ receivers });
    const { spec, endpoint } = host.connected();
    const sender = senderSpec(host, spec, receivers[1]!);
    const viewer = new Viewer(host, endpoint, sender);
    endpoint.onRtp = (packet) => viewer.handleRtp(packet);
    host.update({ senders: [sender] });

    const ffmpeg = host.socket();
    const stranger = host.socket();
    for (let i = 0; i < 20; i++) {
      stranger.send(opusPacket(i, 555), workerAddress.ip, workerAddress.port);
      ffmpeg.send(opusPacket(i, 901), workerAddress.ip, workerAddress.port);
      host.clock.runFor(20);
    }
    host.clock.runFor(50);
    expect(viewer.sorted.map((got) => got.payload[0])).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(host.of('transport.tuple').filter((h) => h.transportId !== spec.id)).toMatchObject([
      {
        transportId: specs[1]!.id,
        tuple: { remoteIP: ffmpeg.address.ip, remotePort: 5000, protocol: 'udp' },
      },
    ]);
    // The address is learnt once: nobody else can take the stream over.
    stranger.send(opusPacket(500, 901), workerAddress.ip, workerAddress.port);
    host.clock.runFor(50);
    expect(viewer.got.size).toBe(20);
    expect(host.stats('transports', specs[1]!.id)[0]).toMatchObject({
      type: 'plain-rtp-transport',
      comedia: true,
    });
  });

  it('take media from the told address only, and send reports back to it', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const gstreamer = host.socket();
    const other = host.socket();
    const spec = plainSpec(host, { remote: { ip: gstreamer.address.ip, port: gstreamer.address.port } });
    const receiver = receiverSpec(host, spec, 'audio', { codecs: opusCodecs(wire) });
    host.update({ transports: [spec], receivers: [receiver] });
    const reports: number[] = [];
    gstreamer.onMessage = (data) => {
      for (const packet of parseRtcp(data) ?? []) {
        if (packet.type === 'rr') reports.push(packet.reports[0]!.ssrc);
      }
    };
    for (let i = 0; i < 60; i++) {
      other.send(opusPacket(i + 1000, 2222), workerAddress.ip, workerAddress.port);
      gstreamer.send(opusPacket(i, 2222), workerAddress.ip, workerAddress.port);
      host.clock.runFor(20);
    }
    expect(host.stats('receivers', receiver.id)[0]).toMatchObject({ packetCount: 60, packetsLost: 0 });
    expect(reports[0]).toBe(2222);
  });

  it('send to the told address without encryption, RTCP beside, and answer NACK and PLI from there', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { receiver, streams } = publish(host);
    const rtp = host.network.bind('203.0.113.200', 7000);
    const rtcp = host.network.bind('203.0.113.200', 7001);
    const spec = plainSpec(host, {
      rtcpMux: false,
      remote: { ip: '203.0.113.200', port: 7000, rtcpPort: 7001 },
    });
    const sender = senderSpec(host, spec, receiver, { codecs: vp8Codecs(room), headerExtensions: [] });
    host.update({ transports: [spec], senders: [sender] });
    const sequences: number[] = [];
    const repairs: number[] = [];
    const header = new RtpHeader();
    rtp.onMessage = (data) => {
      expect(header.parse(data, 0, data.length)).toBe(true);
      expect(header.extensionProfile).toBe(0);
      if (header.ssrc === sender.ssrc) sequences.push(header.sequenceNumber);
      else repairs.push((data[12]! << 8) | data[13]!);
    };
    const reported: string[] = [];
    rtcp.onMessage = (data) => {
      for (const packet of parseRtcp(data) ?? []) reported.push(packet.type);
    };
    streams[0]!.start();
    host.clock.runFor(2000);
    expect(sequences.length).toBeGreaterThan(200);
    expect(reported).toContain('sr');
    expect(reported).toContain('sdes');
    const { keyFrames } = streams[0]!;
    rtcp.send(
      buildRtcp([
        { type: 'pli', senderSsrc: 1, mediaSsrc: sender.ssrc },
        {
          type: 'nack',
          senderSsrc: 1,
          mediaSsrc: sender.ssrc,
          items: [{ packetId: sequences.at(-1)!, bitmask: 0 }],
        },
      ]),
      workerAddress.ip,
      workerAddress.port,
    );
    const last = sequences.at(-1)!;
    host.clock.runFor(200);
    expect(streams[0]!.keyFrames).toBe(keyFrames + 1);
    expect(repairs).toEqual([last]);
    host.update({ remove: { transports: [spec.id], senders: [sender.id] } });
    const before = sequences.length;
    host.clock.runFor(200);
    expect(sequences.length).toBe(before);
  });
});

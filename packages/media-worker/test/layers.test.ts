import type { SenderSpec } from '@weir/protocol';
import { absSendTimeFromMs, buildRtpPacket, writeU24 } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { vp8Codecs, wire } from './specs.ts';
import { WorkerHost } from './worker-host.ts';

/** A VP8 stream with two temporal layers: every second picture may be left out. */
function twoTemporalLayers(host: WorkerHost, send: (packet: Uint8Array) => unknown): void {
  let sequence = 100;
  let picture = 500;
  const time = new Uint8Array(3);
  const frame = () => {
    const temporal = picture & 1;
    picture = (picture + 1) & 0x7fff;
    writeU24(time, 0, absSendTimeFromMs(host.clock.now()));
    for (let i = 0; i < 3; i++) {
      const payload = new Uint8Array(200);
      payload.set([i === 0 ? 0x90 : 0x80, 0xe0, 0x80 | (picture >> 8), picture & 255, picture >> 1]);
      payload[5] = (temporal << 6) | (temporal === 1 ? 0x20 : 0);
      payload[6] = picture % 60 === 0 ? 0x10 : 0x11;
      payload[7] = temporal;
      sequence = (sequence + 1) & 0xffff;
      send(
        buildRtpPacket({
          payloadType: wire.vp8,
          sequenceNumber: sequence,
          timestamp: (picture * 3000) >>> 0,
          ssrc: 1111,
          marker: i === 2,
          extensions: [{ id: 3, data: time }],
          payload,
        }),
      );
    }
    host.clock.at(host.clock.now() + 33, frame);
  };
  frame();
}

describe('temporal layers of VP8', () => {
  it('are left out as the viewer prefers, and pictures stay numbered without a gap', () => {
    const host = new WorkerHost({ policy: { delayMs: 15, loss: 0.02 }, seed: 3 });
    const { receiver, endpoint } = publish(host, { receiver: { codecs: vp8Codecs(wire) } });
    twoTemporalLayers(host, (packet) => endpoint.sendRtp(packet));
    host.clock.runFor(1500);
    const { viewer, sender } = watch(host, receiver);
    host.clock.runFor(3000);
    expect(viewer.sorted.some(({ payload }) => payload[7] === 1)).toBe(true);
    const half: SenderSpec = { ...sender, preferredLayers: { spatialLayer: 0, temporalLayer: 0 } };
    host.update({ senders: [half] });
    host.clock.runFor(1000);
    const from = host.clock.now();
    host.clock.runFor(3000);
    const lower = viewer.sorted.filter(({ at }) => at >= from);
    expect(lower.length).toBeGreaterThan(100);
    expect(lower.every(({ payload }) => payload[7] === 0)).toBe(true);
    host.update({ senders: [sender] });
    host.clock.runFor(3000);
    const last = viewer.sorted.filter(({ at }) => at >= host.clock.now() - 1000);
    expect(last.some(({ payload }) => payload[7] === 1)).toBe(true);

    const ids = viewer.sorted.map(({ payload }) => ((payload[2]! & 0x7f) << 8) | payload[3]!);
    const jumps = ids.filter((id, i) => i > 0 && ((id - ids[i - 1]!) & 0x7fff) > 1);
    // What the publisher's own link lost for good is all that may be missing.
    expect(jumps.length).toBeLessThanOrEqual(2);
  });
});

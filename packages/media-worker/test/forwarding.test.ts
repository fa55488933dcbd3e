import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { room } from './specs.ts';
import { WorkerHost } from './worker-host.ts';

describe('one publisher, two viewers', () => {
  it('forwards every packet from a key frame on, with own SSRC, payload type and extension ids', () => {
    const host = new WorkerHost({ policy: { delayMs: 20 } });
    const { receiver, streams, transport } = publish(host);
    const alice = watch(host, receiver);
    const bob = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(2000);

    for (const { viewer, endpoint } of [alice, bob]) {
      expect(viewer.got.size).toBeGreaterThan(200);
      expect(viewer.holes).toEqual([]);
      expect(viewer.duplicates).toBe(0);
      expect(viewer.contents).toEqual(Array.from({ length: viewer.got.size }, (_, i) => i));
      expect(endpoint.unauthentic).toBe(0);
      const first = viewer.arrivals[0]!;
      expect(first.payloadType).toBe(room.vp8);
      expect(first.extensions.has(4)).toBe(true);
      // The publisher's MID and RID stay with us; the viewer's MID goes until it has reported.
      expect(new TextDecoder().decode(first.extensions.get(1))).toBe('7');
      expect(viewer.arrivals.at(-1)!.extensions.has(1)).toBe(false);
    }
    expect(host.of('transport.dtls').filter((h) => h.state === 'connected')).toHaveLength(3);
    expect(host.stats('receivers', receiver.id)[0]).toMatchObject({
      type: 'inbound-rtp',
      ssrc: 1111,
      packetsLost: 0,
    });
    expect(host.stats('transports', transport.id, 'dump')[0]).toMatchObject({
      dtlsState: 'connected',
      rtpListener: { ssrcTable: { 1111: receiver.id, 1112: receiver.id } },
    });
  });
});

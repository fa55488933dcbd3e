import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { WorkerHost } from './worker-host.ts';

const simulcast = {
  streams: [0, 1, 2].map((i) => ({
    ssrc: 5000 + i,
    rtxSsrc: 6000 + i,
    mid: '0',
    rid: `r${i}`,
    packetsPerFrame: i + 1,
  })),
  receiver: { mid: '0', encodings: [0, 1, 2].map((i) => ({ rid: `r${i}` })) },
};

const count = ({ counts }: { readonly counts: readonly number[] }) => counts.reduce((sum, one) => sum + one);

describe('the overview for metrics', () => {
  it('tells how long each step of joining took, once per transport and viewer', () => {
    const host = new WorkerHost({ policy: { delayMs: 40 } });
    const { receiver, streams } = publish(host);
    watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(3000);
    const { latencies, connectedTransports, videoForwarding, videoWaiting } = host.worker.overview();
    expect([connectedTransports, videoForwarding, videoWaiting]).toEqual([2, 1, 0]);
    expect([latencies.ice, latencies.dtls].map(count)).toEqual([2, 2]);
    expect([latencies.firstRtp, latencies.firstKeyFrame].map(count)).toEqual([1, 1]);
    // A check has to come over the link, and a handshake goes over it several times.
    expect(latencies.ice.sumMs / 2).toBeGreaterThanOrEqual(40);
    expect(latencies.dtls.sumMs / 2).toBeGreaterThanOrEqual(120);
    expect(latencies.dtls.sumMs / 2).toBeLessThan(1000);
  });

  it('counts what viewers ask for again and what they get, and what publishers are asked for', () => {
    const host = new WorkerHost({ seed: 3, policy: { loss: 0.05, delayMs: 20 } });
    const { receiver, streams } = publish(host);
    const { sender } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(5000);
    const { totals } = host.worker.overview();
    const [outbound] = host.stats('senders', sender.id);
    expect(totals.packetsSentAgain).toBeGreaterThan(5);
    expect(totals.packetsAskedFor).toBe(totals.packetsSentAgain + totals.packetsNotSentAgain);
    expect(totals.packetsAskedFor).toBe(outbound!.nackPacketCount);
    const [inbound] = host.stats('receivers', receiver.id);
    expect(totals.nacksSent).toBe(inbound!.nackCount);
    expect(totals.packetsAskedOfPublishers).toBe(inbound!.nackPacketCount);
    expect(totals.plisSent).toBe(inbound!.pliCount);
  });

  it('counts switches of encodings with what bounds the new one', () => {
    const host = new WorkerHost({ policy: { delayMs: 15 } });
    const { receiver, streams } = publish(host, simulcast);
    const { sender } = watch(host, receiver);
    for (const stream of streams) stream.start();
    host.clock.runFor(3000);
    const before = host.worker.overview().totals;
    host.update({ senders: [{ ...sender, preferredLayers: { spatialLayer: 0 } }] });
    host.clock.runFor(1000);
    host.update({ senders: [{ ...sender, preferredLayers: { spatialLayer: 1 } }] });
    host.clock.runFor(1000);
    host.update({ senders: [sender] });
    host.clock.runFor(1000);
    streams[2]!.stop();
    host.clock.runFor(5000);
    const { totals } = host.worker.overview();
    const more = (name: keyof typeof totals) => totals[name] - before[name];
    expect(more('layerDownPreference')).toBe(1);
    expect(more('layerUpPreference')).toBe(1);
    expect(more('layerUpSource')).toBe(1);
    expect(more('layerDownSource')).toBe(1);
    expect(more('layerDownBandwidth')).toBe(0);
    // A switch needs a key frame.
    expect(more('plisSent')).toBeGreaterThan(0);
  });
});

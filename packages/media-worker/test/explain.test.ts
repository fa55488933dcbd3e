import { MediaExplanation, type SenderSpec } from '@weir/protocol';
import type { LinkPolicy } from '@weir/testing';
import { describe, expect, it } from 'vitest';
import { threeLayers } from './quality/layered-publisher.ts';
import { publishLayers, viewLayers } from './quality/layered-scene.ts';
import { roomId, WorkerHost, workerAddress } from './worker-host.ts';

/** A publisher of three layers and one viewer behind a link. */
function scene(downlink: LinkPolicy, maxOutgoingBitrate = 0) {
  const host = new WorkerHost({ policy: { delayMs: 10 } });
  const { clock, network } = host;
  const { publisher, receiver, socket } = publishLayers(host);
  const link = { delayMs: 30, ...downlink };
  const viewer = viewLayers(host, [receiver], link, { delayMs: 30 }, maxOutgoingBitrate);
  const sender = viewer.senders[0]!;
  const explain = (): MediaExplanation => {
    const request = { what: 'explain' as const, transports: [], receivers: [], senders: [sender.id] };
    const answer = host.worker.inspect(roomId, request, clock.now());
    // What a pod says crosses a process as JSON.
    return MediaExplanation.parse(JSON.parse(JSON.stringify(answer.senders[sender.id]?.[0])));
  };
  const put = (changes: Partial<SenderSpec> = {}) => host.update({ senders: [{ ...sender, ...changes }] });
  return { clock, network, socket, publisher, explain, put };
}

describe('explain', () => {
  it('on a wide path: the best, with what each layer costs', () => {
    const { clock, publisher, explain, put } = scene({ rateBps: 10_000_000 });
    publisher.start();
    clock.runFor(2000);
    put();
    clock.runFor(10_000);
    const told = explain();
    expect(told).toMatchObject({
      connected: true,
      limit: 'none',
      allocated: { spatialLayer: 2, temporalLayer: 0 },
      current: { spatialLayer: 2, temporalLayer: 0 },
      awaitsKeyFrame: false,
    });
    expect(told.neededBps).toBeUndefined();
    expect(told.source.map(({ rid, live }) => [rid, live])).toEqual([
      ['r0', true],
      ['r1', true],
      ['r2', true],
    ]);
    for (const [i, { bitrateBps }] of told.candidates.entries()) {
      expect(bitrateBps / threeLayers[i]!.bitrateBps).toBeGreaterThan(0.8);
      expect(bitrateBps / threeLayers[i]!.bitrateBps).toBeLessThan(1.3);
    }
    expect(told.transport.estimateBps).toBeGreaterThan(1_500_000);
    expect(told.transport.rttMs).toBeGreaterThan(30);
  });

  it('on a narrow path: bandwidth, and what the next layer needs', () => {
    const { clock, publisher, explain, put } = scene({ rateBps: 900_000 });
    publisher.start();
    clock.runFor(2000);
    put();
    clock.runFor(20_000);
    const told = explain();
    expect(told).toMatchObject({ limit: 'bandwidth', current: { spatialLayer: 1 } });
    const { availableBps } = told.transport;
    expect(availableBps).toBeGreaterThan(500_000);
    expect(availableBps).toBeLessThan(1_100_000);
    expect(told.neededBps).toBeGreaterThan(1_500_000);
    expect(told.neededBps).toBeLessThan(2_200_000);
  });

  it('with a hysteresis of its own: what would fit is not enough, until the defaults are back', () => {
    const { clock, publisher, explain, put } = scene({ rateBps: 900_000 });
    publisher.start();
    clock.runFor(2000);
    put({ hysteresis: { upMargin: 2 } });
    clock.runFor(20_000);
    const told = explain();
    expect(told).toMatchObject({ limit: 'bandwidth', current: { spatialLayer: 0 } });
    expect(told.neededBps).toBeGreaterThan(1_400_000);
    put();
    clock.runFor(5000);
    expect(explain()).toMatchObject({ current: { spatialLayer: 1 } });
  });

  it('under a ceiling: maximum; with a preference: preference', () => {
    const { clock, publisher, explain, put } = scene({ rateBps: 10_000_000 }, 800_000);
    publisher.start();
    clock.runFor(2000);
    put();
    clock.runFor(10_000);
    expect(explain()).toMatchObject({
      limit: 'maximum',
      current: { spatialLayer: 1 },
      transport: { availableBps: 800_000, limit: 'maximum' },
    });
    put({ preferredLayers: { spatialLayer: 0 } });
    clock.runFor(1000);
    expect(explain()).toMatchObject({ limit: 'preference', current: { spatialLayer: 0 } });
  });

  it('tells how long a key frame is waited for, and when nothing comes', () => {
    const { clock, network, socket, publisher, explain, put } = scene({ rateBps: 10_000_000 });
    put();
    clock.runFor(500);
    expect(explain()).toMatchObject({ candidates: [], allocated: null, current: null });
    expect(explain().source.every(({ live }) => !live)).toBe(true);
    // An encoder that has sent its key frame before anybody could hear it, and ignores what it is asked.
    network.setPolicy(socket.address.ip, workerAddress.ip, { loss: 1 });
    for (const layer of publisher.layers) {
      layer.sendFrame();
      layer.wantKeyFrame = () => {};
    }
    clock.runFor(100);
    network.setPolicy(socket.address.ip, workerAddress.ip, { delayMs: 10 });
    publisher.start();
    clock.runFor(1300);
    const waiting = explain();
    expect(waiting).toMatchObject({ awaitsKeyFrame: true, current: null });
    expect(waiting.keyFrameWantedForMs).toBeGreaterThan(1200);
    expect(waiting.keyFrameWantedForMs).toBeLessThan(1400);
  });
});

import { describe, expect, it } from 'vitest';
import { publishLayers, viewLayers } from './quality/layered-scene.ts';
import { WorkerHost, workerAddress } from './worker-host.ts';

const up = { delayMs: 30 };
const wide = { delayMs: 30, rateBps: 5_000_000 };

/** A camera that runs, and one viewer that has settled with the best layer. */
function settled(downlink = wide) {
  const host = new WorkerHost({ policy: { delayMs: 10 } });
  const { publisher, receiver } = publishLayers(host);
  publisher.start();
  host.clock.runFor(2000);
  const { senders, viewers, ip } = viewLayers(host, [receiver], downlink, up);
  host.update({ senders });
  host.clock.runFor(10_000);
  const [sender, viewer] = [senders[0]!, viewers[0]!];
  const link = (rateBps: number) => host.network.setPolicy(workerAddress.ip, ip, { delayMs: 30, rateBps });
  const stats = () => host.stats('senders', sender.id)[0]!;
  return { host, clock: host.clock, publisher, receiver, sender, viewer, link, stats };
}

describe('a layer that is far too big', () => {
  it('stops before the lower one can begin, and is not sent again', () => {
    const { clock, viewer, link } = settled();
    expect(viewer.shown.at(-1)?.layer).toBe(2);
    link(400_000);
    const fellAt = clock.now();
    clock.runFor(4000);
    const after = viewer.media.filter(({ at }) => at > fellAt);
    const lastOfBest = after.findLast(({ layer }) => layer === 2)!;
    const firstOfLower = after.find(({ layer }) => layer < 2)!;
    // All of the best layer that still comes stood in the queue before the lower one was sent.
    expect(lastOfBest.at).toBeLessThan(firstOfLower.at);
    expect(firstOfLower.at - fellAt).toBeLessThan(1200);
    expect(viewer.shown.at(-1)?.layer).toBeLessThan(2);
  });

  it('is taken up again, and repaired again, when the path carries it', () => {
    const { clock, viewer, link } = settled();
    link(400_000);
    clock.runFor(4000);
    link(5_000_000);
    clock.runFor(8000);
    expect(viewer.shown.at(-1)?.layer).toBe(2);
    const before = viewer.rtxPackets;
    // Whatever is repaired now belongs to the best layer.
    viewer.dropNext(3);
    clock.runFor(1000);
    expect(viewer.rtxPackets - before).toBeGreaterThanOrEqual(3);
    expect(viewer.shown.at(-1)?.layer).toBe(2);
  });
});

describe('a key frame that a viewer asks for', () => {
  it('while one is on its way to it, costs the publisher nothing; later it does', () => {
    const { clock, publisher, viewer, stats } = settled();
    const best = publisher.layers[2]!;
    const before = best.keyFrames;
    const plis = Number(stats().pliCount);
    const ask = () => viewer.askForKeyFrame();
    ask();
    clock.runWhile(() => best.keyFrames === before, 1000);
    expect(best.keyFrames).toBe(before + 1);
    // Both reach the worker when the key frame has left it and is not there yet.
    ask();
    clock.runFor(15);
    ask();
    clock.runFor(1000);
    expect(best.keyFrames).toBe(before + 1);
    ask();
    clock.runFor(300);
    expect(best.keyFrames).toBe(before + 2);
    expect(stats().pliCount).toBe(plis + 4);
  });
});

describe('a replay', () => {
  it('that the path turns out to be too narrow for is given up, and the publisher asked', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const { publisher, receiver } = publishLayers(host);
    publisher.start();
    host.clock.runFor(2500);
    const [layer] = publisher.layers;
    const before = layer!.keyFrames;
    // 600 kbit/s are believed at first: enough to replay 2.5 s of the lowest layer in good time.
    const narrow = { delayMs: 30, rateBps: 260_000 };
    const { senders, viewers } = viewLayers(host, [receiver], narrow, up);
    host.update({ senders });
    const joinedAt = host.clock.now();
    host.clock.runFor(6000);
    expect(host.stats('senders', senders[0]!.id)[0]!.cachedKeyFrameCount).toBe(1);
    expect(layer!.keyFrames).toBeGreaterThan(before);
    // What it sees is live soon, and not what was filmed seconds ago until it has caught up.
    const live = viewers[0]!.delays.find(({ delayMs }) => delayMs < 400)!;
    expect(live.at - joinedAt).toBeLessThan(1500);
    expect(viewers[0]!.delays.at(-1)!.delayMs).toBeLessThan(400);
  });
});

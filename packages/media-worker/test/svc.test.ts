import type { MediaExplanation } from '@weir/protocol';
import { describe, expect, it } from 'vitest';
import {
  type DecodedPicture,
  DescribedPublisher,
  decodeDescribed,
  viewerOfDescribed,
} from './described-video.ts';
import { type Subscription, watch } from './scene.ts';
import { WorkerHost, workerAddress } from './worker-host.ts';

/** Everything so far was decodable; what came in the last `ms` milliseconds. */
function latest(host: WorkerHost, { viewer }: Subscription, ms: number): DecodedPicture[] {
  const got = viewer.sorted;
  const hole = got.findIndex(({ extended }, i) => i > 0 && extended !== got[i - 1]!.extended + 1);
  // What was lost just now still comes.
  if (hole >= 0) expect(got[hole]!.at).toBeGreaterThan(host.clock.now() - 150);
  const pictures = decodeDescribed(hole < 0 ? got : got.slice(0, hole));
  // The newest picture may still be on its way.
  const last = pictures.slice(0, -1).filter(({ at }) => at >= host.clock.now() - ms);
  expect(last.length).toBeGreaterThan(ms / 33 / 6);
  return last;
}

const tops = (pictures: readonly DecodedPicture[]) => ({
  spatial: [...new Set(pictures.map(({ spatial }) => spatial))],
  temporal: Math.max(...pictures.map(({ temporal }) => temporal)),
});

function prefer(
  host: WorkerHost,
  { sender }: Subscription,
  spatialLayer: number,
  temporalLayer?: number,
): void {
  const preferredLayers = { spatialLayer, ...(temporalLayer === undefined ? {} : { temporalLayer }) };
  host.update({ senders: [{ ...sender, preferredLayers }] });
}

describe.each([
  { name: 'L3T3', keyOnly: false },
  { name: 'L3T3_KEY', keyOnly: true },
])('AV1 $name, encrypted from end to end', ({ keyOnly }) => {
  const options = { spatial: 3, temporal: 3, keyOnly } as const;

  it('reaches an early and a late viewer with descriptors under which every frame decodes', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const source = new DescribedPublisher(host, [options]);
    host.clock.runFor(200);
    const early = watch(host, source.receiver, viewerOfDescribed);
    host.clock.runFor(3000);
    expect(tops(latest(host, early, 1000))).toEqual({ spatial: [2], temporal: 2 });
    const { plis } = source;
    const late = watch(host, source.receiver, viewerOfDescribed);
    host.clock.runFor(1000);
    // From the cache, the structure included.
    expect(decodeDescribed(late.viewer.sorted)[0]).toMatchObject({ key: true, spatialLayers: 3 });
    expect(tops(latest(host, late, 500))).toEqual({ spatial: [2], temporal: 2 });
    expect(source.plis).toBe(plis);
    expect(early.viewer.holes).toEqual([]);
  });

  it('is switched between all layers, and the viewer is told which decode targets it gets', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 }, seed: 5 });
    const source = new DescribedPublisher(host, [options]);
    const viewer = watch(host, source.receiver, viewerOfDescribed);
    // What is lost comes again by RTX, with a descriptor of its own.
    host.network.setPolicy(workerAddress.ip, viewer.socket.address.ip, { delayMs: 10, loss: 0.02 });
    host.clock.runFor(2000);
    for (const [spatial, temporal] of [
      [0, 2],
      [1, 2],
      [1, 1],
      [2, 1],
      [0, 0],
      [2, 2],
      [1, 1],
      [2, 2],
    ] as const) {
      prefer(host, viewer, spatial, temporal);
      host.clock.runFor(1500);
      const last = latest(host, viewer, 600);
      expect(tops(last)).toEqual({ spatial: [spatial], temporal });
      for (const { offered } of last) expect(offered).toEqual({ spatial, temporal });
    }
  });

  it('gets temporal layers back within a few pictures, without a key frame', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const source = new DescribedPublisher(host, [options]);
    const viewer = watch(host, source.receiver, viewerOfDescribed);
    host.clock.runFor(2000);
    source.obedient = false;
    prefer(host, viewer, 2, 1);
    host.clock.runFor(1000);
    expect(tops(latest(host, viewer, 500))).toEqual({ spatial: [2], temporal: 1 });
    prefer(host, viewer, 2, 2);
    host.clock.runFor(400);
    expect(tops(latest(host, viewer, 200))).toEqual({ spatial: [2], temporal: 2 });
  });

  it('follows a source that stops making upper layers and begins again', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const source = new DescribedPublisher(host, [options]);
    const all = watch(host, source.receiver, viewerOfDescribed);
    const low = watch(host, source.receiver, viewerOfDescribed);
    prefer(host, low, 0);
    host.clock.runFor(2500);
    const layers = () => {
      const { candidates } = host.stats(
        'senders',
        all.sender.id,
        'explain',
      )[0] as unknown as MediaExplanation;
      return candidates.map(({ spatialLayer }) => spatialLayer);
    };
    expect(Math.max(...layers())).toBe(2);
    source.sources[0]!.active = 1;
    host.clock.runFor(1500);
    expect(Math.max(...layers())).toBe(0);
    for (const viewer of [all, low]) {
      const last = latest(host, viewer, 1000);
      expect(tops(last)).toEqual({ spatial: [0], temporal: 2 });
      for (const { offered } of last) expect(offered.spatial).toBe(0);
    }
    source.sources[0]!.active = 3;
    host.clock.runFor(2000);
    const last = latest(host, all, 500);
    expect(tops(last)).toEqual({ spatial: [2], temporal: 2 });
    for (const { offered } of last) expect(offered).toEqual({ spatial: 2, temporal: 2 });
    expect(tops(latest(host, low, 500))).toEqual({ spatial: [0], temporal: 2 });
  });

  it('follows a source that changes its structure in the middle', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const source = new DescribedPublisher(host, [options]);
    const all = watch(host, source.receiver, viewerOfDescribed);
    const low = watch(host, source.receiver, viewerOfDescribed);
    prefer(host, low, 0, 0);
    host.clock.runFor(2000);
    source.sources[0]!.restructure({ spatial: 1, temporal: 2 });
    host.clock.runFor(1500);
    expect(tops(latest(host, all, 1000))).toEqual({ spatial: [0], temporal: 1 });
    expect(tops(latest(host, low, 1000))).toEqual({ spatial: [0], temporal: 0 });
    expect(latest(host, all, 1000).every(({ spatialLayers }) => spatialLayers === 1)).toBe(true);
    source.sources[0]!.restructure({ spatial: 2, temporal: 3, keyOnly });
    host.clock.runFor(1500);
    expect(tops(latest(host, all, 500))).toEqual({ spatial: [1], temporal: 2 });
    expect(tops(latest(host, low, 500))).toEqual({ spatial: [0], temporal: 0 });
  });
});

describe('AV1 L3T3 with gaps that nobody can close', () => {
  it('is not raised to layers whose chain is broken until a key frame mends them', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const source = new DescribedPublisher(host, [{ spatial: 1, temporal: 3 }]);
    const viewer = watch(host, source.receiver, viewerOfDescribed);
    host.clock.runFor(1000);
    prefer(host, viewer, 0, 0);
    host.clock.runFor(1000);
    source.obedient = false;
    let lost = 0;
    source.loses = ({ temporal, key }) => temporal === 0 && !key && lost++ < 2;
    host.clock.runFor(300);
    expect(lost).toBeGreaterThanOrEqual(2);
    prefer(host, viewer, 0, 2);
    const from = host.clock.now();
    host.clock.runFor(500);
    const temporals = () =>
      viewer.viewer.sorted
        .filter(({ at }) => at >= from)
        .map(({ extensions }) => extensions.get(8)![0]! & 63);
    // Templates of L1T3 are numbered as its temporal layers are.
    expect(new Set(temporals())).toEqual(new Set([0]));
    // Its decoder is stuck, and says so.
    source.obedient = true;
    viewer.viewer.pli();
    host.clock.runFor(500);
    expect(source.plis).toBeGreaterThan(0);
    expect(new Set(temporals())).toEqual(new Set([0, 1, 2]));
  });
});

describe('AV1 simulcast with descriptors', () => {
  it('numbers frames on through switches, as decoders take no key frame that is older than the last', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const source = new DescribedPublisher(
      host,
      Array.from({ length: 3 }, () => ({ spatial: 1, temporal: 3 }) as const),
    );
    host.clock.runFor(500);
    const viewer = watch(host, source.receiver, viewerOfDescribed);
    host.clock.runFor(1500);
    for (let i = 0; i < 12; i++) {
      prefer(host, viewer, [0, 2, 1, 2][i % 4]!);
      host.clock.runFor(700);
    }
    expect(host.of('sender.layers').length).toBeGreaterThanOrEqual(12);
    const pictures = decodeDescribed(viewer.viewer.sorted);
    expect(pictures.filter(({ key }) => key).length).toBeGreaterThanOrEqual(12);
    expect(viewer.viewer.holes).toEqual([]);
  });
});

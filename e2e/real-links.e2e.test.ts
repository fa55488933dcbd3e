import type { LinkPolicy } from '@weir/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Calmness } from './calm.ts';
import { LayeredPublisher, LayeredViewer, type Place, type Seen, type SentLayer } from './layered-session.ts';
import { servePlainPage } from './plain-session.ts';
import { predict } from './prediction.ts';
import { chromiumTabs, type TabMaker } from './tab.ts';
import { pause, type RunningWeir, startWeir, until } from './weir.ts';

/**
 * Real encoders and decoders: Chromium publishes three layers, viewers in Chromium sit behind links of their own. What
 * they see is held against what the publisher really sent meanwhile, so that a slow machine is not taken for a slow
 * SFU, and printed beside what the simulation of docs/quality says of the same link.
 */

let weir: RunningWeir;
let page: Awaited<ReturnType<typeof servePlainPage>>;
let cameras: TabMaker;
let screens: TabMaker;
let place: Place;
const toClose: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  weir = await startWeir({ WEIR_PEER_TIMEOUT_SECONDS: '120' });
  page = await servePlainPage();
  // Otherwise Chromium sends three layers of large pictures only, which cost more than a test machine has.
  const smallLayers = '--force-fieldtrials=WebRTC-LegacySimulcastLayerLimit/Disabled/';
  [cameras, screens] = await Promise.all([chromiumTabs([smallLayers]), chromiumTabs()]);
  place = { url: weir.url, mediaPort: weir.mediaPort, pageUrl: page.url };
});
afterEach(async () => {
  await Promise.all(toClose.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  calmness.stop();
  await Promise.all([cameras?.close(), screens?.close()]);
  await page?.close();
  await weir?.stop();
});

const seconds = 8;
const top = 360;
/** Of the camera. */
const frameRate = 10;
const calmness = new Calmness();

/** What one viewer saw in a while, and what was sent meanwhile of the layers it saw. */
interface Row {
  readonly link: string;
  /** In the order in which they came; a sample a second. */
  readonly heights: number[];
  readonly frames: number;
  readonly sent: number;
  readonly fps: number;
  /** Frames a second that the camera made meanwhile. */
  readonly cameraFps: number;
  readonly freezes: number;
  readonly frozen: number;
  readonly kbps: number;
}

function row(link: string, samples: readonly Seen[], sentFrames: number): Row {
  const first = samples[0]!;
  const last = samples.at(-1)!;
  const elapsed = (last.at - first.at) / 1000;
  return {
    link,
    heights: samples.map(({ height }) => height),
    frames: last.frames - first.frames,
    sent: sentFrames,
    fps: (last.frames - first.frames) / elapsed,
    cameraFps: sentFrames / elapsed,
    freezes: last.freezes - first.freezes,
    frozen: last.frozen - first.frozen,
    kbps: ((last.bytes - first.bytes) * 8) / elapsed / 1000,
  };
}

/**
 * Looks at everybody once a second for a while. Of layers within one stream, the browser counts every layer of a
 * picture as a frame: `framesPerPicture`.
 */
async function watch(
  publisher: LayeredPublisher,
  viewers: readonly LayeredViewer[],
  framesPerPicture = 1,
): Promise<Map<string, Row>> {
  const before = await publisher.sent();
  for (const viewer of viewers) viewer.samples.length = 0;
  for (let second = 0; second <= seconds; second++) {
    if (second > 0) await pause(1000);
    await Promise.all(viewers.map((viewer) => viewer.look()));
  }
  const after = await publisher.sent();
  return new Map(
    viewers.map(({ name, samples }) => {
      const frames = (layers: readonly SentLayer[]) =>
        (layers.find(({ height }) => height === samples.at(-1)?.height) ?? layers.at(-1))!.frames;
      return [name, row(name, samples, Math.round((frames(after) - frames(before)) / framesPerPicture))];
    }),
  );
}

function print(title: string, rows: Iterable<Row & { predicted?: string }>): void {
  const lines = [...rows].map(
    ({ link, heights, frames, sent, fps, freezes, frozen, kbps, predicted = '–' }) =>
      `| ${link} | ${runs(heights)} | ${frames} of ${sent} | ${fps.toFixed(1)} | ${freezes} (${frozen.toFixed(2)} s) | ${Math.round(kbps)} | ${predicted} |`,
  );
  console.log(
    [
      `${title}, ${seconds} s each`,
      '| Link | Lines | Frames decoded | Frames/s | Freezes | kbit/s | Simulated |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      ...lines,
    ].join('\n'),
  );
}

/** `3 × 360, 6 × 180`. */
function runs(heights: readonly number[]): string {
  const starts = heights.flatMap((height, i) => (height === heights[i - 1] ? [] : [i]));
  return starts.map((at, i) => `${(starts[i + 1] ?? heights.length) - at} × ${heights[at]}`).join(', ');
}

const links: Record<string, LinkPolicy> = {
  good: { delayMs: 20 },
  lossy: { delayMs: 30, loss: 0.05, jitterMs: 10, reorder: 0.02 },
};

async function viewer(room: string, name: string, down: LinkPolicy, seed: number): Promise<LayeredViewer> {
  const joined = await LayeredViewer.join(screens, place, room, { name, down, seed });
  toClose.push(joined);
  return joined;
}

async function publisher(room: string): Promise<LayeredPublisher> {
  calmness.reset();
  const joined = await LayeredPublisher.join(cameras, place, room);
  toClose.push({ close: () => joined.session.tab.close() });
  return joined;
}

const simulcast = [
  { scaleResolutionDownBy: 4, maxBitrate: 120_000 },
  { scaleResolutionDownBy: 2, maxBitrate: 300_000 },
  { scaleResolutionDownBy: 1, maxBitrate: 800_000 },
];

/** A link of so many bits per second, whose queue takes a key frame or half a second. */
const narrowed = (rateBps: number, more: LinkPolicy = {}): LinkPolicy => ({
  delayMs: 30,
  rateBps,
  queueBytes: Math.max(20_000, rateBps / 16),
  ...more,
});

/** Bits per second up to each spatial layer, as the pod measures them. */
function rates(of: LayeredViewer): Promise<number[]> {
  return until('the pod has measured the layers', async () => {
    const { candidates } = await of.explain();
    const best: number[] = [];
    for (const { spatialLayer, bitrateBps } of candidates) {
      best[spatialLayer] = Math.max(best[spatialLayer] ?? 0, bitrateBps);
    }
    const known = best.filter((bps) => bps !== undefined);
    return known.length > 1 && known;
  });
}

describe('three simulcast layers', () => {
  test('VP8: good, lossy, narrow and changing links, side by side', async () => {
    const room = 'links-vp8';
    const source = await publisher(room);
    await source.publish(/vp8/i, simulcast);
    const good = await viewer(room, 'good', links.good!, 1);
    const lossy = await viewer(room, 'lossy', links.lossy!, 2);
    const stepping = await viewer(room, 'stepping', { delayMs: 30 }, 3);
    await Promise.all([good, lossy, stepping].map(back));
    const costs = await rates(good);
    // It carries the lowest layer and hardly more, and loses some of that.
    const narrow = Math.round(costs[0]! * 1.6 + 40_000);
    const bad = await viewer(room, 'bad', narrowed(narrow, { delayMs: 60, loss: 0.1 }), 4);
    await bad.look();
    await pause(5_000);

    const steady = await watch(source, [good, lossy, stepping, bad]);
    const halved = Math.round(costs.at(-1)! * 0.55);
    stepping.link.setPolicy({ down: narrowed(halved) });
    const downAfter = await lower(stepping);
    await pause(3_000);
    const why = await stepping.explain();
    const low = await watch(source, [good, stepping]);
    stepping.link.setPolicy({ down: { delayMs: 30 } });
    const upAfter = await back(stepping);

    const table = [
      ...[...steady.values()],
      { ...low.get('stepping')!, link: `stepping, ${Math.round(halved / 1000)} kbit/s` },
      { ...low.get('good')!, link: 'good meanwhile' },
    ];
    const policies: Record<string, LinkPolicy> = {
      ...links,
      stepping: { delayMs: 30 },
      bad: narrowed(narrow, { delayMs: 60, loss: 0.1 }),
      [table[4]!.link]: narrowed(halved),
      'good meanwhile': links.good!,
    };
    print(
      `VP8, layers of ${costs.map((bps) => Math.round(bps / 1000)).join(', ')} kbit/s`,
      table.map((one) => ({ ...one, predicted: predict(policies[one.link]!, costs, seconds) })),
    );
    tell(halved, downAfter, upAfter, why.limit.sentence);
    for (const one of table) expect(one.frames, one.link).toBeGreaterThan(0);
    if (!calmness.judges('VP8 on four links', table[0]!.cameraFps, frameRate)) return;
    for (const name of ['good', 'lossy', 'stepping']) expectBest(steady.get(name)!);
    expect(downAfter).toBeLessThan(20_000);
    expect(upAfter).toBeLessThan(25_000);
    // The narrow and the bad link are nobody else's business.
    expectBest(low.get('good')!);
  }, 180_000);

  test('H.264, where Chromium has it: a narrow moment on one of two links', async () => {
    const source = await publisher('links-h264');
    if (!(await source.has(/h264/i))) {
      console.log('this Chromium encodes no H.264');
      return;
    }
    await stepDownAndUp('H.264 simulcast', source, /h264/i, simulcast);
  }, 180_000);
});

describe('layers within one stream', () => {
  test('VP9', async () => {
    const source = await publisher('links-vp9');
    await stepDownAndUp('VP9 L3T3_KEY', source, /vp9/i, [
      { scalabilityMode: 'L3T3_KEY', maxBitrate: 900_000 },
    ]);
  }, 180_000);

  test('AV1', async () => {
    const source = await publisher('links-av1');
    await stepDownAndUp('AV1 L3T3', source, /av1/i, [{ scalabilityMode: 'L3T3', maxBitrate: 900_000 }]);
  }, 180_000);

  test.each(['L1T3', 'L3T3_KEY'])(
    'AV1 %s is decoded at its best, by a late viewer too',
    async (scalabilityMode) => {
      const room = `links-av1-${scalabilityMode.toLowerCase().replace('_', '-')}`;
      const source = await publisher(room);
      await source.publish(/av1/i, [{ scalabilityMode, maxBitrate: 900_000 }]);
      for (const name of ['early', 'late']) {
        const screen = await viewer(room, name, links.good!, 1);
        const { samples } = screen;
        await screen.sees(top);
        const { frames, plis } = samples.at(-1)!;
        await until(`${name} decodes 20 more`, async () => {
          await screen.sees(top);
          return samples.at(-1)!.frames >= frames + 20;
        });
        console.log(`AV1 ${scalabilityMode}, ${name}: ${JSON.stringify(samples.at(-1))}`);
        // A decoder that is stuck asks again and again.
        expect(samples.at(-1)!.plis - plis).toBeLessThanOrEqual(1);
      }
    },
    120_000,
  );
});

/** One link becomes too narrow for the best layer and wide again; the other one is to notice nothing. */
async function stepDownAndUp(
  title: string,
  source: LayeredPublisher,
  codec: RegExp,
  encodings: readonly object[],
): Promise<void> {
  const room = `links-${title.split(' ')[0]?.toLowerCase().replace('.', '')}`;
  await source.publish(codec, encodings);
  const good = await viewer(room, 'good', links.good!, 1);
  const stepping = await viewer(room, 'stepping', { delayMs: 30 }, 3);
  await Promise.all([good, stepping].map(back));
  await pause(3_000);
  const costs = await rates(good);
  const halved = Math.round(costs.at(-1)! * 0.55);
  stepping.link.setPolicy({ down: narrowed(halved) });
  const downAfter = await lower(stepping);
  await pause(3_000);
  const low = await watch(source, [good, stepping], encodings.length > 1 ? 1 : costs.length);
  const why = await stepping.explain();
  stepping.link.setPolicy({ down: { delayMs: 30 } });
  const upAfter = await back(stepping);
  print(`${title}, layers of ${costs.map((bps) => Math.round(bps / 1000)).join(', ')} kbit/s`, [
    { ...low.get('good')!, predicted: predict(links.good!, costs, seconds) },
    {
      ...low.get('stepping')!,
      link: `stepping, ${Math.round(halved / 1000)} kbit/s`,
      predicted: predict(narrowed(halved), costs, seconds),
    },
  ]);
  tell(halved, downAfter, upAfter, why.limit.sentence);
  for (const one of low.values()) expect(one.frames, one.link).toBeGreaterThan(0);
  if (!calmness.judges(title, low.get('good')!.cameraFps, frameRate)) return;
  expect(downAfter).toBeLessThan(20_000);
  expect(upAfter).toBeLessThan(25_000);
  expectBest(low.get('good')!);
}

/** The best layer nearly all the time, and nearly every frame that was made of it. */
function expectBest({ link, heights, frames, sent }: Row): void {
  const best = heights.filter((height) => height === top).length;
  expect(best / heights.length, `${link}: share of ${heights}`).toBeGreaterThan(0.7);
  expect(frames, `${link}: frames of ${sent}`).toBeGreaterThan(sent * 0.7);
}

/** Milliseconds until the best layer is back; Infinity if that takes too long, which is judged elsewhere. */
function back(of: LayeredViewer): Promise<number> {
  return of.sees(top, 30_000).catch((error: Error) => {
    console.warn(error.message);
    return Number.POSITIVE_INFINITY;
  });
}

/** Milliseconds until fewer lines than the best come; Infinity if that takes too long. */
async function lower(of: LayeredViewer): Promise<number> {
  const started = performance.now();
  try {
    await until(`${of.name} sees fewer lines`, async () => (await of.look())!.height < top, 20_000);
  } catch (error) {
    console.warn((error as Error).message);
    return Number.POSITIVE_INFINITY;
  }
  return performance.now() - started;
}

function tell(bps: number, downAfterMs: number, upAfterMs: number, sentence: string): void {
  console.log(
    `capacity ${Math.round(bps / 1000)} kbit/s: lower layer after ${(downAfterMs / 1000).toFixed(1)} s, ` +
      `best one back ${(upAfterMs / 1000).toFixed(1)} s after its end; meanwhile: ${sentence}`,
  );
}

describe('a late viewer', () => {
  test('starts with the cached key frame, and the publisher is not asked for one', async () => {
    const source = await publisher('late');
    // As encoders outside of browsers do, so that the cache always has a young one.
    await source.publish(/vp8/i, [{ maxBitrate: 400_000 }], 1_000);
    const early = await viewer('late', 'early', {}, 1);
    await back(early);
    await pause(5_000);
    const [made] = await source.sent();
    const regular = made!.keyFrames > made!.plis + 2;
    const asked: number[] = [];
    for (let i = 0; i < 4; i++) {
      const [before] = await source.sent();
      const late = await viewer('late', `late-${i}`, {}, 10 + i);
      const { sinceEnabled, sinceJoin } = await late.firstFrame();
      const [after] = await source.sent();
      asked.push(after!.plis - before!.plis);
      console.log(
        `late viewer: first frame ${Math.round(sinceEnabled)} ms after it was let flow, ` +
          `${Math.round(sinceJoin)} ms after joining began; ${asked.at(-1)} PLI meanwhile`,
      );
      await late.close();
    }
    console.log(`the browser ${regular ? 'makes key frames when its page asks' : 'makes none by itself'}`);
    // Without young key frames the cache has nothing that could be caught up with, and the publisher has to be asked.
    expect(regular).toBe(true);
    expect(asked).toEqual([0, 0, 0, 0]);
  }, 120_000);
});

import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { writeIvf } from '../packages/media-worker/test/encoded-video.ts';
import { freePortPair, missingFfmpeg, PlainPeer } from './ffmpeg.ts';
import { LayeredPublisher, type Place } from './layered-session.ts';
import { servePlainPage } from './plain-session.ts';
import { type DumpedPicture, pictures, RtpDump } from './svc-dump.ts';
import { chromiumTabs, type TabMaker } from './tab.ts';
import { type RunningWeir, startWeir, until } from './weir.ts';

/** What a viewer of layers within one stream got, through 50 switches, decodes in ffmpeg without an error line. */

const absent = missingFfmpeg();
let weir: RunningWeir;
let page: Awaited<ReturnType<typeof servePlainPage>>;
let tabs: TabMaker;
let place: Place;
/** What an attempt opened; another one begins without it, in a room of its own. */
const opened: (() => unknown)[] = [];
let attempts = 0;

/** Highest layers asked for, in turn. Upper ones come with key frames, which the publisher is asked for. */
const wishes = [
  { spatialLayer: 0, temporalLayer: 2 },
  { spatialLayer: 0, temporalLayer: 0 },
  { spatialLayer: 1, temporalLayer: 1 },
  { spatialLayer: 0, temporalLayer: 1 },
  { spatialLayer: 1, temporalLayer: 2 },
];
const wanted = 50;

describe.skipIf(absent !== undefined)('an RTP dump of layers of Chromium', () => {
  beforeAll(async () => {
    weir = await startWeir({ WEIR_PEER_TIMEOUT_SECONDS: '180' });
    page = await servePlainPage();
    tabs = await chromiumTabs();
    place = { url: weir.url, mediaPort: weir.mediaPort, pageUrl: page.url };
  });
  afterEach(async () => {
    await Promise.allSettled(opened.splice(0).map(async (close) => close()));
  });
  afterAll(async () => {
    await tabs?.close();
    await page?.close();
    await weir?.stop();
  });

  test.each([
    { codec: 'vp9', scalabilityMode: 'L3T3_KEY' },
    { codec: 'av1', scalabilityMode: 'L3T3' },
  ] as const)(
    '$codec $scalabilityMode',
    async ({ codec, scalabilityMode }) => {
      const room = `dump-${codec}-${++attempts}`;
      const source = await LayeredPublisher.join(tabs, place, room);
      opened.push(() => source.session.tab.close());
      await source.publish(new RegExp(codec, 'i'), [{ scalabilityMode, maxBitrate: 900_000 }]);
      const recorder = await PlainPeer.join(weir.url, room, 'recorder', new RegExp(`^video/${codec}$`, 'i'));
      opened.push(() => recorder.leave());
      const [sender] = await recorder.senders(1);
      const port = await freePortPair();
      const dump = await RtpDump.open(port, sender!.rtpParameters.codecs[0]!.payloadType);
      opened.push(() => dump.close());
      const { id } = await recorder.transport({ direction: 'recv', rtcpMux: true });
      await recorder.call('PUT', `/transports/${id}/plain`, { ip: '127.0.0.1', port });
      await recorder.call('PATCH', `/senders/${sender!.id}`, { transportId: id, enabled: true });
      let switches = 0;
      for (let i = 0; switches < wanted; i++) {
        const { spatialLayer, temporalLayer } = wishes[i % wishes.length]!;
        const from = dump.packets.length;
        await recorder.call('PATCH', `/senders/${sender!.id}`, {
          preferredLayers: { spatialLayer, temporalLayer },
        });
        await until(
          `${codec} comes in layer ${spatialLayer}.${temporalLayer}`,
          async () => {
            const late = highest(pictures(codec, wholePictures(dump, from)).slice(-4));
            return late.spatial === spatialLayer && late.temporal === temporalLayer;
          },
          15_000,
        );
        switches++;
      }
      await until('what was lost on its way to the server is there', async () => dump.holes === 0, 5_000);
      dump.close();
      const list = pictures(codec, wholePictures(dump, 0));
      const start = list[0]!.timestamp;
      const file = writeIvf(
        codec,
        list.map(({ timestamp, data }) => ({ timestamp: timestamp - start, data })),
      );
      const { frames, errors } = decode(file);
      console.log(`${codec}: ${switches} switches, ${list.length} pictures, ${frames} decoded`);
      expect(errors).toBe('');
      expect(frames).toBeGreaterThanOrEqual(list.length - 1);
      // A damaged stream would not go unnoticed.
      const damaged = Buffer.from(file);
      for (let at = 3000; at + 300 < damaged.length; at += 5000) damaged.fill(0x5a, at, at + 300);
      expect(decode(damaged)).not.toEqual({ frames, errors });
    },
    200_000,
  );
});

/** From the first picture that begins at or after packet `from` to the last marker. */
function wholePictures({ packets }: RtpDump, from: number) {
  let start = from;
  while (start > 0 && start < packets.length && !packets[start - 1]!.marker) start++;
  const end = packets.findLastIndex(({ marker }) => marker) + 1;
  return packets.slice(start, Math.max(start, end));
}

function highest(list: readonly DumpedPicture[]): { spatial: number; temporal: number } {
  if (list.length < 4) return { spatial: -1, temporal: -1 };
  // All of them: a picture of another spatial layer means that the switch is not over.
  const spatial = new Set(list.map((picture) => picture.spatial));
  return {
    spatial: spatial.size === 1 ? list[0]!.spatial : -1,
    temporal: Math.max(...list.map((picture) => picture.temporal)),
  };
}

function decode(file: Uint8Array): { frames: number; errors: string } {
  const { stdout, stderr } = spawnSync(
    'ffmpeg',
    [
      ...['-hide_banner', '-v', 'error', '-f', 'ivf', '-i', '-', '-fps_mode', 'drop'],
      ...['-vf', 'scale=64:36', '-f', 'rawvideo', '-pix_fmt', 'gray', '-'],
    ],
    { input: file, maxBuffer: 64 << 20, timeout: 60_000 },
  );
  return { frames: stdout.length / (64 * 36), errors: stderr.toString().trim() };
}

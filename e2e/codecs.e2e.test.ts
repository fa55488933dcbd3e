import { hostAddress, missingBrowser } from '@weir/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caller, post } from './bot.ts';
import { PlainSession, servePlainPage } from './plain-session.ts';
import { chromiumTabs, firefoxTabs, type Tab, type TabMaker } from './tab.ts';
import { type RunningWeir, startWeir, until } from './weir.ts';

/** mediasoup-client unmodified, plain HTTP, two browser engines: docs/examples/plain-client.js and no SDK. */

let weir: RunningWeir;
let page: Awaited<ReturnType<typeof servePlainPage>>;
const makers = new Map<string, TabMaker>();

beforeAll(async () => {
  // Firefox makes no candidate pairs with loopback addresses.
  weir = await startWeir({
    WEIR_PEER_TIMEOUT_SECONDS: '120',
    WEIR_MEDIA_IP: hostAddress(),
    WEIR_ANNOUNCED_ADDRESSES: hostAddress(),
  });
  page = await servePlainPage();
  makers.set('chromium', await chromiumTabs());
  if (missingBrowser('firefox') === undefined) makers.set('firefox', await firefoxTabs());
});
afterAll(async () => {
  for (const maker of makers.values()) await maker.close();
  await page?.close();
  await weir?.stop();
});

async function token(room: string, name: string): Promise<string> {
  const answer = (await (await post(`${weir.url}/demo/session`, { room, name })).json()) as { token: string };
  return answer.token;
}

async function open(browser: string): Promise<Tab> {
  const maker = makers.get(browser);
  if (!maker) throw new Error(`${browser} is missing`);
  return maker.open(page.url);
}

async function joined(browser: string, room: string, name: string, publish = false): Promise<PlainSession> {
  const tab = await open(browser);
  return PlainSession.join(tab, { url: weir.url, room, name, token: await token(room, name), publish });
}

const firefoxToo = missingBrowser('firefox') === undefined;

test('the plain script joins, publishes and subscribes: the API stands on its own', async () => {
  const alice = await joined('chromium', 'plain', 'alice', true);
  const bob = await joined('chromium', 'plain', 'bob', true);
  for (const someone of [alice, bob]) {
    await until('video is decoded and audio is heard', async () => {
      const streams = await someone.inbound();
      const video = streams.some(({ kind, framesDecoded }) => kind === 'video' && framesDecoded > 10);
      const audio = streams.some(({ kind, totalAudioEnergy }) => kind === 'audio' && totalAudioEnergy > 0);
      return video && audio;
    });
  }
  await alice.leave();
  await until('alice is gone for bob', async () => {
    const own = await token('plain', 'bob');
    const list = (await caller(weir.url, own)('GET', `/v1/rooms/plain/peers`)) as {
      peers: { name: string }[];
    };
    return list.peers.every(({ name }) => name !== 'alice');
  });
  await Promise.all([alice.tab.close(), bob.tab.close()]);
});

const pairs: [from: string, to: string][] = [['chromium', 'chromium']];
if (firefoxToo) pairs.push(['firefox', 'chromium'], ['chromium', 'firefox']);

describe.each(pairs)('%s publishes, %s subscribes', (from, to) => {
  const room = `codecs-${from}-${to}`;
  let publisher: PlainSession;
  let subscriber: PlainSession;

  beforeAll(async () => {
    publisher = await joined(from, room, 'publisher');
    subscriber = await joined(to, room, 'subscriber');
  });
  afterAll(async () => {
    await Promise.all([publisher?.tab.close(), subscriber?.tab.close()]);
  });

  test('every video codec both have, with RTX', async () => {
    const codecs = await publisher.videoCodecs();
    const playable = await subscriber.receivableCodecs();
    const tried: string[] = [];
    const done = new Set<string>();
    for (const codec of codecs) {
      const profile = JSON.stringify([codec.mimeType.toLowerCase(), codec.parameters?.['profile-id'] ?? 0]);
      // One H.264 and one VP9 profile are enough: encoders of the others are rarely built in.
      if (done.has(profile) || !playable.includes(codec.mimeType.toLowerCase())) continue;
      if (/h265/i.test(codec.mimeType) || codec.parameters?.['profile-id'] === 2) continue;
      done.add(profile);
      const negotiated = await publisher.produceVideo(codec);
      expect(negotiated[0]?.toLowerCase()).toBe(codec.mimeType.toLowerCase());
      expect(negotiated[1]?.toLowerCase()).toBe('video/rtx');
      await subscriber.decodes(codec.mimeType);
      tried.push(codec.mimeType);
    }
    console.log(`${from} -> ${to}: ${tried.join(', ')}`);
    expect(tried.map((name) => name.toLowerCase())).toEqual(
      expect.arrayContaining(['video/vp8', 'video/vp9']),
    );
  });
});

describe.each(firefoxToo ? ['chromium', 'firefox'] : ['chromium'])('%s', (browser) => {
  test('simulcast by rid and SVC are accepted and played', async () => {
    const room = `layers-${browser}`;
    const publisher = await joined(browser, room, 'publisher');
    const subscriber = await joined('chromium', room, 'subscriber');
    const codecs = await publisher.videoCodecs();
    const vp8 = codecs.find(({ mimeType }) => /vp8/i.test(mimeType));
    if (!vp8) throw new Error('no VP8');
    await publisher.produceVideo(vp8, [
      { scaleResolutionDownBy: 4, maxBitrate: 100_000 },
      { scaleResolutionDownBy: 2, maxBitrate: 300_000 },
      { maxBitrate: 900_000 },
    ]);
    await subscriber.decodes('video/VP8');
    const vp9 = codecs.find(
      ({ mimeType, parameters }) => /vp9/i.test(mimeType) && (parameters?.['profile-id'] ?? 0) === 0,
    );
    if (browser === 'chromium' && vp9) {
      await publisher.produceVideo(vp9, [{ scalabilityMode: 'L3T3_KEY', maxBitrate: 900_000 }]);
      await subscriber.decodes('video/VP9');
    }
    await Promise.all([publisher.tab.close(), subscriber.tab.close()]);
  });
});

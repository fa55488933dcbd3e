import { hostAddress, missingBrowser } from '@weir/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createToken } from '../apps/signaling/src/tokens/token.ts';
import { heard, publishRed, publishTones, setGain } from './audio-page.ts';
import { caller } from './bot.ts';
import { PlainSession, servePlainPage } from './plain-session.ts';
import { chromiumTabs, firefoxTabs, type TabMaker } from './tab.ts';
import { pause, type RunningWeir, startWeir, until } from './weir.ts';

/** Sound as browsers send and hear it, with nothing but HTTP and mediasoup-client. */

const secret = 'a-secret-of-the-tests-long-enough-for-a-key';
const firefoxToo = missingBrowser('firefox') === undefined;
let weir: RunningWeir;
let page: Awaited<ReturnType<typeof servePlainPage>>;
let chromium: TabMaker;
let firefox: TabMaker | undefined;

beforeAll(async () => {
  weir = await startWeir({
    WEIR_PEER_TIMEOUT_SECONDS: '120',
    WEIR_MEDIA_IP: hostAddress(),
    WEIR_ANNOUNCED_ADDRESSES: hostAddress(),
    WEIR_API_KEYS: `test:${secret}`,
  });
  page = await servePlainPage();
  chromium = await chromiumTabs();
  if (firefoxToo) firefox = await firefoxTabs();
});
afterAll(async () => {
  await chromium?.close();
  await firefox?.close();
  await page?.close();
  await weir?.stop();
});

const token = (room: string, options: { name?: string; admin?: boolean }) =>
  createToken({ keyId: 'test', secret, room, ...options });

async function createRoom(body: { id: string; [field: string]: unknown }): Promise<void> {
  await caller(weir.url, await token(body.id, { admin: true }))('POST', '/v1/rooms', body);
}

/** A peer is its token's: what it does beside its session needs the same one. */
async function join(maker: TabMaker, room: string, name: string, own?: string): Promise<PlainSession> {
  const tab = await maker.open(page.url);
  return PlainSession.join(tab, { url: weir.url, room, name, token: own ?? (await token(room, { name })) });
}

const opus = { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 };

test('RED of Chromium is heard with its redundancy by Chromium, and as Opus by who does not know it', async () => {
  // Other payload types than those of browsers, so that there is something to translate.
  await createRoom({
    id: 'red',
    mediaCodecs: [
      { ...opus, preferredPayloadType: 96 },
      { ...opus, mimeType: 'audio/red', preferredPayloadType: 97 },
    ],
  });
  const listener = await join(chromium, 'red', 'listener');
  const other = firefox && (await join(firefox, 'red', 'other'));
  const own = await token('red', { name: 'publisher' });
  const publisher = await join(chromium, 'red', 'publisher', own);
  const mine = await publisher.tab.run(
    () => (window.session as unknown as { peerId: string }).peerId,
    undefined,
  );
  const types = await publishRed(publisher.tab, {
    url: `${weir.url}/v1/rooms/red/peers/${mine}`,
    token: own,
  });
  expect([types.opus, types.red]).not.toContain(96);

  await until('redundant frames come', async () => {
    const [one] = await heard(listener.tab);
    return one !== undefined && one.redundant > 100;
  });
  const [before] = await heard(listener.tab);
  await pause(3000);
  const [after] = await heard(listener.tab);
  // Each packet brings one older frame that is understood, and not needed where nothing is lost.
  expect(after!.redundant - before!.redundant).toBeGreaterThan((after!.packets - before!.packets) * 0.8);
  expect(after!.energy - before!.energy).toBeGreaterThan(0.1);
  expect(after!.concealed - before!.concealed).toBeLessThan((after!.samples - before!.samples) * 0.1);
  if (other === undefined) return;
  await until('Firefox hears it as Opus', async () => {
    const [one] = await heard(other.tab);
    return one !== undefined && one.mimeType === 'audio/opus' && one.energy > 0.5;
  });
});

test('of five voices the two loudest are heard, a new one from its beginning', async () => {
  await createRoom({ id: 'loudest', mediaCodecs: [opus], maxLoudestAudio: 2 });
  const listener = await join(chromium, 'loudest', 'listener');
  const publisher = await join(chromium, 'loudest', 'publisher');
  await publishTones(publisher.tab, 5);
  await until('five streams are there', async () => (await heard(listener.tab)).length === 5);
  const flowing = async (ms = 1000) => {
    const before = await heard(listener.tab);
    await pause(ms);
    const after = await heard(listener.tab);
    return after.flatMap(({ packets }, i) => (packets - before[i]!.packets > ms / 40 ? [i] : []));
  };
  await setGain(publisher.tab, 3, 0.3);
  await setGain(publisher.tab, 4, 0.2);
  await until('the two loudest are heard', async () => (await flowing()).join() === '3,4');

  const switches: object[] = [];
  let loud = [3, 4];
  for (const next of [0, 1, 2, 3, 4]) {
    const falls = loud[0]!;
    await setGain(publisher.tab, falls, 0);
    // Longer than what a pause of speech is forgiven.
    await pause(4000);
    const [before] = (await heard(listener.tab)).slice(next);
    await setGain(publisher.tab, next, 0.3);
    await pause(1000);
    const [after] = (await heard(listener.tab)).slice(next);
    const packets = after!.packets - before!.packets;
    // A second of sound, and what was before it.
    expect(packets).toBeGreaterThan(50);
    expect(packets).toBeLessThan(50 + 15 + 15);
    expect(after!.lost - before!.lost).toBe(0);
    expect(after!.energy - before!.energy).toBeGreaterThan(0.01);
    loud = [loud[1]!, next];
    expect(await flowing()).toEqual([...loud].sort());
    const [settled] = (await heard(listener.tab)).slice(next);
    switches.push({
      packets,
      audibleConcealedMs: Math.round(
        (settled!.concealed - settled!.silentConcealed - before!.concealed + before!.silentConcealed) / 48,
      ),
      acceleratedMs: Math.round((settled!.accelerated - before!.accelerated) / 48),
    });
  }
  console.log('switches', JSON.stringify(switches));

  const admin = caller(weir.url, await token('loudest', { admin: true }));
  await admin('PATCH', '/v1/rooms/loudest', { maxLoudestAudio: 0 });
  await until('all are heard again', async () => (await flowing()).length === 5);
});

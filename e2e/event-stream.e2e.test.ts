import { launchChromium } from '@weir/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bot } from './bot.ts';
import { type DroppingProxy, startDroppingProxy } from './dropping-proxy.ts';
import { freshRoom, Visitor } from './visitor.ts';
import { pause, type RunningWeir, startWeir, until } from './weir.ts';

/** The page's event stream is cut every second, and the room is busy meanwhile. */

interface HeardEvent {
  readonly cursor: string;
  readonly type: string;
}

interface StoredEvent extends HeardEvent {
  readonly data: { readonly id?: string };
}

interface PageWithSession {
  weirSession: { self: { id: string }; on(type: 'logevent', listener: (event: HeardEvent) => void): void };
  heard: HeardEvent[];
}

/** A reader that is behind gets only the latest of these. */
const coalesced = new Set(['audiolevels', 'dominantspeaker', 'layerschange', 'score', 'wantedlayers']);
/** Events that every reader gets, as lines that a failed comparison can show. */
const lasting = (events: readonly HeardEvent[]): string[] =>
  events.filter(({ type }) => !coalesced.has(type)).map(({ cursor, type }) => `${cursor} ${type}`);

let weir: RunningWeir;
let proxy: DroppingProxy;
let browser: Browser;

beforeAll(async () => {
  weir = await startWeir();
  proxy = await startDroppingProxy(Number(new URL(weir.url).port), 1_000);
  browser = await launchChromium({ cameraFps: 10 });
});
afterAll(async () => {
  await browser?.close();
  await proxy?.close();
  await weir?.stop();
});

test('no event is lost and none comes twice while the stream is cut every second', async () => {
  const room = freshRoom('cut');
  const alice = await Visitor.join(browser, proxy.url, { name: 'alice', room });
  const authorization = await authorizationOf(alice.page);
  const peerId = await alice.page.evaluate(() => {
    const page = window as unknown as PageWithSession;
    page.heard = [];
    page.weirSession.on('logevent', ({ cursor, type }) => page.heard.push({ cursor, type }));
    return page.weirSession.self.id;
  });

  const cutsBefore = proxy.cuts();
  const started = Date.now();
  // The reader waits longer after each cut, so a few are many; a busy machine needs more time for them.
  const goesOn = () =>
    Date.now() - started < 20_000 || (proxy.cuts() - cutsBefore < 5 && Date.now() - started < 60_000);
  for (let round = 0; goesOn(); round += 1) {
    const bot = await Bot.join(weir.url, room, `bot-${round}`);
    const transport = await bot.transport('send');
    await bot.publishAudio(transport, 1000 + round);
    await pause(100);
    await bot.leave();
    transport.socket.close();
  }
  const cuts = proxy.cuts() - cutsBefore;
  expect(cuts).toBeGreaterThanOrEqual(5);

  // A last event, and everything before it has been heard.
  const last = await Bot.join(weir.url, room, 'the-last');
  const stored = await until('the last peer stands in the log', async () => {
    const events = await storedLog(`${weir.url}/v1/rooms/${room}/peers/${peerId}`, authorization);
    const at = events.findIndex(({ type, data }) => type === 'newpeer' && data.id === last.peerId);
    return at >= 0 ? events.slice(0, at + 1) : undefined;
  });
  const end = stored.at(-1)?.cursor;
  const heard = await until('the page has heard that event', async () => {
    const list = await alice.page.evaluate(() => (window as unknown as PageWithSession).heard);
    const at = list.findIndex(({ cursor }) => cursor === end);
    return at >= 0 ? list.slice(0, at + 1) : undefined;
  });
  console.log(`${heard.length} events over a stream that was cut ${cuts} times`);
  const came = lasting(heard);
  expect(came.length).toBeGreaterThan(30);
  const all = lasting(stored);
  expect(all).toContain(came[0]);
  const due = all.slice(all.indexOf(came[0] ?? ''));
  expect(due.filter((event) => !came.includes(event))).toEqual([]);
  expect(came).toEqual(due);
  expect(new Set(heard.map(({ cursor }) => cursor)).size).toBe(heard.length);
  // Cut connections, and senders that closed before they could be subscribed to.
  const expected = /ERR_(CONNECTION|INCOMPLETE|EMPTY)|status of 404/;
  expect(alice.errors.filter((text) => !expected.test(text))).toEqual([]);
  await last.leave();
  await alice.close();
});

/** The token that the page uses, taken from one of its own calls. */
async function authorizationOf(page: Page): Promise<string> {
  const request = await page.waitForRequest((one) => one.headers().authorization !== undefined);
  return request.headers().authorization ?? '';
}

/** The whole log, page by page: a fast machine makes more events in the time than one answer holds. */
async function storedLog(peerUrl: string, authorization: string): Promise<StoredEvent[]> {
  const log: StoredEvent[] = [];
  for (let cursor = '0'; ; ) {
    const answer = await fetch(`${peerUrl}/events?after=${cursor}`, {
      headers: { authorization },
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const page = (await answer.json()) as { events: StoredEvent[]; cursor: string };
    if (page.events.length === 0) return log;
    log.push(...page.events);
    cursor = page.cursor;
  }
}

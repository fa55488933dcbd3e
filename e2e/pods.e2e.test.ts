import { launchChromium } from '@weir/testing';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Fleet, operator, type PodProcess, startFleet } from './fleet.ts';
import { watchedTile, watchTile } from './gaps.ts';
import { Visitor } from './visitor.ts';
import { pause, until } from './weir.ts';

let fleet: Fleet;
let browser: Browser;
const visitors: Visitor[] = [];

beforeAll(async () => {
  fleet = await startFleet(2);
  browser = await launchChromium({ cameraFps: 10 });
});
afterEach(async () => {
  await Promise.all(visitors.splice(0).map((visitor) => visitor.close()));
  for (const pod of fleet.pods) {
    if (!pod.running) await pod.start();
    await drain(pod, 'DELETE');
  }
  await until('the pods are empty', async () => {
    const left = await Promise.all(fleet.pods.map((pod) => pod.transports()));
    return left.every((count) => count === 0);
  });
});
afterAll(async () => {
  await browser?.close();
  await fleet?.stop();
});

/** Two people who see and hear each other, and the pod that carries them. */
async function meet(
  room: string,
): Promise<{ alice: Visitor; bob: Visitor; home: PodProcess; other: PodProcess }> {
  await until('both pods take rooms', async () => (await fleet.placeable()) === 2, 60_000);
  const url = fleet.signaling.url.replace('127.0.0.1', 'localhost');
  for (const name of ['alice', 'bob']) visitors.push(await Visitor.join(browser, url, { name, room }));
  const [alice, bob] = visitors as [Visitor, Visitor];
  await Promise.all([alice.sees('bob'), bob.sees('alice')]);
  await Promise.all([alice.hears(1), bob.hears(1)]);
  const counts = await Promise.all(fleet.pods.map((pod) => pod.transports()));
  const [home, other] = (counts[0] === 4 ? fleet.pods : fleet.pods.toReversed()) as [PodProcess, PodProcess];
  expect(counts.sort()).toEqual([0, 4]);
  return { alice, bob, home, other };
}

async function drain(pod: PodProcess, method: 'POST' | 'DELETE'): Promise<unknown> {
  const answer = await fetch(`${fleet.signaling.url}/v1/pods/${pod.name}/drain`, {
    method,
    headers: { authorization: `Bearer ${await operator()}` },
  });
  return answer.json();
}

/** Whom each sees, by what the page itself calls them. */
async function identities(visitor: Visitor): Promise<string[]> {
  return visitor.page.evaluate(() =>
    [...document.querySelectorAll('[data-testid^="tile-"]')].map(
      (tile) => tile.getAttribute('data-testid') ?? '',
    ),
  );
}

test('a drained pod: everybody moves, and the pictures hardly stop', async () => {
  const { alice, bob, home, other } = await meet('drain');
  const before = [await identities(alice), await identities(bob)];
  await Promise.all([watchTile(alice.page, 'bob'), watchTile(bob.page, 'alice')]);
  expect(await drain(home, 'POST')).toMatchObject({ draining: true });
  await until('all transports have moved', async () => {
    const [there, here] = await Promise.all([other.transports(), home.transports()]);
    return there === 4 && here === 0;
  });
  await pause(1_000);
  const seen = [await watchedTile(alice.page, 'bob'), await watchedTile(bob.page, 'alice')];
  console.log(`drain: longest gaps ${seen.map(({ longestGapMs }) => `${longestGapMs} ms`).join(', ')}`);
  await Promise.all([alice.sees('bob'), bob.sees('alice')]);
  await Promise.all([alice.hears(1), bob.hears(1)]);
  expect([await identities(alice), await identities(bob)]).toEqual(before);
  for (const { longestGapMs, pictures } of seen) {
    expect(pictures).toBeGreaterThan(10);
    // What a busy machine does to pictures anyway is in here: it encodes everything twice meanwhile.
    expect(longestGapMs).toBeLessThan(10_000);
  }
});

test('SIGTERM drains too, and the pod ends by itself when it is empty', async () => {
  const { alice, bob, home, other } = await meet('term');
  const started = Date.now();
  await home.end('SIGTERM');
  expect(await other.transports()).toBe(4);
  console.log(`SIGTERM: the pod was empty and gone after ${Date.now() - started} ms`);
  await Promise.all([alice.sees('bob'), bob.sees('alice')]);
});

test('a killed pod: everybody is back on the other one within seconds', async () => {
  const { alice, bob, home, other } = await meet('kill');
  await Promise.all([watchTile(alice.page, 'bob'), watchTile(bob.page, 'alice')]);
  await home.end('SIGKILL');
  await until('all transports are on the other pod', async () => (await other.transports()) === 4);
  await Promise.all([alice.sees('bob'), bob.sees('alice')]);
  await Promise.all([alice.hears(1), bob.hears(1)]);
  const seen = [await watchedTile(alice.page, 'bob'), await watchedTile(bob.page, 'alice')];
  console.log(`SIGKILL: longest gaps ${seen.map(({ longestGapMs }) => `${longestGapMs} ms`).join(', ')}`);
  // ICE alone would take more than ten; a busy machine may take its time as well.
  for (const { longestGapMs } of seen) expect(longestGapMs).toBeLessThan(10_000);
  expect([await alice.others(), await bob.others()]).toEqual([['bob'], ['alice']]);
});

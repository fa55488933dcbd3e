import { launchChromium } from '@weir/testing';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Visitor } from './visitor.ts';
import { type RunningWeir, startWeir, until } from './weir.ts';

/** A page that reads no events and whose media is dead is gone after so long. */
const peerTimeoutSeconds = 6;
/** Media that is silent for so long is dead. */
const consentTimeoutSeconds = 10;

let weir: RunningWeir;
let browser: Browser;
const visitors: Visitor[] = [];

beforeAll(async () => {
  weir = await startWeir({
    WEIR_PEER_TIMEOUT_SECONDS: String(peerTimeoutSeconds),
    WEIR_CONSENT_TIMEOUT_MS: String(consentTimeoutSeconds * 1000),
  });
  browser = await launchChromium({ cameraFps: 10 });
});
afterEach(async () => {
  await Promise.all(visitors.splice(0).map((visitor) => visitor.close()));
});
afterAll(async () => {
  await browser?.close();
  await weir?.stop();
});

async function join(name: string, room: string, events?: 'poll'): Promise<Visitor> {
  const visitor = await Visitor.join(browser, weir.url, { name, room, ...(events && { events }) });
  visitors.push(visitor);
  return visitor;
}

describe.each([{ events: undefined }, { events: 'poll' as const }])('events by $events', ({ events }) => {
  const room = `meeting-${events ?? 'sse'}`;

  test('two meet, a third joins late, one leaves and comes back', async () => {
    const alice = await join('alice', room, events);
    const bob = await join('bob', room, events);
    await Promise.all([alice.meets('bob'), bob.meets('alice')]);
    await Promise.all([alice.sees('bob'), bob.sees('alice')]);
    await Promise.all([alice.hears(1), bob.hears(1)]);

    const carol = await join('carol', room, events);
    await carol.meets('alice', 'bob');
    await Promise.all([carol.sees('alice'), carol.sees('bob'), alice.sees('carol'), bob.sees('carol')]);
    await Promise.all([carol.hears(2), alice.hears(2), bob.hears(2)]);

    await bob.leave();
    await Promise.all([alice.meets('carol'), carol.meets('alice')]);

    await bob.rejoin();
    await Promise.all([alice.meets('bob', 'carol'), bob.meets('alice', 'carol')]);
    await Promise.all([bob.sees('alice'), bob.sees('carol'), alice.sees('bob'), carol.sees('bob')]);
    expect([...alice.errors, ...bob.errors, ...carol.errors]).toEqual([]);
  });

  test('a reload comes back under the same name', async () => {
    const alice = await join('alice', `${room}-reload`, events);
    const bob = await join('bob', `${room}-reload`, events);
    await alice.sees('bob');
    await bob.reload();
    await Promise.all([bob.sees('alice'), alice.sees('bob')]);
    await alice.meets('bob');
  });

  test('who comes back before the camera is open is seen once it is', async () => {
    const alice = await join('alice', `${room}-slow`, events);
    const bob = await join('bob', `${room}-slow`, events);
    await alice.sees('bob');
    await bob.leave();
    const openDevices = await bob.holdDevices();
    await bob.rejoin();
    await alice.meets('bob');
    await openDevices();
    await Promise.all([alice.sees('bob'), alice.hears(1)]);
  });

  test('a page that vanishes is gone for the others within the configured time', async () => {
    const alice = await join('alice', `${room}-vanish`, events);
    const bob = await join('bob', `${room}-vanish`, events);
    await alice.sees('bob');
    const vanished = Date.now();
    await bob.vanish();
    await until('bob is gone', async () => (await alice.others()).length === 0, 60_000);
    const seconds = (Date.now() - vanished) / 1000;
    console.log(
      `the vanished page was gone after ${seconds.toFixed(1)} s ` +
        `(configured: ${consentTimeoutSeconds} s until its media is dead, then ${peerTimeoutSeconds} s)`,
    );
    // Then a sweep, a report of the pod, and what this machine is late by.
    expect(seconds).toBeLessThan(consentTimeoutSeconds + peerTimeoutSeconds + 6);
  });
});

import { launchChromium } from '@weir/testing';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshRoom, Visitor } from './visitor.ts';
import { type RunningWeir, startWeir, until } from './weir.ts';

/** A publication of the SDK, as far as it is looked at here. */
interface Published {
  readonly rtpSender: RTCRtpSender | undefined;
}

/** What people see of layers: why a picture is as it is, a choice of quality, and what of their camera is sent. */

let weir: RunningWeir;
let browser: Browser;

beforeAll(async () => {
  weir = await startWeir();
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await weir?.stop();
});

test('a chosen quality comes, the panel says why, and nobody sends what nobody sees', async () => {
  const room = freshRoom('quality');
  const alice = await Visitor.join(browser, weir.url, { name: 'alice', room });
  const bob = await Visitor.join(browser, weir.url, { name: 'bob', room });
  await Promise.all([alice.sees('bob'), bob.sees('alice')]);
  await bob.page.getByTestId('quality-alice').click({ force: true });
  const why = bob.page.getByTestId('why');
  await until(
    'the panel knows the layers',
    async () => (await bob.page.getByTestId('layer-0').count()) === 1,
  );

  await bob.page.getByTestId('choose-low').check({ force: true });
  await until('bob gets the lowest layer, and is told why', async () => {
    const current = await bob.page.getByTestId('layer-0').getAttribute('aria-current');
    return current === 'true' && (await why.getAttribute('data-code')) === 'preference';
  });
  expect(await why.textContent()).toContain('low quality, as you chose');
  const small = await bob.sees('alice');

  // Bob is the only one who looks at alice: her browser stops encoding the rest.
  const activeLayers = () =>
    alice.page.evaluate(() => {
      const { weirSession } = window as unknown as { weirSession: { publications: Published[] } };
      return weirSession.publications
        .flatMap(({ rtpSender }) => rtpSender?.getParameters().encodings ?? [])
        .filter(({ rid }) => rid !== undefined)
        .map(({ active }) => active);
    });
  const layers = (await activeLayers()).length;
  expect(layers).toBeGreaterThan(1);
  const lowest = Array.from({ length: layers }, (_, i) => i === 0);
  await until(
    'alice sends the lowest layer only',
    async () => JSON.stringify(await activeLayers()) === JSON.stringify(lowest),
  );
  await alice.page.getByTestId('own-quality').click({ force: true });
  expect(await alice.page.getByTestId('why-sent').textContent()).toContain('Nobody here has a use for more');

  await bob.page.getByTestId('choose-high').check({ force: true });
  // How much more, is for what the path is believed to carry; a machine that is late looks like a narrow path.
  await until('alice sends more again', async () => (await activeLayers())[1] === true, 60_000);
  await until('bob gets more lines', async () => (await bob.sees('alice')).height > small.height);
  expect([...alice.errors, ...bob.errors]).toEqual([]);
  await Promise.all([alice.close(), bob.close()]);
});

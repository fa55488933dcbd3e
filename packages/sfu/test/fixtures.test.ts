import { expect, it } from 'vitest';
import { startPeer, startRoom } from './fixtures.ts';

it('two objects of a class are equal only if they are the same, at any depth', async () => {
  const peer = await startPeer(await startRoom(), 'alice');
  const [one, other] = [await peer.createTransport(), await peer.createTransport()];
  expect([one]).toEqual([one]);
  expect([one]).not.toEqual([other]);
  expect([{ transport: one }]).not.toEqual([{ transport: other }]);
  expect(new Set([one])).not.toEqual(new Set([other]));
  expect({ transport: one }).not.toMatchObject({ transport: other });
  expect(one).toMatchObject({ closed: false });
});

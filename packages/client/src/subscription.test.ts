import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeWeir } from '../test/fake-weir.ts';
import { enter, pass } from '../test/harness.ts';

let server: FakeWeir;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeWeir();
});

afterEach(() => {
  vi.useRealTimers();
});

async function watching() {
  const bob = server.join('Bob');
  const receiver = server.publish(bob, 'video');
  const { session } = await enter(server);
  await pass(100);
  return { bob, receiver, session, subscription: session.subscriptions[0]! };
}

describe('explain()', () => {
  it('tells why the picture is as it is, in the words of the server', async () => {
    const { receiver, subscription } = await watching();
    expect(await subscription.explain()).toMatchObject({
      senderId: subscription.id,
      kind: 'video',
      limit: { code: 'none' },
    });
    server.pauseReceiver(receiver.id, true);
    expect((await subscription.explain()).limit).toEqual({
      code: 'receiver-paused',
      sentence: 'The receiver is paused by its publisher.',
    });
  });

  it('is refused after the end', async () => {
    const { subscription } = await watching();
    await subscription.unsubscribe();
    await expect(subscription.explain()).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('preferredLayers', () => {
  it('is what was asked for last', async () => {
    const { subscription } = await watching();
    expect(subscription.preferredLayers).toBeNull();
    await subscription.setPreferredLayers({ spatialLayer: 1 });
    expect(subscription.preferredLayers).toEqual({ spatialLayer: 1 });
    await subscription.setPreferredLayers(null);
    expect(subscription.preferredLayers).toBeNull();
  });
});

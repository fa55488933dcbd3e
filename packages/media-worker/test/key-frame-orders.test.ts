import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { WorkerHost } from './worker-host.ts';

/** The room orders a key frame whenever a sender can begin; the worker has mostly begun by then. */
function late(orderAfterMs: number) {
  const host = new WorkerHost({ policy: { delayMs: 2 } });
  const { receiver, streams } = publish(host);
  const [stream] = streams;
  stream!.start();
  host.clock.runFor(3000);
  const { sender, viewer } = watch(host, receiver);
  if (orderAfterMs > 0) host.clock.runFor(orderAfterMs);
  const { keyFrames } = stream!;
  host.update({ keyFrames: [sender.id] });
  host.clock.runFor(1000);
  return { viewer, plis: stream!.plis, keyFrames: stream!.keyFrames - keyFrames };
}

describe('an order of a key frame for a viewer that came late', () => {
  it.each([0, 20, 300, 1000])('%d ms after it could begin costs the publisher nothing', (ms) => {
    const { viewer, plis, keyFrames } = late(ms);
    expect(viewer.got.size).toBeGreaterThan(50);
    expect([plis, keyFrames]).toEqual([0, 0]);
  });

  it('is passed on once the viewer has been watching for a while', () => {
    expect(late(3000)).toMatchObject({ plis: 1, keyFrames: 1 });
  });
});

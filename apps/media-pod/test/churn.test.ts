import { PodClient } from '@weir/pod-control';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { collectable, measureFootprint } from './footprint.ts';
import { SignalingDouble, secrets } from './signaling-double.ts';
import { startPod } from './start-pod.ts';
import { joinAndLeave } from './visitors.ts';

const signaling = new SignalingDouble();
beforeAll(() => signaling.start());
afterAll(() => signaling.stop());

it('500 visitors leave nothing behind', { timeout: 120_000 }, async () => {
  const { pod, workers, ref } = await startPod(signaling, { WEIR_LEASE_SECONDS: '60' }, collectable);
  try {
    await signaling.until(() => signaling.leases.length > 0, 'the first lease');
    const lease = signaling.leases[0]!;
    const client = new PodClient({ secrets });
    let room = 0;
    const visit = async (count: number) => {
      const rooms = Array.from({ length: count / 50 }, () => `churn-${room++}`);
      for (const roomId of rooms) {
        const visitors = { roomId, firstId: 20_000_000, count: 50, version: 1 };
        await joinAndLeave({ client, ref, lease, ...visitors });
      }
      await expect.poll(() => pod.transports).toBe(0);
      // What signaling was told in this test is ours, not the pod's.
      signaling.applied.length = 0;
    };
    await visit(200);
    const before = await measureFootprint(workers);
    await visit(500);
    // A timer that is just due is no more than a moment's.
    let after = await measureFootprint(workers);
    for (let again = 0; again < 20 && after.workerResources > before.workerResources; again++) {
      after = await measureFootprint(workers);
    }

    expect(await workers.rooms()).toEqual({});
    expect(after.workerResources).toBeLessThanOrEqual(before.workerResources);
    expect(after.workerHeap).toBeLessThan(before.workerHeap * 1.05);
    expect(after.workerExternal).toBeLessThan(before.workerExternal * 1.05);
  } finally {
    await pod.stop(0);
  }
});

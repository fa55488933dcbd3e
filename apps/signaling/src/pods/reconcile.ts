import type { PodLease } from '@weir/protocol';
import type { Services } from '../services.ts';
import { emptyUpdate } from './media-delivery.ts';

/** Puts right what a pod holds against what it should hold, by the versions in its lease. */
export async function reconcile(services: Services, podId: string, lease: PodLease): Promise<void> {
  const { podStore, delivery, store } = services;
  const wanted = new Map(
    (await podStore.roomsOf(podId)).map(({ roomId, mediaVersion }) => [roomId, mediaVersion]),
  );
  const repairs: Promise<void>[] = [];
  for (const [roomId, version] of wanted) {
    const held = lease.rooms[roomId] ?? -1;
    // The lease may be older than an update on its way: a pod that has it by now is not disturbed.
    if (held < version) repairs.push(delivery.repair(podId, roomId));
  }
  for (const [roomId, held] of Object.entries(lease.rooms)) {
    if (wanted.has(roomId)) continue;
    // Closed, forgotten, or moved away: nothing of it belongs there.
    const room = await store.load(roomId);
    if (room !== undefined && [...room.state.transports.values()].some((one) => one.podId === podId))
      continue;
    // At the present version it holds the right thing, which is nothing.
    const version = room === undefined ? held + 1 : room.mediaVersion;
    if (held < version) repairs.push(delivery.tell(podId, emptyUpdate(roomId, null, version)));
  }
  // What fails here shows again in the next lease.
  await Promise.allSettled(repairs);
}

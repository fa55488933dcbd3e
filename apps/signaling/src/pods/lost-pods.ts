import type { NewEvent, PodRow } from '@weir/db';
import type { Turn } from '../rooms/turn.ts';
import type { Services } from '../services.ts';
import { eachRoom } from './each-room.ts';

/**
 * Pods that are gone or going. All of it can be done by any instance, at any time and more than once: what is to
 * be done is found in the database, not remembered.
 */

/** Closes the transports of pods that were started again or given up; their peers hear `migrate`. */
export async function closeLostTransports(services: Services): Promise<number> {
  const { podStore, rooms, deps } = services;
  const lost = await podStore.lostTransports(1000);
  const byRoom = Map.groupBy(lost, ({ roomId }) => roomId);
  await eachRoom(services, 'lost transports', byRoom.keys(), async (roomId) => {
    const transports = byRoom.get(roomId)!;
    await rooms.transact([roomId], (turns) => {
      const turn = turns.get(roomId);
      if (turn === undefined) return;
      const peers = new Map<number, string[]>();
      for (const { transportId, podId } of transports) {
        const transport = turn.state.transports.get(transportId);
        if (transport?.podId !== podId) continue;
        const { peerId } = transport;
        peers.set(peerId, [...(peers.get(peerId) ?? []), String(transportId)]);
        turn.run({ type: 'transport.close', transportId, reason: 'pod-lost' });
        turn.seen(peerId);
      }
      for (const [peerId, transportIds] of peers) turn.emit(migrateEvent(peerId, 'pod-lost', transportIds));
    });
    deps.logger.warn({ roomId, transports: transports.length }, 'transports were lost with their pod');
  });
  return lost.length;
}

/** Gives pods up that missed three leases, and could have renewed them ever since `since`. */
export async function giveUpSilentPods(services: Services, since = Number.NEGATIVE_INFINITY): Promise<void> {
  const { podStore, deps } = services;
  const before = deps.clock.now() - missedLeases * deps.config.podLeaseMs;
  if (before < since) return;
  for (const pod of await podStore.list()) {
    if (pod.lease === null || pod.leasedAt >= before) continue;
    if (await podStore.giveUp(pod)) {
      deps.logger.error(
        { podId: pod.id, leasedAt: pod.leasedAt },
        'a pod missed three leases and was given up',
      );
    }
  }
}

/** Tells the peers on draining pods to move, once per drain. */
export async function tellDrains(services: Services): Promise<void> {
  for (const pod of await services.podStore.list()) await tellDrain(services, pod);
}

async function tellDrain(services: Services, pod: PodRow): Promise<void> {
  const { podStore, rooms } = services;
  const draining = pod.lease?.draining === true;
  if (draining === (pod.drainTold === 1)) return;
  if (draining) {
    const held = (await podStore.roomsOf(pod.id)).map(({ roomId }) => roomId);
    // A room that cannot be told hears of it when the pod is gone; telling all again and again would be worse.
    await eachRoom(services, 'drain', held, async (roomId) => {
      await rooms.transact([roomId], (turns) => {
        const turn = turns.get(roomId);
        if (turn !== undefined) tellPeers(turn, pod.id);
      });
    });
  }
  await podStore.setDrainTold(pod.id, draining);
}

function tellPeers(turn: Turn, podId: string): void {
  const onPod = [...turn.state.transports.values()].filter((transport) => transport.podId === podId);
  for (const [peerId, transports] of Map.groupBy(onPod, ({ peerId }) => peerId)) {
    turn.emit(
      migrateEvent(
        peerId,
        'drain',
        transports.map(({ id }) => String(id)),
      ),
    );
  }
}

/** Build new transports in place of these, and bind to them what was bound. */
function migrateEvent(peerId: number, reason: 'pod-lost' | 'drain', transportIds: string[]): NewEvent {
  return {
    peerId,
    type: 'migrate',
    target: { kind: 'peer', id: String(peerId) },
    data: { reason, transportIds },
  };
}

/** A pod that missed so many is given up. */
export const missedLeases = 3;

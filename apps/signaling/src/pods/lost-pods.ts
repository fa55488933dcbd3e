import type { PodRow } from '@weir/db';
import type { TransportRecord } from '@weir/room';
import type { Turn } from '../rooms/turn.ts';
import type { Services } from '../services.ts';
import { eachRoom } from './each-room.ts';

/**
 * Pods that are gone or going. All of it can be done by any instance, at any time and more than once: what is to
 * be done is found in the database, not remembered.
 */

/**
 * Closes the transports of pods that were started again or given up; their peers hear `migrate`.
 *
 * @param first the room that is done before the others, as somebody waits for it
 */
export async function closeLostTransports(services: Services, first?: string): Promise<number> {
  const { podStore, rooms } = services;
  const lost = await podStore.lostTransports(1000, first);
  const byRoom = Map.groupBy(lost, ({ roomId }) => roomId);
  const close = async (roomId: string) => {
    const ofPod = new Map(byRoom.get(roomId)!.map(({ transportId, podId }) => [transportId, podId]));
    await rooms.transact([roomId], (turns) => {
      const turn = turns.get(roomId);
      if (turn !== undefined) loseTransports(services, turn, ({ id, podId }) => ofPod.get(id) === podId);
    });
  };
  const roomIds = [...byRoom.keys()].sort((a, b) => Number(b === first) - Number(a === first));
  await eachRoom(services, 'lost transports', roomIds, close, roomsAtOnce);
  return lost.length;
}

/** Closes those transports of a room, and lets their peers build new ones. Answers whether there were any. */
export function loseTransports(
  { deps }: Services,
  turn: Turn,
  isLost: (transport: TransportRecord) => boolean,
): boolean {
  const lost = [...turn.state.transports.values()].filter(isLost);
  for (const { id, peerId } of lost) {
    turn.run({ type: 'transport.close', transportId: id, reason: 'pod-lost' });
    turn.seen(peerId);
  }
  tellToMove(turn, 'pod-lost', lost);
  if (lost.length === 0) return false;
  deps.logger.warn({ roomId: turn.room.id, transports: lost.length }, 'transports were lost with their pod');
  return true;
}

/**
 * Gives pods up that are silent, and could have renewed their lease ever since `since`: after three missed leases
 * those whose process is gone, and after `podLostMs` the others too. Until then such a pod may well carry media: it
 * may only be cut off from here.
 */
export async function giveUpSilentPods(services: Services, since = Number.NEGATIVE_INFINITY): Promise<void> {
  const { podStore, prober, deps } = services;
  const { podLeaseMs, podLostMs } = deps.config;
  const now = deps.clock.now();
  const before = now - missedLeases * podLeaseMs;
  if (before < since) return;
  const silent = (await podStore.list()).filter(({ lease, leasedAt }) => lease !== null && leasedAt < before);
  await Promise.all(
    silent.map(async (pod) => {
      const found = pod.leasedAt < now - podLostMs ? 'silent too long' : await prober.probe(pod);
      if (found === 'alive' || found === 'silent') return;
      if (await podStore.giveUp(pod)) {
        deps.logger.error({ podId: pod.id, leasedAt: pod.leasedAt, found }, 'a silent pod was given up');
      }
    }),
  );
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
  tellToMove(
    turn,
    'drain',
    [...turn.state.transports.values()].filter((transport) => transport.podId === podId),
  );
}

/** Each peer is to build new transports in place of its own of these, and to bind to them what was bound. */
function tellToMove(turn: Turn, reason: 'pod-lost' | 'drain', transports: readonly TransportRecord[]): void {
  for (const [peerId, own] of Map.groupBy(transports, ({ peerId }) => peerId)) {
    turn.emit({
      peerId,
      type: 'migrate',
      target: { kind: 'peer', id: String(peerId) },
      data: { reason, transportIds: own.map(({ id }) => String(id)) },
    });
  }
}

/** A pod that missed so many is looked at. */
const missedLeases = 3;
const roomsAtOnce = 8;

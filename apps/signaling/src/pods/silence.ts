import type { TransportRecord } from '@weir/room';
import type { Services } from '../services.ts';
import { closeLostTransports, loseTransports } from './lost-pods.ts';
import { unreachableMs } from './pod-directory.ts';

/**
 * A peer says that no media comes on its transport any more. One that lies, or whose own network is broken, must not
 * harm the others (docs/decisions/0041): a pod is given up only if its process is proven gone, and if it cannot be
 * reached, a room leaves it only once most of its peers there say so.
 */
export async function heedSilence(
  services: Services,
  roomId: string,
  { id, podId }: TransportRecord,
): Promise<'alive' | 'silent' | 'lost'> {
  const { podStore, prober, rooms, deps } = services;
  const pod = await podStore.get(podId);
  if (pod === undefined || pod.lease === null) {
    await closeLostTransports(services, roomId);
    return 'lost';
  }
  const found = await prober.probe(pod);
  if (found === 'alive') return 'alive';
  if (found !== 'silent') {
    if (await podStore.giveUp(pod)) deps.logger.error({ podId, found }, 'a pod is gone and was given up');
    await closeLostTransports(services, roomId);
    return 'lost';
  }
  const { value: lost } = await rooms.transact([roomId], (turns) => {
    const turn = turns.get(roomId);
    if (turn === undefined || !turn.state.transports.has(id)) return true;
    turn.run({ type: 'transport.silent', transportId: id, at: turn.now });
    const there = [...turn.state.transports.values()].filter((one) => one.podId === podId);
    if (!mostMissIt(there, turn.now)) return false;
    return loseTransports(services, turn, (one) => one.podId === podId);
  });
  if (!lost) return 'silent';
  await podStore.markUnreachable(pod, deps.clock.now() + unreachableMs);
  deps.logger.warn({ podId, roomId }, 'a room left a pod that does not answer and that its peers miss');
  return 'lost';
}

/** Whether more than half of the peers whose media ran there miss it. Those without ICE cannot know. */
function mostMissIt(transports: readonly TransportRecord[], now: number): boolean {
  const could = transports.filter(({ type, iceState }) => type === 'webrtc' && iceState !== 'new');
  const peers = new Set(could.map(({ peerId }) => peerId));
  const missing = new Set(
    could
      .filter(({ silentAt }) => silentAt !== undefined && now - silentAt <= memoryMs)
      .map(({ peerId }) => peerId),
  );
  return missing.size * 2 > peers.size;
}

/** A peer that still misses its media says so again before that. */
const memoryMs = 6_000;

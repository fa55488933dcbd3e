import type { PodAddress } from '@weir/protocol';

/**
 * Which of a pod's `workers` media workers serves a room: 0 to `workers` - 1, the same for everybody who asks,
 * so that signaling and pod need not tell each other. FNV-1a with the last mixing steps of MurmurHash3, because
 * ids that differ only in their end must spread too.
 */
export function workerOfRoom(roomId: string, workers: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < roomId.length; i++) {
    hash = Math.imul(hash ^ roomId.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % workers;
}

/**
 * Of all addresses in a pod's lease, those where the room's media is served: by `worker` if that was chosen, else by
 * the one that the hash tells.
 */
export function addressesOfRoom(
  addresses: readonly PodAddress[],
  roomId: string,
  worker?: number,
): readonly PodAddress[] {
  const workers = addresses.reduce((most, { worker = 0 }) => Math.max(most, worker + 1), 1);
  if (workers === 1) return addresses;
  const serving = worker !== undefined && worker < workers ? worker : workerOfRoom(roomId, workers);
  return addresses.filter(({ worker }) => worker === undefined || worker === serving);
}

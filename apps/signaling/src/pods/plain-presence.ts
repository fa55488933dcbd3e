import type { TransportRecord } from '@weir/room';
import type { Services } from '../services.ts';

/**
 * Finds out whether plain RTP is a sign of life. A plain transport has neither ICE nor DTLS that could die, and the
 * program behind it reads no events: it counts as living from when its remote address is known (told, or learnt
 * from the first packet) for as long as its pod is there. So a program that goes without a word stays until its
 * transport, its peer or its room is closed.
 */
export async function plainPresence({
  podStore,
}: Services): Promise<(transport: TransportRecord) => boolean> {
  const pods = await podStore.list();
  const present = new Set(pods.filter(({ lease }) => lease !== null).map(({ id }) => id));
  return ({ type, podId, plain, iceSelectedTuple }) =>
    type === 'plain' && (iceSelectedTuple !== undefined || plain?.remote !== undefined) && present.has(podId);
}

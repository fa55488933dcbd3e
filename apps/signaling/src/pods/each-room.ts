import { ConflictError, StoreUnavailableError } from '@weir/db';
import type { Services } from '../services.ts';

/**
 * Does work room by room, `atOnce` of them at the same time. A room that it fails for is logged and passed over, so that it cannot keep the others
 * from theirs.
 *
 * @throws StoreUnavailableError at once when the database is away, as it is for every room then
 */
export async function eachRoom(
  { deps }: Services,
  what: string,
  roomIds: Iterable<string>,
  work: (roomId: string) => Promise<void>,
  atOnce = 1,
): Promise<void> {
  const waiting = [...roomIds].reverse();
  const one = async () => {
    for (let roomId = waiting.pop(); roomId !== undefined; roomId = waiting.pop()) {
      try {
        await work(roomId);
      } catch (error) {
        // Too many writers are a matter of one room.
        if (error instanceof StoreUnavailableError && !(error.cause instanceof ConflictError)) {
          waiting.length = 0;
          throw error;
        }
        deps.logger.error({ what, roomId, error: (error as Error).message }, 'work on a room failed');
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, waiting.length) }, one));
}

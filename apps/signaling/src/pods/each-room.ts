import { ConflictError, StoreUnavailableError } from '@weir/db';
import type { Services } from '../services.ts';

/**
 * Does work room by room. A room that it fails for is logged and passed over, so that it cannot keep the others
 * from theirs.
 *
 * @throws StoreUnavailableError at once when the database is away, as it is for every room then
 */
export async function eachRoom(
  { deps }: Services,
  what: string,
  roomIds: Iterable<string>,
  work: (roomId: string) => Promise<void>,
): Promise<void> {
  for (const roomId of roomIds) {
    try {
      await work(roomId);
    } catch (error) {
      // Too many writers are a matter of one room.
      if (error instanceof StoreUnavailableError && !(error.cause instanceof ConflictError)) throw error;
      deps.logger.error({ what, roomId, error: (error as Error).message }, 'work on a room failed');
    }
  }
}

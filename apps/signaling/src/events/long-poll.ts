import type { Cursor, EventPage } from '@weir/protocol';
import type { Services } from '../services.ts';
import type { ReadPage } from './event-reader.ts';
import { LogWaiter } from './waiting.ts';

export interface PollRequest {
  readonly roomId: string;
  readonly peerId: number;
  readonly after: number;
  /** 0 = answer at once. */
  readonly waitMs: number;
  readonly limit: number;
  /** The client went away. */
  readonly signal: AbortSignal;
}

/**
 * Events after a cursor, at once if there are any, else as soon as there are, else none when the time is over. A
 * newer long poll of the same peer ends this one, wherever it runs. Undefined = no such peer.
 */
export async function poll(services: Services, request: PollRequest): Promise<ReadPage | undefined> {
  const { deps, log, reader, stopping } = services;
  const { clock, config, metrics, wakeUps } = deps;
  const { roomId, peerId, after, limit, signal } = request;
  const deadline = clock.now() + request.waitMs;
  let page = await reader.page(roomId, peerId, after, limit);
  if (page === undefined || page.ended) return page;
  const seenEveryMs = config.peerTimeoutMs / 4;
  if (page.events.length > 0 || request.waitMs === 0) {
    if (clock.now() - page.lastSeenAt > seenEveryMs) await log.seen(roomId, peerId, clock.now());
    return page;
  }
  const waiter = new LogWaiter(clock, wakeUps, roomId, peerId);
  const stop = () => waiter.wake();
  signal.addEventListener('abort', stop);
  const forgetStop = stopping.onStop(stop);
  metrics.readers('poll', 1);
  try {
    const readerId = crypto.randomUUID();
    await log.seen(roomId, peerId, clock.now(), readerId);
    let seenAt = clock.now();
    // The poll before this one ends now.
    wakeUps.wake(roomId, [peerId]);
    for (;;) {
      page = await reader.page(roomId, peerId, after, limit);
      const now = clock.now();
      const over = now >= deadline || signal.aborted || stopping.stopped;
      if (page === undefined || page.events.length > 0 || page.ended || over || page.readerId !== readerId)
        return page;
      if (now - seenAt >= seenEveryMs) {
        await log.seen(roomId, peerId, now);
        seenAt = now;
      }
      await waiter.wait(Math.max(1, Math.min(deadline - now, wakeUps.pollMs, seenEveryMs)));
    }
  } finally {
    metrics.readers('poll', -1);
    signal.removeEventListener('abort', stop);
    forgetStop();
    waiter.close();
  }
}

export function eventPage(page: ReadPage): EventPage {
  return { events: [...page.events], cursor: String(page.cursor) as Cursor };
}

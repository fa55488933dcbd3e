import { ConflictError, StoreUnavailableError } from '@weir/db';
import { eachRoom } from './pods/each-room.ts';
import { closeLostTransports, giveUpSilentPods, tellDrains } from './pods/lost-pods.ts';
import { plainPresence } from './pods/plain-presence.ts';
import { isAlive } from './pods/reports.ts';
import type { Services } from './services.ts';

/**
 * What must happen without a request: vanished peers, expired rooms, lost pods, old rows. Any instance may do it
 * at any time, several at once included; every step is guarded.
 */
export class Sweeper {
  readonly #services: Services;
  readonly #everyMs: number;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #tidyAt = 0;
  /** While the database was away nobody could give a sign of life, so silence counts from here at the earliest. */
  #listeningSince = Number.NEGATIVE_INFINITY;
  #blind = false;

  constructor(services: Services, everyMs: number) {
    this.#services = services;
    this.#everyMs = everyMs;
  }

  start(): void {
    const { clock, random } = this.#services.deps;
    // It may be the database's return that let us start.
    this.#listeningSince = clock.now();
    const tick = () => {
      this.#running = this.sweep().finally(() => {
        if (!this.#stopped)
          this.#cancel = clock.after(this.#everyMs * (0.75 + (0.5 * random()) / 2 ** 32), tick);
      });
    };
    tick();
  }

  /** Waits for the sweep at hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  /** One sweep. Never throws: what fails is tried again next time. */
  async sweep(): Promise<void> {
    const { services } = { services: this.#services };
    const { clock, logger, config } = services.deps;
    if (this.#blind) this.#listeningSince = clock.now();
    this.#blind = false;
    const since = this.#listeningSince;
    const steps: [string, () => Promise<unknown>][] = [
      ['vanished peers', () => closeVanishedPeers(services, since)],
      ['expired rooms', () => closeExpiredRooms(services)],
      ['silent pods', () => giveUpSilentPods(services, since)],
      ['lost transports', () => closeLostTransports(services)],
      ['drains', () => tellDrains(services)],
    ];
    if (clock.now() >= this.#tidyAt) {
      this.#tidyAt = clock.now() + tidyEveryMs;
      steps.push(['old rows', () => tidy(services, config.eventRetentionMs)]);
    }
    for (const [what, step] of steps) {
      try {
        await step();
      } catch (error) {
        if (error instanceof StoreUnavailableError) this.#blind = true;
        logger.warn(
          { what, error: (error as Error).message },
          'a step of the sweep failed; it is tried again',
        );
      }
    }
  }
}

/** Closes peers that neither read their events nor have living media, and could have done so ever since `since`. */
export async function closeVanishedPeers(
  services: Services,
  since = Number.NEGATIVE_INFINITY,
): Promise<void> {
  const { housekeeping, rooms, deps } = services;
  const before = deps.clock.now() - deps.config.peerTimeoutMs;
  if (before < since) return;
  const unseen = Map.groupBy(await housekeeping.unseenPeers(before, 500), (peer) => peer.roomId);
  if (unseen.size === 0) return;
  const isPlainAlive = await plainPresence(services);
  await eachRoom(services, 'vanished peers', unseen.keys(), async (roomId) => {
    for (const { peerId } of unseen.get(roomId)!) {
      try {
        const done = await rooms.transact(
          [roomId],
          (turns) => {
            const turn = turns.get(roomId);
            if (turn === undefined || !turn.state.peers.has(peerId)) return false;
            const transports = [...turn.state.transports.values()].filter((one) => one.peerId === peerId);
            if (transports.some((one) => isAlive(one) || isPlainAlive(one))) {
              // Not to be looked at again and again while its media flows.
              turn.seen(peerId);
              return false;
            }
            turn.run({ type: 'peer.close', peerId, reason: 'timeout' });
            return true;
          },
          {
            attempts: 3,
            also: (closed) => (closed ? [housekeeping.unseenGuard(roomId, peerId, before)] : []),
          },
        );
        if (done.value) {
          deps.metrics.peersClosed('timeout', 1);
          deps.logger.info({ room: roomId, peer: peerId }, 'a peer vanished');
        }
      } catch (error) {
        // It came back in this very moment.
        if (!(error instanceof ConflictError)) throw error;
      }
    }
  });
}

/** Closes rooms whose time is over. */
export async function closeExpiredRooms(services: Services): Promise<void> {
  const { housekeeping, rooms, deps } = services;
  const expired = await housekeeping.expiredRooms(deps.clock.now(), 100);
  await eachRoom(services, 'expired rooms', expired, async (roomId) => {
    const done = await rooms.transact([roomId], (turns) => {
      const turn = turns.get(roomId);
      // What was loaded may be newer than what was listed.
      if (turn === undefined || turn.state.closed) return false;
      if (turn.room.expiresAt === null || turn.room.expiresAt > turn.now) return false;
      turn.run({ type: 'room.close', error: 'expired' });
      return true;
    });
    if (done.value) deps.logger.info({ room: roomId }, 'a room expired');
  });
}

async function tidy(
  { housekeeping, podStore, webhooks, deps }: Services,
  retentionMs: number,
): Promise<void> {
  const now = deps.clock.now();
  await housekeeping.trimLogs(now, {
    maxEventAgeMs: retentionMs,
    maxEventsPerPeer: deps.config.eventsPerPeer,
  });
  await housekeeping.forget(now, Math.max(retentionMs, tombstoneMs), deps.config.idempotencyMs);
  await podStore.forget(now - tombstoneMs);
  await webhooks.forget(now - deliveredKeepMs, now - deps.config.webhooks.retentionMs);
}

const tidyEveryMs = 30_000;
/** So long a closed room or peer answers `410` instead of `404`. */
const tombstoneMs = 3_600_000;
/** So long the cursor of a webhook that has heard all is kept. */
const deliveredKeepMs = 600_000;

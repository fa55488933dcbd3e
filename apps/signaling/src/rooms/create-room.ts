import { ConflictError, type LoadedRoom, type RoomDetails, StoreUnavailableError } from '@weir/db';
import { defaultMediaCodecs, mediaCodecFromWire, roomCapabilities } from '@weir/ortc';
import type { CreateRoomRequest } from '@weir/protocol';
import type { IdempotencyKey } from '../idempotency.ts';
import { ProblemError } from '../problem.ts';
import { refusals } from '../refusals.ts';
import type { Services } from '../services.ts';
import { listenersOf } from '../webhooks/listeners.ts';
import { requireWebhook } from '../webhooks/room-webhook.ts';
import { AlreadyAnswered, type Answer } from './rooms.ts';
import { roomExpiry } from './turn.ts';

export interface CreateRoomOptions {
  readonly id: string;
  readonly request: CreateRoomRequest;
  readonly idempotency?: { key: IdempotencyKey; answer: (room: LoadedRoom) => Answer } | undefined;
}

/**
 * Creates a room, also in place of a closed one of the same id.
 *
 * @throws ProblemError `room-exists`, `invalid-parameter`
 */
export async function createRoom(services: Services, options: CreateRoomOptions): Promise<LoadedRoom> {
  const { store, access, deps } = services;
  const { id, request } = options;
  requireWebhook(deps.config.webhooks, request.webhook);
  const details = detailsOf(request);
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const now = deps.clock.now();
    const previous = await store.load(id);
    if (previous !== undefined && !previous.state.closed) {
      await replay(services, options);
      throw new ProblemError('room-exists', `Room ${id} exists: join it, or choose another id.`, {
        field: 'id',
      });
    }
    const expiresAt = roomExpiry(details, now, now);
    const events = [{ type: 'room.created' as const, data: { metadata: details.metadata } }];
    const listeners = listenersOf(deps.config.webhooks, details);
    const lines = listeners.length === 0 ? {} : { lines: { events, listeners } };
    const statements = store.createStatements({ id, details, expiresAt, ...lines }, previous, now);
    if (options.idempotency !== undefined) {
      const { key, answer } = options.idempotency;
      const { status, body } = answer(newRoom(id, details, now));
      statements.push(
        ...access.answerStatements(
          key.scope,
          key.key,
          { requestHash: key.requestHash, status, answer: body },
          now,
        ),
      );
    }
    try {
      await deps.driver.write(statements);
    } catch (error) {
      store.forget(id);
      if (!(error instanceof ConflictError)) throw error;
      await replay(services, options);
      continue;
    }
    if (listeners.length > 0) services.deliverer.wake();
    store.forget(id);
    const created = await store.load(id);
    if (created !== undefined) return created;
  }
  throw new StoreUnavailableError(`Room ${id} could not be created: too many writers at once`);
}

async function replay({ access }: Services, { idempotency }: CreateRoomOptions): Promise<void> {
  if (idempotency === undefined) return;
  const stored = await access.answerOf(idempotency.key.scope, idempotency.key.key);
  if (stored?.requestHash === idempotency.key.requestHash) {
    throw new AlreadyAnswered({ status: stored.status, body: stored.answer });
  }
}

function detailsOf(request: CreateRoomRequest): RoomDetails {
  const { mediaCodecs, maxPeers, emptyTtlSeconds, maxDurationSeconds, maxLoudestAudio, metadata, webhook } =
    request;
  const codecs = mediaCodecs?.map(mediaCodecFromWire) ?? defaultMediaCodecs;
  const capabilities = refusals('capabilities', 'mediaCodecs', () => roomCapabilities(codecs));
  return {
    capabilities,
    maxPeers,
    emptyTtlSeconds,
    maxDurationSeconds,
    maxLoudestAudio,
    metadata,
    ...(webhook === undefined ? {} : { webhook }),
  };
}

/** A room as it will be; its view needs no more. */
function newRoom(id: string, details: RoomDetails, now: number): LoadedRoom {
  const none = new Map<number, never>();
  return {
    id,
    details,
    createdAt: now,
    expiresAt: null,
    closedAt: null,
    mediaVersion: 0,
    nextPosition: 0,
    eventSeq: 0,
    bindings: none,
    state: {
      id,
      version: 0,
      closed: false,
      capabilities: details.capabilities,
      maxLoudestAudio: details.maxLoudestAudio ?? 0,
      peers: none,
      transports: none,
      receivers: none,
      senders: none,
    },
  };
}

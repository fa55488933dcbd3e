import { InspectAnswer, type InspectRequest, MediaUpdateAnswer, type RoomMediaUpdate } from '@weir/protocol';
import { z } from 'zod';
import { type CallerOptions, makeCall } from './call.ts';
import { PodControlError } from './errors.ts';
import { signalingAudience } from './token.ts';

/** A pod as it stands in its lease. */
export interface PodRef {
  readonly id: string;
  readonly controlUrl: string;
  /** Its start; a pod that was started again refuses the call. Absent = whichever runs there. */
  readonly epoch?: number;
}

/** `GET {pod}/v1/rooms`: the version of every room the pod holds. */
export const PodRooms = z.object({ rooms: z.record(z.string(), z.number().int().nonnegative()) });
export type PodRooms = z.infer<typeof PodRooms>;

/** Answer of `POST` and `DELETE {pod}/v1/drain`. */
export const DrainState = z.object({
  draining: z.boolean(),
  /** Transports that still have to go. */
  transports: z.number().int().nonnegative(),
});
export type DrainState = z.infer<typeof DrainState>;

/** Answer of `GET {pod}/v1/pulse`. */
export const PodPulse = z.object({ podId: z.string(), epoch: z.number().int() });
export type PodPulse = z.infer<typeof PodPulse>;

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** In milliseconds, with the retry. */
  readonly timeoutMs?: number;
}

/** How signaling calls pods. Holds no state; every call is idempotent, bounded in time and tried at most twice. */
export class PodClient {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /**
   * Brings a room on a pod to a version. `applied: false` asks for the whole state; see deliverMedia().
   *
   * @throws PodControlError
   */
  async applyMedia(
    pod: PodRef,
    update: RoomMediaUpdate,
    options: CallOptions = {},
  ): Promise<MediaUpdateAnswer> {
    const path = `/v1/rooms/${encodeURIComponent(update.roomId)}/media`;
    return await this.#call(pod, 'PUT', path, update, MediaUpdateAnswer, options);
  }

  /** Counters and internals, straight from the worker. @throws PodControlError */
  async inspect(
    pod: PodRef,
    roomId: string,
    request: InspectRequest,
    options: CallOptions = {},
  ): Promise<InspectAnswer> {
    const path = `/v1/rooms/${encodeURIComponent(roomId)}/inspect`;
    return await this.#call(pod, 'POST', path, request, InspectAnswer, options);
  }

  /** Versions of the rooms a pod holds, for reconciliation. @throws PodControlError */
  async rooms(pod: PodRef, options: CallOptions = {}): Promise<Record<string, number>> {
    return (await this.#call(pod, 'GET', '/v1/rooms', undefined, PodRooms, options)).rooms;
  }

  /** Whether it lives. Tried once. @throws PodControlError */
  async pulse(pod: PodRef, options: CallOptions = {}): Promise<PodPulse> {
    return await this.#call(pod, 'GET', '/v1/pulse', undefined, PodPulse, options, 1);
  }

  /** No new rooms for this pod; running media goes on. Reversible. @throws PodControlError */
  async drain(pod: PodRef, options: CallOptions = {}): Promise<DrainState> {
    return await this.#call(pod, 'POST', '/v1/drain', undefined, DrainState, options);
  }

  /** Takes a drain back. @throws PodControlError */
  async undrain(pod: PodRef, options: CallOptions = {}): Promise<DrainState> {
    return await this.#call(pod, 'DELETE', '/v1/drain', undefined, DrainState, options);
  }

  #call<S extends z.ZodType>(
    pod: PodRef,
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    body: unknown,
    answer: S,
    options: CallOptions,
    attempts = 2,
  ): Promise<z.infer<S>> {
    return makeCall(this.#options, {
      issuer: signalingAudience,
      audience: pod.id,
      epoch: pod.epoch,
      baseUrl: pod.controlUrl,
      method,
      path,
      body,
      answer,
      attempts,
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    });
  }
}

export interface MediaDelivery {
  /** Version the pod holds now; may be greater than asked when another instance was faster. */
  readonly version: number;
  /** Whether the whole state had to be sent. */
  readonly whole: boolean;
}

/**
 * Brings a room on a pod at least to `update.version`: sends the delta and, if the pod asks for it, the
 * whole state that `loadFull()` reads (undefined = the room is gone meanwhile, nothing to deliver).
 *
 * @throws PodControlError; the lease's room versions let a later reconciliation repair what failed here
 */
export async function deliverMedia(
  client: Pick<PodClient, 'applyMedia'>,
  pod: PodRef,
  update: RoomMediaUpdate,
  loadFull: () => Promise<RoomMediaUpdate | undefined>,
  options: CallOptions = {},
): Promise<MediaDelivery> {
  const first = await client.applyMedia(pod, update, options);
  if (first.applied || first.version >= update.version) return { version: first.version, whole: false };
  const full = await loadFull();
  if (full === undefined) return { version: first.version, whole: false };
  if (full.base !== null || full.roomId !== update.roomId) {
    throw new RangeError('deliverMedia: loadFull() must give the whole state of the same room (base null)');
  }
  // Key frames asked by the delta must not get lost with it.
  const keyFrames = [...new Set([...full.keyFrames, ...update.keyFrames])];
  const second = await client.applyMedia(pod, { ...full, keyFrames }, options);
  if (second.applied || second.version >= full.version) return { version: second.version, whole: true };
  throw new PodControlError(
    'bad-answer',
    `Pod ${pod.id} took neither the delta nor the whole state of room ${update.roomId}.`,
  );
}

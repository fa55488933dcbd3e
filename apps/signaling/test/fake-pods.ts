import { PodControlError } from '@weir/pod-control';
import type {
  InspectAnswer,
  InspectRequest,
  MediaUpdateAnswer,
  PodLease,
  RoomMediaUpdate,
} from '@weir/protocol';
import type { Pods } from '../src/deps.ts';

type Put = RoomMediaUpdate['put'];
interface HeldRoom {
  version: number;
  readonly transports: Map<number, Put['transports'][number]>;
  readonly receivers: Map<number, Put['receivers'][number]>;
  readonly senders: Map<number, Put['senders'][number]>;
}

/** The only fake of these tests: pods behind the calls of pod-control, which hold what they are told. */
export class FakePods implements Pods {
  readonly #rooms = new Map<string, Map<string, HeldRoom>>();
  /** Pods that do not answer. */
  readonly down = new Set<string>();
  /** Pods whose answers get lost. */
  readonly mute = new Set<string>();
  readonly updates: { podId: string; update: RoomMediaUpdate }[] = [];
  readonly keyFrames: number[] = [];

  async applyMedia(pod: { id: string }, update: RoomMediaUpdate): Promise<MediaUpdateAnswer> {
    if (this.down.has(pod.id) || this.cutOff.has(pod.id)) {
      throw new PodControlError('unreachable', `${pod.id} does not answer`);
    }
    this.updates.push({ podId: pod.id, update });
    const answer = this.#apply(pod.id, update);
    if (this.mute.has(pod.id)) throw new PodControlError('unreachable', `${pod.id}: the answer got lost`);
    return answer;
  }

  async inspect(pod: { id: string }, roomId: string, request: InspectRequest): Promise<InspectAnswer> {
    if (this.down.has(pod.id) || this.cutOff.has(pod.id)) {
      throw new PodControlError('unreachable', `${pod.id} does not answer`);
    }
    const room = this.held(pod.id, roomId);
    const known = <T>(
      ids: readonly number[],
      map: ReadonlyMap<number, unknown> | undefined,
      make: (id: number) => T,
    ) => Object.fromEntries(ids.filter((id) => map?.has(id)).map((id) => [String(id), make(id)]));
    return {
      transports: known(request.transports, room?.transports, () => ({
        type: 'webrtc-transport',
        what: request.what,
      })),
      receivers: known(request.receivers, room?.receivers, () => [{ type: 'inbound-rtp' }]),
      senders: known(request.senders, room?.senders, () => [{ type: 'outbound-rtp' }]),
    };
  }

  /** What a pod holds of a room. */
  held(podId: string, roomId: string): HeldRoom | undefined {
    return this.#rooms.get(podId)?.get(roomId);
  }

  /** Versions of the rooms a pod holds, as they stand in its lease. */
  versions(podId: string): PodLease['rooms'] {
    const rooms = [...(this.#rooms.get(podId) ?? [])];
    return Object.fromEntries(
      rooms
        .filter(([, room]) => room.transports.size + room.receivers.size + room.senders.size > 0)
        .map(([roomId, { version }]) => [roomId, version]),
    );
  }

  /** Pods that do not answer because they cannot be reached; those that are `down` do not run. */
  readonly cutOff = new Set<string>();
  readonly draining = new Set<string>();

  async pulse(pod: { id: string; epoch?: number }): Promise<{ podId: string; epoch: number }> {
    if (this.cutOff.has(pod.id)) throw new PodControlError('unreachable', `${pod.id}: no answer in time`);
    if (this.down.has(pod.id)) {
      const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      throw new PodControlError('unreachable', `${pod.id} does not run`, { cause });
    }
    return { podId: pod.id, epoch: pod.epoch ?? 1 };
  }

  async drain(pod: { id: string }): Promise<{ draining: boolean; transports: number }> {
    await this.pulse(pod);
    this.draining.add(pod.id);
    return { draining: true, transports: 0 };
  }

  async undrain(pod: { id: string }): Promise<{ draining: boolean; transports: number }> {
    await this.pulse(pod);
    this.draining.delete(pod.id);
    return { draining: false, transports: 0 };
  }

  /** A pod starts again and holds nothing. */
  restart(podId: string): void {
    this.#rooms.delete(podId);
  }

  #apply(podId: string, update: RoomMediaUpdate): MediaUpdateAnswer {
    const rooms = this.#rooms.get(podId) ?? new Map<string, HeldRoom>();
    this.#rooms.set(podId, rooms);
    const held = rooms.get(update.roomId)?.version ?? 0;
    if (update.version < held) return { applied: true, version: held };
    if (update.base !== null) {
      if (update.version === held) return { applied: true, version: held };
      if (update.base !== held) return { applied: false, version: held };
    }
    const room: HeldRoom =
      update.base === null
        ? { version: 0, transports: new Map(), receivers: new Map(), senders: new Map() }
        : rooms.get(update.roomId)!;
    for (const kind of ['transports', 'receivers', 'senders'] as const) {
      const specs: Map<number, unknown> = room[kind];
      for (const spec of update.put[kind]) specs.set(spec.id, spec);
      for (const id of update.remove[kind]) specs.delete(id);
    }
    room.version = update.version;
    rooms.set(update.roomId, room);
    this.keyFrames.push(...update.keyFrames);
    return { applied: true, version: update.version };
  }
}

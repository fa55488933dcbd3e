import type { LoadedRoom, PodStore, RoomStore } from '@weir/db';
import { deliverMedia, type PodRef } from '@weir/pod-control';
import type { RoomMediaUpdate } from '@weir/protocol';
import type { Dependencies } from '../deps.ts';
import type { Scope } from '../scope.ts';
import { type MediaOrder, wholeUpdate } from './media-order.ts';

interface Waiting {
  update: RoomMediaUpdate;
  /** The newest request it is for. */
  scope: Scope | undefined;
  readonly done: { resolve(): void; reject(error: unknown): void }[];
}

/**
 * Brings pods to the wanted state. Per room and pod one call at a time; what comes meanwhile is put together into
 * the next call. Nothing here must be remembered: what is lost, the pod's next lease repairs.
 */
export class MediaDelivery {
  readonly #deps: Dependencies;
  readonly #rooms: RoomStore;
  readonly #pods: PodStore;
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Set<string>();

  constructor(deps: Dependencies, rooms: RoomStore, pods: PodStore) {
    this.#deps = deps;
    this.#rooms = rooms;
    this.#pods = pods;
  }

  /** Tells every pod of an order. By pod: what `tell()` answers. */
  send(order: MediaOrder): Map<string, Promise<void>> {
    return new Map(order.updates.map(({ podId, update }) => [podId, this.tell(podId, update)]));
  }

  /**
   * Tells one pod; resolves when it holds at least `update.version`.
   *
   * @throws PodControlError or Error when it could not be told
   */
  tell(podId: string, update: RoomMediaUpdate): Promise<void> {
    if (this.#deps.isolatedRequests === true) return this.#deliver(podId, update);
    const key = `${podId} ${update.roomId}`;
    const scope = this.#deps.scopes?.current();
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(key);
      if (waiting === undefined) this.#waiting.set(key, { update, scope, done: [{ resolve, reject }] });
      else {
        waiting.update = mergeUpdates(waiting.update, update);
        waiting.scope = scope ?? waiting.scope;
        waiting.done.push({ resolve, reject });
      }
      if (!this.#running.has(key)) void this.#run(key, podId);
    });
  }

  /** Makes sure that a pod holds the present version of a room, whatever it holds now. */
  async repair(podId: string, roomId: string): Promise<void> {
    const room = await this.#rooms.load(roomId);
    if (room === undefined) return;
    // Empty: a pod that is up to date has nothing to do, any other asks for the whole.
    await this.tell(podId, emptyUpdate(roomId, room.mediaVersion, room.mediaVersion));
  }

  async #run(key: string, podId: string): Promise<void> {
    this.#running.add(key);
    for (;;) {
      const next = this.#waiting.get(key);
      if (next === undefined) break;
      this.#waiting.delete(key);
      try {
        const { scope, update } = next;
        const deliver = () => this.#deliver(podId, update);
        // This loop was begun by another request.
        await (scope === undefined ? deliver() : this.#deps.scopes!.run(scope, deliver));
        for (const { resolve } of next.done) resolve();
      } catch (error) {
        for (const { reject } of next.done) reject(error);
      }
    }
    this.#running.delete(key);
  }

  async #deliver(podId: string, update: RoomMediaUpdate): Promise<void> {
    const { clock, metrics, logger, pods } = this.#deps;
    const started = clock.now();
    try {
      const pod = await this.#pod(podId);
      const full = () => this.#whole(podId, update.roomId);
      const { whole } = await deliverMedia(pods, pod, update, full);
      metrics.mediaDelivery(whole ? 'whole' : 'delta', (clock.now() - started) / 1000);
    } catch (error) {
      metrics.mediaDelivery('failed', (clock.now() - started) / 1000);
      logger.warn(
        { podId, roomId: update.roomId, version: update.version, error: (error as Error).message },
        'a pod could not be told; its next lease will show the difference',
      );
      throw error;
    }
  }

  async #pod(podId: string): Promise<PodRef> {
    const pod = await this.#pods.get(podId);
    if (pod === undefined || pod.lease === null) throw new Error(`Pod ${podId} has no lease.`);
    return { id: podId, controlUrl: pod.lease.controlUrl, epoch: pod.epoch };
  }

  async #whole(podId: string, roomId: string): Promise<RoomMediaUpdate | undefined> {
    const room: LoadedRoom | undefined = await this.#rooms.load(roomId);
    return room === undefined ? undefined : wholeUpdate(room.state, room.mediaVersion, podId);
  }
}

/** Nothing to do, from one version to another; with base null: hold nothing of this room. */
export function emptyUpdate(roomId: string, base: number | null, version: number): RoomMediaUpdate {
  return {
    roomId,
    version,
    base,
    put: { transports: [], receivers: [], senders: [] },
    remove: { transports: [], receivers: [], senders: [] },
    keyFrames: [],
  };
}

/** One update in place of two, `second` being decided after `first`. */
export function mergeUpdates(first: RoomMediaUpdate, second: RoomMediaUpdate): RoomMediaUpdate {
  const [earlier, later] = first.version <= second.version ? [first, second] : [second, first];
  const keyFrames = [...new Set([...earlier.keyFrames, ...later.keyFrames])];
  if (later.base === null) return { ...later, keyFrames };
  // A step between them is missing: nothing to do for a pod that has it all, any other asks for the whole.
  if (later.base !== earlier.version)
    return { ...emptyUpdate(later.roomId, later.version, later.version), keyFrames };
  const lists = ['transports', 'receivers', 'senders'] as const;
  const put = { ...later.put };
  const remove = { ...later.remove };
  for (const list of lists) {
    const removed = new Set([...earlier.remove[list], ...later.remove[list]]);
    const merged = new Map<number, { id: number }>();
    for (const spec of earlier.put[list])
      if (!later.remove[list].includes(spec.id)) merged.set(spec.id, spec);
    for (const spec of later.put[list]) {
      merged.set(spec.id, spec);
      removed.delete(spec.id);
    }
    Object.assign(put, { [list]: [...merged.values()] });
    Object.assign(remove, { [list]: [...removed] });
  }
  return { ...later, base: earlier.base, put, remove, keyFrames };
}

import type { MediaHappening } from '@weir/protocol';

/**
 * Happenings that wait for signaling, bounded in memory however long it is away.
 *
 * What is only worth its latest value (scores, levels, layers, tuples, orientation) is kept once per
 * object, at the place of its first mention, so that an object that changes often is not put off forever.
 * State changes keep their order. Of the ICE states of one transport the first and the latest few are
 * kept: they flap without end while a network is bad.
 */
export class ReportQueue {
  readonly #entries = new Map<string | number, MediaHappening>();
  readonly #iceStates = new Map<string, number[]>();
  readonly #limit: number;
  #next = 0;
  #shed = 0;

  /** @param limit greatest number of happenings kept; beyond it the least important go */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Happenings given up because the limit was reached. */
  get shed(): number {
    return this.#shed;
  }

  push(happening: MediaHappening): void {
    const key = latestValueKey(happening);
    if (key !== undefined) {
      this.#entries.set(key, happening);
    } else {
      this.#next += 1;
      this.#entries.set(this.#next, happening);
      if (happening.type === 'transport.ice') this.#thinIceStates(happening, this.#next);
    }
    if (this.#entries.size > this.#limit) this.#makeRoom();
  }

  /** Takes the oldest, at most `count`. */
  take(count: number): MediaHappening[] {
    const taken: MediaHappening[] = [];
    for (const [key, happening] of this.#entries) {
      if (taken.length >= count) break;
      this.#remove(key, happening);
      taken.push(happening);
    }
    return taken;
  }

  #thinIceStates(happening: MediaHappening & { type: 'transport.ice' }, key: number): void {
    const transport = `${happening.roomId}/${happening.transportId}`;
    const keys = this.#iceStates.get(transport) ?? [];
    keys.push(key);
    if (keys.length > iceStatesKept) {
      // The second: the first says what began, the last what holds.
      const [gone] = keys.splice(1, 1);
      this.#entries.delete(gone!);
    }
    this.#iceStates.set(transport, keys);
  }

  #remove(key: string | number, happening: MediaHappening): void {
    this.#entries.delete(key);
    if (happening.type !== 'transport.ice') return;
    const transport = `${happening.roomId}/${happening.transportId}`;
    const keys = this.#iceStates.get(transport)?.filter((one) => one !== key) ?? [];
    if (keys.length === 0) this.#iceStates.delete(transport);
    else this.#iceStates.set(transport, keys);
  }

  /** Gives up, in this order: passing values; the past of transports whose end is queued; the oldest. */
  #makeRoom(): void {
    const before = this.#entries.size;
    const closed = new Set<string>();
    for (const happening of this.#entries.values()) {
      if (happening.type === 'transport.closed') closed.add(`${happening.roomId}/${happening.transportId}`);
    }
    for (const [key, happening] of this.#entries) {
      const past =
        'transportId' in happening &&
        happening.type !== 'transport.closed' &&
        closed.has(`${happening.roomId}/${happening.transportId}`);
      if (past || passing.has(happening.type)) this.#remove(key, happening);
    }
    // A tenth at once, so that the two passes above are not made for every further happening.
    const wanted = this.#limit - Math.ceil(this.#limit / 10);
    for (const [key, happening] of this.#entries) {
      if (this.#entries.size <= wanted) break;
      this.#remove(key, happening);
    }
    this.#shed += before - this.#entries.size;
  }
}

/** Objects of which only the latest value matters, by object; undefined = every one matters. */
function latestValueKey(happening: MediaHappening): string | undefined {
  switch (happening.type) {
    case 'receiver.score':
    case 'receiver.videoorientation':
    case 'receiver.wantedlayers':
      return `${happening.type} ${happening.roomId} ${happening.receiverId}`;
    case 'sender.score':
    case 'sender.layers':
      return `${happening.type} ${happening.roomId} ${happening.senderId}`;
    case 'audio.levels':
    case 'audio.speaker':
      return `${happening.type} ${happening.roomId}`;
    case 'transport.tuple':
      return `${happening.type} ${happening.roomId} ${happening.transportId}`;
    default:
      return undefined;
  }
}

/** Values that the worker sends again by itself before long. */
const passing: ReadonlySet<MediaHappening['type']> = new Set<MediaHappening['type']>([
  'receiver.score',
  'sender.score',
  'audio.levels',
]);

const iceStatesKept = 8;

import type { WorkList } from './engine.ts';
import type { Sender } from './sender.ts';
import type { Transport } from './transport.ts';
import { copyItem, createWorkList } from './work-list.ts';

/** Packets of all transports of a worker that may wait at once. */
const capacity = 4096;
/** Headers with extensions and rewritten descriptors; one that is longer does not wait. */
const prefixRoom = 384;
/** Nothing waits longer; what stands in the line then goes faster. */
const maxHoldMs = 100;

/** What the line needs of the fan-out. */
interface Outlet {
  inArena(serial: number): boolean;
  flush(): void;
  /** Gives item `i` of the work list its transport-wide number. */
  number(i: number, transport: Transport, size: number, now: number): void;
}

interface Line {
  first: number;
  last: number;
}

/**
 * Finished packets that wait for their transport's turn, first in, first out. All that is left to be written when one
 * goes is what belongs to the moment: transport-wide number, send time, path. Payloads stay in the arena. Bounded:
 * where there is no place left, the head of the line leaves early.
 */
export class HeldPackets {
  readonly lines = new Map<Transport, Line>();
  readonly #work: WorkList;
  readonly #outlet: Outlet;
  /** Made when the first packet waits: most workers have none for hours. */
  #places: Places | undefined = undefined;

  constructor(work: WorkList, outlet: Outlet) {
    this.#work = work;
    this.#outlet = outlet;
  }

  /**
   * Takes the last item, of number `out`, out of the work list, to be sent later. False when it can't wait: it then
   * stays in the list.
   */
  hold(transport: Transport, sender: Sender, out: number, now: number, absSendTime: number): boolean {
    const work = this.#work;
    const item = work.count - 1;
    const prefixLength = work.prefixLength[item]!;
    const line = this.lines.get(transport);
    this.#places ??= new Places();
    const places = this.#places;
    // One place is kept, so that a line can let its head go to take in its tail.
    if (prefixLength > prefixRoom || (places.lastFree && line === undefined)) return false;
    const early = places.lastFree;
    const place = places.take();
    const { list } = places;
    const start = place * prefixRoom;
    const from = work.prefixOffset[item]!;
    for (let k = 0; k < prefixLength; k++) list.prefixes[start + k] = work.prefixes[from + k]!;
    copyItem(work, item, list, place);
    list.prefixOffset[place] = start;
    places.senders[place] = sender;
    places.out[place] = out;
    places.heldAt[place] = now;
    places.next[place] = -1;
    work.count--;
    sender.held ??= new Set();
    sender.held.add(out);
    transport.pace.waiting = true;
    transport.pace.held++;
    if (line === undefined) {
      this.lines.set(transport, { first: place, last: place });
      return true;
    }
    places.next[line.last] = place;
    line.last = place;
    if (early) line.first = this.#leave(transport, line.first, now, absSendTime);
    return true;
  }

  /** Puts what may go now into the work list. `absSendTime` is that of `now`. */
  release(now: number, absSendTime: number): void {
    for (const [transport, line] of this.lines) this.#release(transport, line, now, absSendTime);
  }

  /** Whatever waits for the transport is not sent any more. */
  drop(transport: Transport): void {
    const line = this.lines.get(transport);
    const places = this.#places;
    if (line === undefined || places === undefined) return;
    for (let place = line.first; place >= 0; ) place = places.release(place);
    this.lines.delete(transport);
    transport.pace.waiting = false;
  }

  #release(transport: Transport, line: Line, now: number, absSendTime: number): void {
    const { pace } = transport;
    let place = line.first;
    while (place >= 0) {
      const waitedMs = now - this.#places!.heldAt[place]!;
      if (waitedMs < maxHoldMs && pace.limited && !pace.open(now)) break;
      place = this.#leave(transport, place, now, absSendTime);
    }
    line.first = place;
    if (place >= 0) return;
    this.lines.delete(transport);
    pace.waiting = false;
  }

  /** The packet goes, unless its payload is lost; answers what stood behind it. */
  #leave(transport: Transport, place: number, now: number, absSendTime: number): number {
    const places = this.#places!;
    transport.pace.heldMs += now - places.heldAt[place]!;
    if (this.#outlet.inArena(places.list.bodySerial[place]!)) {
      transport.pace.spend(this.#send(transport, place, now, absSendTime), now);
    }
    return places.release(place);
  }

  #send(transport: Transport, place: number, now: number, absSendTime: number): number {
    const places = this.#places!;
    const { list } = places;
    const work = this.#work;
    const prefixLength = list.prefixLength[place]!;
    if (work.count === work.capacity || work.prefixesUsed + prefixLength > work.prefixes.length) {
      this.#outlet.flush();
    }
    const item = work.count++;
    copyItem(list, place, work, item);
    const start = work.prefixesUsed;
    const from = list.prefixOffset[place]!;
    for (let k = 0; k < prefixLength; k++) work.prefixes[start + k] = list.prefixes[from + k]!;
    work.prefixOffset[item] = start;
    work.prefixesUsed = start + prefixLength;
    const size = prefixLength + list.bodyLength[place]!;
    this.#outlet.number(item, transport, size, now);
    work.absSendTime[item] = absSendTime;
    const sender = places.senders[place]!;
    // Numbers of another SSRC would be other packets.
    if (sender.spec.ssrc === list.ssrc[place]) {
      sender.copies?.sent(places.out[place]!, absSendTime, transport.transportSequence);
    }
    work.session[item] = transport.session;
    work.path[item] = transport.path;
    return size;
  }
}

/** The places, as a list of items that is filled in any order, and those that are free. */
class Places {
  readonly list = createWorkList(capacity, capacity * prefixRoom);
  readonly senders: (Sender | undefined)[] = new Array(capacity).fill(undefined);
  readonly out = new Float64Array(capacity);
  readonly heldAt = new Float64Array(capacity);
  /** Of those in use the one behind it; of the others the next that is free; -1 = none. */
  readonly next = Int32Array.from({ length: capacity }, (_, i) => (i + 1 < capacity ? i + 1 : -1));
  #free = 0;

  /** There is one free place left. */
  get lastFree(): boolean {
    return this.next[this.#free]! < 0;
  }

  /** A free place; there must be one. */
  take(): number {
    const place = this.#free;
    this.#free = this.next[place]!;
    return place;
  }

  /** Frees a place; answers what stood behind it. */
  release(place: number): number {
    const behind = this.next[place]!;
    this.senders[place]!.held!.delete(this.out[place]!);
    this.senders[place] = undefined;
    this.next[place] = this.#free;
    this.#free = place;
    return behind;
  }
}

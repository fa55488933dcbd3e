import type { Decision, RoomChange, RoomCommand, RoomEnvironment, RoomEvent } from './commands.ts';
import { RoomError } from './errors.ts';
import { drawId, drawSsrc, idInUse } from './ids.ts';
import { indexOf, type RoomIndex } from './room-index.ts';
import { isActive } from './sender-state.ts';
import type { PeerRecord, ReceiverRecord, RoomState, SenderRecord, TransportRecord } from './state.ts';

/** The records of each kind. */
export interface Records {
  peer: PeerRecord;
  transport: TransportRecord;
  receiver: ReceiverRecord;
  sender: SenderRecord;
}
type Kind = keyof Records;

/** The groups that can be asked for: receivers of a transport, senders of a receiver … */
interface Owners {
  peer: never;
  transport: 'peerId';
  receiver: 'peerId' | 'transportId';
  sender: 'peerId' | 'receiverId' | 'transportId';
}

/**
 * The room as it will be: reads see the state through the changes made so far, the state itself stays as it
 * is until `evolve`. Collects what becomes the decision.
 */
export class Draft {
  readonly state: RoomState;
  readonly env: RoomEnvironment;
  closed: boolean;
  readonly #index: RoomIndex;
  readonly #overlay: { readonly [K in Kind]: Map<number, Records[K] | null> } = {
    peer: new Map(),
    transport: new Map(),
    receiver: new Map(),
    sender: new Map(),
  };
  /** Objects that the index does not know, or knows at another place. */
  readonly #displaced: { readonly [K in Kind]: Set<number> } = {
    peer: new Set(),
    transport: new Set(),
    receiver: new Set(),
    sender: new Set(),
  };
  readonly #ranks = new Map<number, number>();
  readonly #changes = new Map<string, RoomChange>();
  readonly #events: RoomEvent[] = [];
  readonly #keyFrames = new Set<number>();
  readonly #ssrcs = new Set<number>();
  /** Ids that the commands of this decision are about: never drawn for something else. */
  readonly #reserved = new Set<number>();

  constructor(state: RoomState, commands: readonly RoomCommand[], env: RoomEnvironment) {
    this.state = state;
    this.env = env;
    this.closed = state.closed;
    this.#index = indexOf(state);
    for (const command of commands) {
      for (const value of Object.values(command)) if (typeof value === 'number') this.#reserved.add(value);
    }
  }

  // ---- reading

  get<K extends Kind>(kind: K, id: number): Records[K] | undefined {
    const changed = this.#overlay[kind].get(id);
    if (changed !== undefined) return changed ?? undefined;
    return this.#table(kind).get(id);
  }

  /** All of a kind in order of creation. */
  all<K extends Kind>(kind: K): Records[K][] {
    const overlay = this.#overlay[kind];
    const records: Records[K][] = [];
    for (const [id, record] of this.#table(kind)) {
      const changed = overlay.get(id);
      if (changed !== null) records.push(changed ?? record);
    }
    for (const id of this.#displaced[kind]) {
      if (!this.#table(kind).has(id)) records.push(overlay.get(id)!);
    }
    return records;
  }

  /** Those whose `owner` field is `id`, in order of creation. */
  of<K extends Kind>(kind: K, owner: Owners[K], id: number): Records[K][] {
    const records: Records[K][] = [];
    const seen = this.#group(kind, owner, id);
    const belongs = (record: Records[K] | undefined): record is Records[K] =>
      record !== undefined && (record as { readonly [F in typeof owner]?: unknown })[owner] === id;
    for (const memberId of seen) {
      const record = this.get(kind, memberId);
      if (belongs(record)) records.push(record);
    }
    for (const memberId of this.#displaced[kind]) {
      const record = seen.has(memberId) ? undefined : this.get(kind, memberId);
      if (belongs(record)) records.push(record);
    }
    return records.sort((a, b) => this.#rank(a.id) - this.#rank(b.id));
  }

  /** Receivers that are on their way to another pod. */
  moving(): ReceiverRecord[] {
    const ids = new Set([...this.#index.moving, ...this.#overlay.receiver.keys()]);
    return [...ids]
      .map((id) => this.get('receiver', id))
      .filter((one): one is ReceiverRecord => one?.next !== undefined)
      .sort((a, b) => this.#rank(a.id) - this.#rank(b.id));
  }

  peerNamed(name: string): PeerRecord | undefined {
    const id = this.#index.peerByName.get(name);
    const known = id === undefined ? undefined : this.get('peer', id);
    if (known !== undefined) return known;
    for (const newId of this.#displaced.peer) {
      const record = this.get('peer', newId);
      if (record?.name === name) return record;
    }
    return undefined;
  }

  // ---- changing

  put<K extends Kind>(
    kind: K,
    record: Records[K],
    { quiet = false, moved = false }: { quiet?: boolean; moved?: boolean } = {},
  ): void {
    const before = this.get(kind, record.id);
    if (before === undefined && !this.#ranks.has(record.id)) {
      this.#ranks.set(record.id, this.#index.nextRank + this.#ranks.size);
    }
    if (before === undefined || transportOf(before) !== transportOf(record)) {
      this.#displaced[kind].add(record.id);
    }
    this.#overlay[kind].set(record.id, record);
    const key = `${kind} ${record.id}`;
    const earlier = this.#changes.get(key);
    const wasQuiet = earlier === undefined || ('put' in earlier && earlier.quiet === true);
    const wasMoved = earlier !== undefined && 'put' in earlier && earlier.put === 'receiver' && earlier.moved;
    this.#changes.set(key, {
      put: kind,
      record,
      ...(quiet && wasQuiet ? { quiet: true } : {}),
      ...(moved || wasMoved ? { moved: true } : {}),
    } as RoomChange);
  }

  remove(kind: Kind, id: number): void {
    const key = `${kind} ${id}`;
    this.#overlay[kind].set(id, null);
    this.#displaced[kind].delete(id);
    this.#changes.delete(key);
    if (kind === 'sender') this.#keyFrames.delete(id);
    if (this.#table(kind).has(id)) this.#changes.set(key, { remove: kind, id });
  }

  setMaxLoudestAudio(maxLoudestAudio: number): void {
    this.#changes.delete('loudest');
    if (maxLoudestAudio !== this.state.maxLoudestAudio) {
      this.#changes.set('loudest', { set: 'room', maxLoudestAudio });
    }
  }

  closeRoom(): void {
    this.closed = true;
    this.#changes.set('room', { close: 'room' });
  }

  emit(event: RoomEvent): void {
    this.#events.push(event);
  }

  /** Asks a key frame for a sender of pictures. */
  wantKeyFrame(senderId: number): void {
    this.#keyFrames.add(senderId);
  }

  /** For an id that the caller chose. @throws RoomError if it is in use */
  claimId(id: number): void {
    if (this.#idTaken(id)) {
      throw new RoomError('conflict', 'Error', `the id ${id} is in use in this room; draw another`);
    }
  }

  drawId(): number {
    return drawId(this.env, (id) => this.#reserved.has(id) || this.#idTaken(id));
  }

  drawSsrc(): number {
    const ssrc = drawSsrc(this.env, (value) => this.#index.ssrcs.has(value) || this.#ssrcs.has(value));
    this.#ssrcs.add(ssrc);
    return ssrc;
  }

  decision(): Decision {
    return {
      changes: [...this.#changes.values()],
      events: this.#events,
      // A later command of the same step may have silenced it.
      keyFrames: [...this.#keyFrames].filter((id) => isActive(this.get('sender', id)!)),
    };
  }

  // ---- inside

  #table<K extends Kind>(kind: K): ReadonlyMap<number, Records[K]> {
    const { peers, transports, receivers, senders } = this.state;
    const tables: { [P in Kind]: ReadonlyMap<number, Records[P]> } = {
      peer: peers,
      transport: transports,
      receiver: receivers,
      sender: senders,
    };
    return tables[kind];
  }

  #group(kind: Kind, owner: string, id: number): ReadonlySet<number> {
    const index = this.#index;
    const groups: Readonly<Record<string, ReadonlyMap<number, ReadonlySet<number>>>> = {
      'transport peerId': index.transportsByPeer,
      'receiver peerId': index.receiversByPeer,
      'receiver transportId': index.receiversByTransport,
      'sender peerId': index.sendersByPeer,
      'sender receiverId': index.sendersByReceiver,
      'sender transportId': index.sendersByTransport,
    };
    return groups[`${kind} ${owner}`]?.get(id) ?? none;
  }

  #rank(id: number): number {
    return this.#index.ranks.get(id) ?? this.#ranks.get(id) ?? Number.POSITIVE_INFINITY;
  }

  #idTaken(id: number): boolean {
    if (idInUse(this.state, id)) return true;
    return Object.values(this.#overlay).some((records) => records.has(id));
  }
}

const none: ReadonlySet<number> = new Set();

/** The only owner that can change. */
function transportOf(record: Records[Kind]): number | null | undefined {
  return 'transportId' in record ? record.transportId : undefined;
}

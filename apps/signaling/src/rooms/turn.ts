import type { LoadedRoom, NewEvent, NewRoomEvent, RoomCommit, RoomDetails, TokenBinding } from '@weir/db';
import {
  decide,
  evolved,
  type RoomChange,
  type RoomCommand,
  type RoomEnvironment,
  type RoomState,
} from '@weir/room';
import { logEvents } from '../event-views.ts';
import { type MediaOrder, mediaOrder } from '../pods/media-order.ts';
import { roomLines } from '../webhooks/room-lines.ts';

/** One room while it is being decided on. Nothing is stored until the transaction commits. */
export class Turn {
  /** As it was loaded. */
  readonly room: LoadedRoom;
  #environment: RoomEnvironment;
  readonly #now: number;
  readonly #changes: RoomChange[] = [];
  readonly #events: NewEvent[] = [];
  readonly #lines: NewRoomEvent[] = [];
  readonly #keyFrames: number[] = [];
  readonly #joined = new Map<number, TokenBinding>();
  readonly #seen = new Set<number>();
  #state: RoomState;
  #details: RoomDetails | undefined;

  constructor(room: LoadedRoom, environment: RoomEnvironment, now: number) {
    this.room = room;
    this.#environment = environment;
    this.#now = now;
    this.#state = room.state;
  }

  /** After what was run so far. */
  get state(): RoomState {
    return this.#state;
  }

  get now(): number {
    return this.#now;
  }

  get details(): RoomDetails {
    return this.#details ?? this.room.details;
  }

  /** What the room's webhooks are to hear. */
  get lines(): readonly NewRoomEvent[] {
    return this.#lines;
  }

  /** How many events of a peer this turn has. */
  eventsOf(peerId: number): number {
    return this.#events.filter((event) => event.peerId === peerId).length;
  }

  /** Runs one command. @throws RoomError when the room refuses; the turn is then as before */
  run(command: RoomCommand): void {
    this.runAll([command]);
  }

  /** Runs several commands as one step. @throws RoomError when the room refuses one of them */
  runAll(commands: readonly RoomCommand[]): void {
    const before = this.#state;
    const decision = decide(before, commands, this.#environment);
    const after = evolved(before, decision.changes);
    this.#state = after;
    this.#changes.push(...decision.changes);
    this.#events.push(...logEvents(decision.events, before, after));
    this.#lines.push(...roomLines(decision, before, after));
    this.#keyFrames.push(...decision.keyFrames);
  }

  /** Decides from here on with these random values. */
  use(environment: RoomEnvironment): void {
    this.#environment = environment;
  }

  /** Binds a peer that joined to its token. */
  bind(peerId: number, binding: TokenBinding): void {
    this.#joined.set(peerId, binding);
  }

  /** The token of a living peer. */
  binding(peerId: number): TokenBinding | undefined {
    return this.room.bindings.get(peerId) ?? this.#joined.get(peerId);
  }

  /** The peer's media was alive until now. */
  seen(peerId: number): void {
    this.#seen.add(peerId);
  }

  setDetails(details: RoomDetails): void {
    this.#details = details;
  }

  /** Appends an event of signaling's own. */
  emit(event: NewEvent): void {
    this.#events.push(event);
  }

  /** What is to be stored, and what pods are to be told; undefined = nothing. */
  finish(): { commit: RoomCommit; order: MediaOrder | undefined } | undefined {
    const order = mediaOrder(this.room, this.#state, this.#changes, this.#keyFrames);
    const expiresAt = this.#expiresAt();
    const idle =
      this.#changes.length === 0 &&
      this.#events.length === 0 &&
      order === undefined &&
      this.#details === undefined &&
      this.#seen.size === 0 &&
      expiresAt === this.room.expiresAt;
    if (idle) return undefined;
    const commit: RoomCommit = {
      room: this.room,
      next: this.#state,
      changes: this.#changes,
      events: this.#events,
      media: order !== undefined,
      expiresAt,
      joined: this.#joined,
      seen: [...this.#seen],
      ...(this.#details === undefined ? {} : { details: this.#details }),
    };
    return { commit, order };
  }

  #expiresAt(): number | null {
    const { room, details } = this;
    const wasEmpty = room.state.peers.size === 0;
    const isEmpty = this.#state.peers.size === 0;
    if (wasEmpty === isEmpty && this.#details === undefined) return room.expiresAt;
    return roomExpiry(details, room.createdAt, isEmpty ? this.#now : undefined);
  }
}

/** When a room is to be closed; `emptySince` undefined = somebody is in it; null = never. */
export function roomExpiry(
  details: RoomDetails,
  createdAt: number,
  emptySince: number | undefined,
): number | null {
  const ends: number[] = [];
  if (details.maxDurationSeconds > 0) ends.push(createdAt + details.maxDurationSeconds * 1000);
  if (details.emptyTtlSeconds > 0 && emptySince !== undefined) {
    ends.push(emptySince + details.emptyTtlSeconds * 1000);
  }
  return ends.length === 0 ? null : Math.min(...ends);
}

import { roomCapabilities } from '@weir/ortc';
import type { RoomChange } from './commands.ts';
import { negotiate } from './errors.ts';
import { checkMaxLoudestAudio } from './loudest-audio.ts';
import { adoptIndex, indexOf, noteChange } from './room-index.ts';
import type { RoomState } from './state.ts';

export interface CreateRoomOptions {
  readonly id: string;
  /** The application's, unchecked (§11.2); not an array means a room without codecs (D-8). */
  readonly mediaCodecs?: unknown;
  /** The application's, unchecked. Default 0: all sound is forwarded. */
  readonly maxLoudestAudio?: unknown;
  /** Hears of well-formed codecs that Weir cannot carry and that are left out. */
  readonly onSkipped?: (name: string) => void;
}

/** An empty room at version 0. @throws RoomError on malformed codecs or another wrong option */
export function createRoomState({
  id,
  mediaCodecs,
  maxLoudestAudio = 0,
  onSkipped,
}: CreateRoomOptions): RoomState {
  return {
    id,
    version: 0,
    closed: false,
    capabilities: negotiate('', () => roomCapabilities(mediaCodecs, onSkipped)),
    maxLoudestAudio: checkMaxLoudestAudio(maxLoudestAudio),
    peers: new Map(),
    transports: new Map(),
    receivers: new Map(),
    senders: new Map(),
  };
}

/**
 * Makes a decision's changes true, in place. The version rises by one unless there are none. For states that
 * others still look at, use `evolved`.
 */
export function evolve(state: RoomState, changes: readonly RoomChange[]): void {
  if (changes.length === 0) return;
  const index = indexOf(state);
  for (const change of changes) {
    noteChange(index, state, change);
    if ('put' in change) {
      tableOf(state, change.put).set(change.record.id, change.record);
    } else if ('remove' in change) {
      tableOf(state, change.remove).delete(change.id);
    } else if ('set' in change) {
      state.maxLoudestAudio = change.maxLoudestAudio;
    } else {
      state.closed = true;
    }
  }
  state.version++;
}

/** The state after a decision's changes, as a new value; the given one stays as it is. */
export function evolved(state: RoomState, changes: readonly RoomChange[]): RoomState {
  if (changes.length === 0) return state;
  const next: RoomState = {
    ...state,
    peers: new Map(state.peers),
    transports: new Map(state.transports),
    receivers: new Map(state.receivers),
    senders: new Map(state.senders),
  };
  adoptIndex(state, next);
  evolve(next, changes);
  return next;
}

type AnyRecord = Extract<RoomChange, { put: string }>['record'];

function tableOf(
  state: RoomState,
  kind: 'peer' | 'transport' | 'receiver' | 'sender',
): Map<number, AnyRecord> {
  const tables = {
    peer: state.peers,
    transport: state.transports,
    receiver: state.receivers,
    sender: state.senders,
  };
  return tables[kind] as Map<number, AnyRecord>;
}

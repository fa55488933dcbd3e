import type { RoomMediaUpdate } from '@weir/protocol';
import type { Decision, RoomChange } from './commands.ts';
import { receiverSpec, senderSpec, transportSpec } from './media-specs.ts';
import { indexOf } from './room-index.ts';
import { isActive } from './sender-state.ts';
import type { ReceiverRecord, RoomState, SenderRecord } from './state.ts';

export interface MediaUpdateOptions {
  /** Only what concerns this pod; default: everything. */
  readonly podId?: string;
  /** Versions to write, if the shell counts them itself; default: those of the room. */
  readonly base?: number;
  readonly version?: number;
}

/**
 * What a decision means for the media side: the objects it touched as they are now, and those that are gone
 * or do not concern the pod (any more). Removing what the pod never had does no harm. Changes of several
 * decisions may be given together, in order, with the state after the last.
 */
export function toMediaUpdate(
  stateAfter: RoomState,
  { changes, keyFrames }: Pick<Decision, 'changes' | 'keyFrames'>,
  { podId, base, version = stateAfter.version }: MediaUpdateOptions = {},
): RoomMediaUpdate {
  const transports = new Set<number>();
  const receivers = new Set<number>();
  const senders = new Set<number>();
  const touched = { transport: transports, receiver: receivers, sender: senders };
  for (const change of changes) {
    if ('close' in change || 'set' in change) continue;
    const kind = 'put' in change ? change.put : change.remove;
    if (kind === 'peer' || ('put' in change && change.quiet)) continue;
    touched[kind].add('put' in change ? change.record.id : change.id);
    if ('put' in change && change.put === 'receiver' && change.moved) {
      for (const id of indexOf(stateAfter).sendersByReceiver.get(change.record.id) ?? []) senders.add(id);
    }
  }
  const update: RoomMediaUpdate = {
    ...empty(stateAfter, version, base ?? (changes.length === 0 ? version : version - 1), podId),
    keyFrames: keyFrames.filter((id) => {
      const sender = senderOn(stateAfter, stateAfter.senders.get(id), podId);
      return sender !== undefined && isActive(sender);
    }),
  };
  for (const id of transports) putTransport(update, stateAfter, id, podId);
  for (const id of receivers) putReceiver(update, stateAfter, id, podId);
  for (const id of senders) putSender(update, stateAfter, id, podId);
  return update;
}

/** All that the media side (or one pod) must hold. */
export function fullMediaState(
  state: RoomState,
  { podId, version = state.version }: Omit<MediaUpdateOptions, 'base'> = {},
): RoomMediaUpdate {
  const update = empty(state, version, null, podId);
  for (const id of state.transports.keys()) putTransport(update, state, id, podId);
  for (const id of state.receivers.keys()) putReceiver(update, state, id, podId);
  for (const id of state.senders.keys()) putSender(update, state, id, podId);
  update.remove = { transports: [], receivers: [], senders: [] };
  return update;
}

/** Whether an update made of `changes` tells the media side nothing but a version. */
export function isEmptyUpdate(
  { put, remove, keyFrames }: RoomMediaUpdate,
  changes: readonly RoomChange[],
): boolean {
  if (changes.some((change) => 'set' in change)) return false;
  return [
    put.transports,
    put.receivers,
    put.senders,
    remove.transports,
    remove.receivers,
    remove.senders,
    keyFrames,
  ].every((list) => list.length === 0);
}

function empty(
  state: RoomState,
  version: number,
  base: number | null,
  podId: string | undefined,
): RoomMediaUpdate {
  const worker = workerOn(state, podId);
  return {
    roomId: state.id,
    version,
    base,
    put: { transports: [], receivers: [], senders: [] },
    remove: { transports: [], receivers: [], senders: [] },
    keyFrames: [],
    ...(worker === undefined ? {} : { worker }),
    ...(state.maxLoudestAudio === 0 ? {} : { maxLoudestAudio: state.maxLoudestAudio }),
  };
}

function workerOn(state: RoomState, podId: string | undefined): number | undefined {
  if (podId === undefined) return undefined;
  for (const transport of state.transports.values()) if (transport.podId === podId) return transport.worker;
  return undefined;
}

function putTransport(
  update: RoomMediaUpdate,
  state: RoomState,
  id: number,
  podId: string | undefined,
): void {
  const transport = state.transports.get(id);
  if (transport !== undefined && (podId === undefined || transport.podId === podId)) {
    update.put.transports.push(transportSpec(transport));
  } else update.remove.transports.push(id);
}

function putReceiver(update: RoomMediaUpdate, state: RoomState, id: number, podId: string | undefined): void {
  const receiver = receiverOn(state, state.receivers.get(id), podId);
  const spec = receiver === undefined ? undefined : receiverSpec(state.capabilities, receiver);
  if (spec !== undefined) update.put.receivers.push(spec);
  else update.remove.receivers.push(id);
}

function putSender(update: RoomMediaUpdate, state: RoomState, id: number, podId: string | undefined): void {
  const sender = senderOn(state, state.senders.get(id), podId);
  if (sender !== undefined) {
    update.put.senders.push(senderSpec(sender, state.receivers.get(sender.receiverId)!));
  } else update.remove.senders.push(id);
}

/**
 * The receiver as a pod has it; undefined if the pod is not concerned. One between two transports stays where it
 * may be, so that its senders' streams go on; one that is moving is on both pods.
 */
function receiverOn(
  state: RoomState,
  receiver: ReceiverRecord | undefined,
  podId: string | undefined,
): ReceiverRecord | undefined {
  if (receiver?.rtpParameters === undefined) return undefined;
  const { next } = receiver;
  if (podId === undefined || isOn(state, receiver.transportId, podId) !== false) return receiver;
  return next !== undefined && isOn(state, next.transportId, podId) ? { ...receiver, ...next } : undefined;
}

/**
 * The sender as a pod has it. One that was never bound is not the media side's business. One that was stays even
 * while it is bound to nothing: its SSRC is the same next time, so its sequence numbers must go on too (RFC 3711
 * §3.3.1).
 */
function senderOn(
  state: RoomState,
  sender: SenderRecord | undefined,
  podId: string | undefined,
): SenderRecord | undefined {
  if (sender === undefined || sender.bindings === 0) return undefined;
  const receiver = state.receivers.get(sender.receiverId)!;
  if (receiverOn(state, receiver, podId) === undefined) return undefined;
  const { next } = sender;
  if (podId === undefined || isOn(state, sender.transportId, podId) !== false) return sender;
  return next !== undefined && isOn(state, next.transportId, podId) ? { ...sender, ...next } : undefined;
}

/** Undefined for no transport. */
function isOn(state: RoomState, transportId: number | null, podId: string): boolean | undefined {
  return transportId === null ? undefined : state.transports.get(transportId)?.podId === podId;
}

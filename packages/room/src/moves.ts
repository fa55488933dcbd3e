import type { Draft } from './draft.ts';
import { type Handlers, ownTransportOf, receiverOf, senderOf } from './handlers.ts';
import { claimListener, followReceiver, negotiateReceiver } from './receiver-commands.ts';
import { createSender } from './sender-birth.ts';
import { nextMid, wantKeyFrame } from './sender-commands.ts';
import { hasKeyFrames, isActive, withMuxId } from './sender-state.ts';
import type { ReceiverRecord, SenderRecord, TransportRecord } from './state.ts';

/**
 * Moves from one pod to another without a gap (docs/decisions/0040): a receiver is received, and a sender sent, on
 * both pods until the new one is known to work.
 */
export const moveHandlers: Pick<Handlers, 'receiver.move' | 'sender.move'> = {
  'receiver.move'(draft, { receiverId, transportId, rtpParameters }) {
    const receiver = receiverOf(draft, receiverId);
    const { peerId } = receiver;
    ownTransportOf(draft, transportId, peerId, 'Transport does not exist: it belongs to another peer');
    const next = { ...negotiateReceiver(draft, receiver, rtpParameters), transportId };
    claimListener(draft, receiver, next.rtpParameters, transportId);
    draft.put('receiver', { ...receiver, next }, { moved: true });
    const news = receiver.rtpParameters === undefined;
    if (news || !isElsewhere(draft, receiver.transportId, transportId)) {
      return arriveReceiver(draft, receiverId);
    }
    if (!hasKeyFrames(receiver.kind)) return;
    // Those who wait for it there begin with a key frame.
    for (const sender of draft.of('sender', 'receiverId', receiverId)) {
      if (
        isActive(sender) &&
        (sender.next !== undefined || isSamePod(draft, sender.transportId, transportId))
      ) {
        draft.wantKeyFrame(sender.id);
      }
    }
  },

  'sender.move'(draft, { senderId, transportId, done = false }) {
    const sender = senderOf(draft, senderId);
    const { peerId, next } = sender;
    const transport = ownTransportOf(
      draft,
      transportId,
      peerId,
      'Transport does not exist: it belongs to another peer',
    );
    if (sender.transportId === transportId && next === undefined) return;
    if (next?.transportId !== transportId) {
      const binding = { transportId, mid: nextMid(draft, transport), bindings: sender.bindings + 1 };
      draft.put('sender', { ...sender, next: binding });
      wantKeyFrame(draft, senderId);
    }
    if (done || !isElsewhere(draft, sender.transportId, transportId)) arriveSender(draft, senderId);
  },
};

/** A receiver is only where it was moving to: `transport`, then what `receive()` says. */
export function arriveReceiver(draft: Draft, receiverId: number): void {
  const { next, ...before } = receiverOf(draft, receiverId);
  if (next === undefined) return;
  const receiver: ReceiverRecord = { ...before, ...next };
  const first = before.rtpParameters === undefined;
  draft.put('receiver', receiver, { moved: true });
  const { peerId } = receiver;
  const target = { kind: 'rtpreceiver', id: receiverId } as const;
  draft.emit({ target, peerId, type: 'transport', transportId: next.transportId });
  draft.emit({
    target,
    peerId,
    type: first ? 'parameters' : 'parameterschange',
    rtpParameters: next.rtpParameters,
  });
  if (first) {
    for (const other of draft.all('peer')) if (other.id !== peerId) createSender(draft, receiver, other);
  } else followReceiver(draft, receiver);
}

/** A sender is only where it was moving to: `activechange` if it changes, then `transport`. */
export function arriveSender(draft: Draft, senderId: number): void {
  const { next, ...before } = senderOf(draft, senderId);
  if (next === undefined) return;
  const sender: SenderRecord = {
    ...before,
    ...next,
    rtpParameters: withMuxId(before.rtpParameters, next.mid),
  };
  draft.put('sender', sender);
  const target = { kind: 'rtpsender', id: senderId } as const;
  const { peerId } = sender;
  const active = isActive(sender);
  if (active !== isActive(before)) {
    draft.emit({ target, peerId, type: 'activechange', active });
    wantKeyFrame(draft, senderId);
  }
  draft.emit({ target, peerId, type: 'transport', transportId: next.transportId });
}

/** A transport closes: nothing moves there any more. */
export function forgetMovesTo(draft: Draft, transport: TransportRecord): void {
  for (const { next, ...receiver } of draft.of('receiver', 'peerId', transport.peerId)) {
    if (next?.transportId === transport.id) draft.put('receiver', receiver, { moved: true });
  }
  for (const { next, ...sender } of draft.of('sender', 'peerId', transport.peerId)) {
    if (next?.transportId === transport.id) draft.put('sender', sender);
  }
}

/** Receivers arrive once nobody gets them from where they were. */
export function settleMoves(draft: Draft): void {
  for (const { id, next } of draft.moving()) {
    const needed = draft
      .of('sender', 'receiverId', id)
      .some(({ transportId }) => isElsewhere(draft, transportId, next!.transportId));
    if (!needed) arriveReceiver(draft, id);
  }
}

/** Whether something bound to `from` is carried by another pod than `to`. */
function isElsewhere(draft: Draft, from: number | null, to: number): boolean {
  return from !== null && !isSamePod(draft, from, to);
}

function isSamePod(draft: Draft, from: number | null, to: number): boolean {
  if (from === null) return false;
  return draft.get('transport', from)?.podId === draft.get('transport', to)?.podId;
}

import { addToListener, createListenerTables, type RtpParameters, receiverParameters } from '@weir/ortc';
import type { Draft } from './draft.ts';
import { negotiate, RoomError, typeError } from './errors.ts';
import { type Handlers, ownTransportOf, peerOf, receiverOf } from './handlers.ts';
import { createSender, deriveSender } from './sender-birth.ts';
import { hasKeyFrames, isActive } from './sender-state.ts';
import type { NextReceiverBinding, ReceiverRecord } from './state.ts';

type ReceiverCommand =
  | 'receiver.create'
  | 'receiver.receive'
  | 'receiver.setTransport'
  | 'receiver.pause'
  | 'receiver.resume'
  | 'receiver.setAppData';

export const receiverHandlers: Pick<Handlers, ReceiverCommand> = {
  /** `peer.RtpReceiver(kind, transport)` (§5.4). */
  'receiver.create'(draft, command) {
    const { peerId, receiverId, kind, transportId } = command;
    const peer = peerOf(draft, peerId);
    if (kind !== 'audio' && kind !== 'video' && kind !== 'depth') {
      throw typeError('kind', 'must be "audio", "video" or "depth"');
    }
    if (transportId !== null) {
      ownTransportOf(draft, transportId, peerId, 'transport not found: it belongs to another peer');
    }
    if (peer.capabilities === undefined) {
      throw new RoomError(
        'invalid-state',
        'InvalidStateError',
        'peer capabilities are not yet set; set them before creating a receiver',
      );
    }
    draft.claimId(receiverId);
    const receiver: ReceiverRecord = {
      id: receiverId,
      peerId,
      kind,
      transportId,
      payloadTypes: {},
      extensionIds: {},
      type: 'simple',
      paused: command.paused ?? false,
      keyFrameRequestDelayMs: command.keyFrameRequestDelayMs ?? 0,
      ...(command.alwaysForward && kind === 'audio' ? { alwaysForward: true } : {}),
      appData: command.appData ?? {},
    };
    // The media side hears of it with its parameters.
    draft.put('receiver', receiver, { quiet: true });
    draft.emit({ target: { kind: 'peer', id: peerId }, peerId, type: 'newrtpreceiver', receiver });
  },

  /** §7.2: the first time senders are born in all other peers, later those that exist follow. */
  'receiver.receive'(draft, { receiverId, rtpParameters }) {
    const before = receiverOf(draft, receiverId);
    const peer = peerOf(draft, before.peerId);
    const derived = negotiateReceiver(draft, before, rtpParameters);
    const effective = derived.rtpParameters;
    const receiver: ReceiverRecord = { ...before, ...derived };
    claimListener(draft, receiver, effective, receiver.transportId);
    draft.put('receiver', receiver);
    const first = before.rtpParameters === undefined;
    draft.emit({
      target: { kind: 'rtpreceiver', id: receiverId },
      peerId: receiver.peerId,
      type: first ? 'parameters' : 'parameterschange',
      rtpParameters: effective,
    });
    if (!first) return followReceiver(draft, receiver);
    for (const other of draft.all('peer')) {
      if (other.id !== peer.id) createSender(draft, receiver, other);
    }
  },

  /** §7.2, D-21. */
  'receiver.setTransport'(draft, { receiverId, transportId }) {
    const receiver = receiverOf(draft, receiverId);
    ownTransportOf(
      draft,
      transportId,
      receiver.peerId,
      'Transport does not exist: it belongs to another peer',
    );
    if (receiver.rtpParameters !== undefined) {
      claimListener(draft, receiver, receiver.rtpParameters, transportId);
    }
    if (receiver.transportId !== transportId || receiver.next !== undefined) {
      const { next: _, ...rest } = receiver;
      draft.put('receiver', { ...rest, transportId }, { moved: true });
    }
    draft.emit({
      target: { kind: 'rtpreceiver', id: receiverId },
      peerId: receiver.peerId,
      type: 'transport',
      transportId,
    });
  },

  'receiver.pause'(draft, { receiverId }) {
    setPaused(draft, receiverOf(draft, receiverId), true);
  },

  'receiver.resume'(draft, { receiverId }) {
    setPaused(draft, receiverOf(draft, receiverId), false);
  },

  'receiver.setAppData'(draft, { receiverId, appData }) {
    draft.put('receiver', { ...receiverOf(draft, receiverId), appData }, { quiet: true });
  },
};

/** What a receiver becomes with parameters of its endpoint. @throws RoomError */
export function negotiateReceiver(
  draft: Draft,
  receiver: ReceiverRecord,
  rtpParameters: unknown,
): Omit<NextReceiverBinding, 'transportId'> {
  const peer = peerOf(draft, receiver.peerId);
  const { effective, ...derived } = negotiate('rtpParameters', () =>
    receiverParameters(
      draft.state.capabilities,
      peer.sendCapabilities ?? peer.capabilities!,
      receiver.kind,
      rtpParameters,
    ),
  );
  return { ...derived, rtpParameters: effective };
}

/** Refuses what another receiver of the transport has already (§11.6). */
export function claimListener(
  draft: Draft,
  receiver: ReceiverRecord,
  params: RtpParameters,
  transportId: number | null,
): void {
  if (transportId === null) return;
  const tables = createListenerTables();
  const { peerId } = receiver;
  for (const other of draft.of('receiver', 'peerId', peerId)) {
    const binding = bindingOn(other, transportId);
    if (other.id !== receiver.id && binding?.rtpParameters !== undefined) {
      addToListener(tables, other.id, binding.rtpParameters);
    }
  }
  negotiate('rtpParameters', () => addToListener(tables, receiver.id, params));
}

/** A receiver as it is, or will be, on a transport. */
function bindingOn(
  receiver: ReceiverRecord,
  transportId: number,
): Pick<ReceiverRecord, 'rtpParameters'> | undefined {
  if (receiver.transportId === transportId) return receiver;
  return receiver.next?.transportId === transportId ? receiver.next : undefined;
}

/** `receive()` once more: every sender is derived anew and says so, changed or not (D-40). */
export function followReceiver(draft: Draft, receiver: ReceiverRecord): void {
  for (const before of draft.of('sender', 'receiverId', receiver.id)) {
    const peer = draft.get('peer', before.peerId)!;
    const sender = { ...before, ...deriveSender(draft, receiver, peer, before) };
    draft.put('sender', sender);
    const active = isActive(sender);
    draft.emit({
      target: { kind: 'rtpsender', id: sender.id },
      peerId: sender.peerId,
      type: 'parameterschange',
      rtpParameters: sender.rtpParameters,
      active,
    });
    if (active && !isActive(before) && hasKeyFrames(receiver.kind)) draft.wantKeyFrame(sender.id);
  }
}

/** v3's producer pause: the senders are told, their `active` is not touched (§16). */
function setPaused(draft: Draft, receiver: ReceiverRecord, paused: boolean): void {
  if (receiver.paused === paused) return;
  draft.put('receiver', { ...receiver, paused });
  for (const sender of draft.of('sender', 'receiverId', receiver.id)) {
    draft.emit({
      target: { kind: 'rtpsender', id: sender.id },
      peerId: sender.peerId,
      type: paused ? 'receiverpause' : 'receiverresume',
    });
    if (!paused && isActive(sender) && hasKeyFrames(receiver.kind)) draft.wantKeyFrame(sender.id);
  }
}

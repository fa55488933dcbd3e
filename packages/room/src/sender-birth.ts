import { type SenderParameters, type SenderSource, senderParameters } from '@weir/ortc';
import type { Draft } from './draft.ts';
import { defaultCname } from './sender-state.ts';
import type { PeerRecord, ReceiverRecord, SenderRecord } from './state.ts';

/**
 * The sender of a receiver for another peer, announced to that peer. None is born while the receiver has no
 * parameters or the peer no capabilities (§5.6).
 */
export function createSender(draft: Draft, receiver: ReceiverRecord, peer: PeerRecord): void {
  if (receiver.rtpParameters === undefined || peer.capabilities === undefined) return;
  const identity = { ssrc: draft.drawSsrc(), rtxSsrc: draft.drawSsrc() };
  const sender: SenderRecord = {
    id: draft.drawId(),
    peerId: peer.id,
    receiverId: receiver.id,
    transportId: null,
    ...identity,
    bindings: 0,
    disabled: false,
    priority: 1,
    ...deriveSender(draft, receiver, peer, identity),
  };
  // The media side hears of it when it is bound.
  draft.put('sender', sender, { quiet: true });
  draft.emit({
    target: { kind: 'peer', id: peer.id },
    peerId: peer.id,
    type: 'newrtpsender',
    sender,
    receiver,
  });
}

/** What of a sender comes from its receiver and its peer's capabilities (§11.7). */
export function deriveSender(
  draft: Draft,
  receiver: ReceiverRecord,
  peer: PeerRecord,
  { ssrc, rtxSsrc, mid }: Pick<SenderRecord, 'ssrc' | 'rtxSsrc' | 'mid'>,
): SenderParameters {
  return senderParameters(draft.state.capabilities, receiver as SenderSource, peer.capabilities!, {
    ssrc,
    rtxSsrc,
    cname: defaultCname(receiver.peerId),
    ...(mid === undefined ? {} : { muxId: mid }),
  });
}

import { effectivePeerCapabilities, parsePeerCapabilities } from '@weir/ortc';
import { closePeerRecord } from './closing.ts';
import { negotiate, RoomError, typeError } from './errors.ts';
import { type Handlers, peerOf } from './handlers.ts';
import { createSender } from './sender-birth.ts';
import type { PeerRecord } from './state.ts';

export const peerHandlers: Pick<Handlers, 'peer.join' | 'peer.setCapabilities'> = {
  /** `room.Peer(name)` (§4.3). */
  'peer.join'(draft, { peerId, name, replace, appData }) {
    if (typeof name !== 'string' || name === '') throw typeError('name', 'must be a non-empty string');
    const other = draft.peerNamed(name);
    if (other !== undefined) {
      if (!replace) {
        throw new RoomError(
          'name-taken',
          'Error',
          `a peer named "${name}" is in the room; choose another name or replace it`,
          { field: 'name' },
        );
      }
      closePeerRecord(draft, other, 'replaced');
    }
    draft.claimId(peerId);
    const peer: PeerRecord = { id: peerId, name, appData: appData ?? {} };
    draft.put('peer', peer, { quiet: true });
    draft.emit({
      target: { kind: 'room', id: 0 },
      peerId: null,
      exceptPeerId: peerId,
      type: 'newpeer',
      peer,
    });
  },

  /** §5.2: a sender for each receiver that is there, then the `capabilities` event. */
  'peer.setCapabilities'(draft, { peerId, capabilities, sendCapabilities }) {
    const peer = peerOf(draft, peerId);
    if (peer.capabilities !== undefined) {
      throw new RoomError(
        'invalid-state',
        'Error',
        'peer capabilities already set; they are set once, join again to change them',
      );
    }
    const room = draft.state.capabilities;
    const given = negotiate('capabilities', () => parsePeerCapabilities(capabilities));
    const toSend =
      sendCapabilities === undefined
        ? given
        : negotiate('sendCapabilities', () => parsePeerCapabilities(sendCapabilities));
    const effective = effectivePeerCapabilities(room, given);
    const ready: PeerRecord = {
      ...peer,
      capabilities: effective,
      sendCapabilities: effectivePeerCapabilities(room, toSend, { feedback: 'peer' }),
    };
    draft.put('peer', ready, { quiet: true });
    for (const other of draft.all('peer')) {
      if (other.id === peerId) continue;
      for (const receiver of draft.of('receiver', 'peerId', other.id)) createSender(draft, receiver, ready);
    }
    draft.emit({
      target: { kind: 'peer', id: peerId },
      peerId,
      type: 'capabilities',
      capabilities: effective,
    });
  },
};

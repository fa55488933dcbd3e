import { dumpListener } from '@weir/ortc';
import type { InspectAnswer } from '@weir/protocol';
import { listenerTablesOf, type RoomState, type TransportRecord } from '@weir/room';

/** Internals for debugging (object-model.md §12), as the database has them, with what pods add under `worker`. */

/** Answers of the pods that were asked. */
export type Inspected = readonly { readonly answer: InspectAnswer }[];

type Dump = Record<string, unknown>;

export function dumpRoom(state: RoomState, answers: Inspected): Dump {
  const senders = [...state.senders.values()];
  return {
    roomId: state.id,
    capabilities: state.capabilities,
    peers: [...state.peers.keys()].map((peerId) => dumpPeer(state, peerId, answers)),
    // An entry exists from the first receive() until the receiver closes.
    mapRtpReceiverRtpSenders: Object.fromEntries(
      [...state.receivers.values()]
        .filter(({ rtpParameters }) => rtpParameters !== undefined)
        .map((receiver) => [
          receiver.id,
          senders.filter(({ receiverId }) => receiverId === receiver.id).map(({ id }) => id),
        ]),
    ),
    mapRtpSenderRtpReceiver: Object.fromEntries(senders.map(({ id, receiverId }) => [id, receiverId])),
  };
}

export function dumpPeer(state: RoomState, peerId: number, answers: Inspected): Dump {
  const peer = state.peers.get(peerId)!;
  const own = <R extends { readonly peerId: number }>(records: ReadonlyMap<number, R>) =>
    [...records.values()].filter((record) => record.peerId === peerId);
  const worker = (list: 'transports' | 'receivers' | 'senders', id: number) => {
    const found = answers.map(({ answer }) => answer[list][String(id)]).find((one) => one !== undefined);
    return found === undefined ? {} : { worker: found };
  };
  return {
    peerId,
    peerName: peer.name,
    ...(peer.capabilities === undefined ? {} : { capabilities: peer.capabilities }),
    transports: own(state.transports).map((transport) => ({
      ...withoutPasswords(transport),
      // What the parameters say; SSRCs that were learnt from packets stand in `worker`.
      rtpListener: dumpListener(listenerTablesOf(state, transport.id)),
      ...worker('transports', transport.id),
    })),
    rtpReceivers: own(state.receivers).map((receiver) => ({
      ...receiver,
      ...worker('receivers', receiver.id),
    })),
    rtpSenders: own(state.senders).map((sender) => ({ ...sender, ...worker('senders', sender.id) })),
  };
}

/** Passwords are nobody's business. */
function withoutPasswords({ ice, previousIce, ...transport }: TransportRecord): Dump {
  return {
    ...transport,
    ice: { usernameFragment: ice.usernameFragment },
    ...(previousIce === undefined ? {} : { previousIce: { usernameFragment: previousIce.usernameFragment } }),
  };
}

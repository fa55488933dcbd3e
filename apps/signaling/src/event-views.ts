import type { NewEvent } from '@weir/db';
import { capabilitiesToWire, rtpParametersToWire } from '@weir/ortc';
import type { RoomEvent, RoomState } from '@weir/room';
import { peerInfo, receiverView, senderView } from './views.ts';

/**
 * Events of the room as lines of peers' logs, in the same order. Events of the room itself go to every living
 * peer of it.
 *
 * @param before the state that was decided on, @param after the state after it
 */
export function logEvents(events: readonly RoomEvent[], before: RoomState, after: RoomState): NewEvent[] {
  // Those who join hear nothing of what was before.
  const notYet = new Set([...after.peers.keys()].filter((peerId) => !before.peers.has(peerId)));
  return events.flatMap((event): NewEvent[] => {
    if (event.type === 'newpeer') notYet.delete(event.peer.id);
    const target = {
      kind: event.target.kind,
      id: event.target.kind === 'room' ? after.id : String(event.target.id),
    };
    const line = { type: event.type, target, data: dataOf(event, before, after), ...coalesced(event) };
    if (event.peerId !== null) return [{ peerId: event.peerId, ...line }];
    // A closing room tells the peers it had.
    const listeners = after.closed ? before.peers : after.peers;
    return [...listeners.keys()]
      .filter((peerId) => peerId !== event.exceptPeerId && !notYet.has(peerId))
      .map((peerId) => ({ peerId, ...line }));
  });
}

function dataOf(event: RoomEvent, before: RoomState, after: RoomState): Record<string, unknown> {
  switch (event.type) {
    case 'newpeer':
      return peerInfo(event.peer);
    case 'peerclose':
      return { ...peerInfo(event.peer), ...defined({ reason: event.reason }) };
    case 'capabilities':
      return capabilitiesToWire(event.capabilities);
    case 'newtransport':
      return { id: String(event.transport.id) };
    case 'newrtpreceiver':
      return receiverView(event.receiver);
    case 'newrtpsender': {
      const { receiver } = event;
      const source = after.peers.get(receiver.peerId) ?? before.peers.get(receiver.peerId)!;
      return senderView(event.sender, receiver, source);
    }
    case 'close':
      return defined({ reason: event.reason ?? event.error });
    case 'iceselectedtuplechange':
      return { ...event.tuple };
    case 'icestatechange':
    case 'dtlsstatechange':
      return { state: event.state };
    case 'parameters':
      return { rtpParameters: rtpParametersToWire(event.rtpParameters) };
    case 'parameterschange':
      return {
        rtpParameters: rtpParametersToWire(event.rtpParameters),
        ...defined({ active: event.active }),
      };
    case 'transport':
      return { transportId: String(event.transportId) };
    case 'activechange':
      return { active: event.active };
    case 'receiverpause':
    case 'receiverresume':
      return {};
    case 'layerschange':
      return { layers: event.layers };
  }
}

/** Frequent signals: only the newest per object is kept for a reader that is behind. */
function coalesced(event: RoomEvent): { coalesceKey?: string } {
  return event.type === 'layerschange' ? { coalesceKey: `layerschange ${event.target.id}` } : {};
}

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

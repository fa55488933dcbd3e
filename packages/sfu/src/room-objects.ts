import type { RoomEvent } from '@weir/room';
import { Peer } from './peer.ts';
import type { Room } from './room.ts';
import { RtpReceiver } from './rtp-receiver.ts';
import { RtpSender } from './rtp-sender.ts';
import { Transport } from './transport.ts';

/** Any object of a room, the room included. */
export type RoomMember = Room | Peer | Transport | RtpReceiver | RtpSender;

export type Target = RoomEvent['target'];

/** The objects of one room by id, from their birth until their `close` is emitted. */
export class RoomObjects {
  readonly room: Room;
  readonly peers = new Map<number, Peer>();
  readonly transports = new Map<number, Transport>();
  readonly receivers = new Map<number, RtpReceiver>();
  readonly senders = new Map<number, RtpSender>();

  constructor(room: Room) {
    this.room = room;
  }

  find(target: Target): RoomMember | undefined {
    return target.kind === 'room' ? this.room : this.#mapOf(target.kind).get(target.id);
  }

  remove(target: Target): void {
    if (target.kind !== 'room') this.#mapOf(target.kind).delete(target.id);
  }

  /** The open transport with this id. */
  openTransport(id: number | null): Transport | undefined {
    const transport = id === null ? undefined : this.transports.get(id);
    return transport?.closed === false ? transport : undefined;
  }

  #mapOf(kind: Exclude<Target['kind'], 'room'>): Map<number, Exclude<RoomMember, Room>> {
    const maps = {
      peer: this.peers,
      transport: this.transports,
      rtpreceiver: this.receivers,
      rtpsender: this.senders,
    };
    return maps[kind];
  }
}

/** How events name an object. */
export function targetOf(member: RoomMember): Target {
  const { id } = member;
  if (member instanceof Peer) return { kind: 'peer', id };
  if (member instanceof Transport) return { kind: 'transport', id };
  if (member instanceof RtpReceiver) return { kind: 'rtpreceiver', id };
  if (member instanceof RtpSender) return { kind: 'rtpsender', id };
  // The room's own id is known outside of the pure room only.
  return { kind: 'room', id: 0 };
}

import type { MediaHappening } from '@weir/protocol';
import type { RoomCommand } from '@weir/room';

type Reported = Extract<
  MediaHappening,
  { type: 'transport.tuple' | 'transport.ice' | 'transport.dtls' | 'sender.layers' }
>;

/** The command by which the room learns of what happened at the media side. */
export function reportCommand(happening: Reported): RoomCommand {
  switch (happening.type) {
    case 'transport.tuple': {
      const { transportId, tuple } = happening;
      return { type: 'transport.tupleChanged', transportId, tuple };
    }
    case 'transport.ice': {
      const { transportId, state } = happening;
      return { type: 'transport.iceChanged', transportId, state };
    }
    case 'transport.dtls': {
      const { transportId, state, remoteCert } = happening;
      return {
        type: 'transport.dtlsChanged',
        transportId,
        state,
        ...(remoteCert !== undefined && { remoteCert }),
      };
    }
    case 'sender.layers': {
      const { senderId, layers } = happening;
      return { type: 'sender.layersChanged', senderId, layers };
    }
  }
}

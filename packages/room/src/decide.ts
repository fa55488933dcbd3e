import { closePeer, closeReceiver, closeRoom, closeTransport } from './closing.ts';
import type { Decision, RoomCommand, RoomEnvironment } from './commands.ts';
import { Draft } from './draft.ts';
import { type Handlers, roomClosed } from './handlers.ts';
import { checkMaxLoudestAudio } from './loudest-audio.ts';
import { moveHandlers, settleMoves } from './moves.ts';
import { peerHandlers } from './peer-commands.ts';
import { receiverHandlers } from './receiver-commands.ts';
import { reportHandlers } from './report-commands.ts';
import { senderHandlers } from './sender-commands.ts';
import type { RoomState } from './state.ts';
import { transportHandlers } from './transport-commands.ts';

/**
 * What a command means for a room, or several commands as one step: if any is refused, nothing happens.
 * Neither the state nor the commands are changed.
 *
 * @throws RoomError the refusal
 */
export function decide(
  state: RoomState,
  commands: RoomCommand | readonly RoomCommand[],
  env: RoomEnvironment,
): Decision {
  const list: readonly RoomCommand[] = 'type' in commands ? [commands] : commands;
  const draft = new Draft(state, list, env);
  for (const command of list) run(draft, command);
  settleMoves(draft);
  return draft.decision();
}

const handlers: Handlers = {
  'room.close': closeRoom,
  'room.setMaxLoudestAudio': setMaxLoudestAudio,
  'peer.close': closePeer,
  'transport.close': closeTransport,
  'receiver.close': closeReceiver,
  ...peerHandlers,
  ...transportHandlers,
  ...receiverHandlers,
  ...senderHandlers,
  ...moveHandlers,
  ...reportHandlers,
};

function setMaxLoudestAudio(
  draft: Draft,
  { maxLoudestAudio }: Extract<RoomCommand, { type: 'room.setMaxLoudestAudio' }>,
): void {
  draft.setMaxLoudestAudio(checkMaxLoudestAudio(maxLoudestAudio));
}

/** What the media side tells, and closing what is closed already, is no error. */
const allowedWhenClosed: ReadonlySet<RoomCommand['type']> = new Set<RoomCommand['type']>([
  'room.close',
  ...(Object.keys(reportHandlers) as (keyof typeof reportHandlers)[]),
]);

function run<C extends RoomCommand>(draft: Draft, command: C): void {
  if (draft.closed && !allowedWhenClosed.has(command.type)) throw roomClosed();
  (handlers[command.type] as (draft: Draft, command: C) => void)(draft, command);
}

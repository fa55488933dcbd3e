export type * from './commands.ts';
export { decide } from './decide.ts';
export { type RefusalClass, RoomError } from './errors.ts';
export { announcedLayers, explainSender } from './explain.ts';
export { unusedId } from './ids.ts';
export { receiverSpec, senderSpec, transportSpec } from './media-specs.ts';
export { fullMediaState, isEmptyUpdate, type MediaUpdateOptions, toMediaUpdate } from './media-update.ts';
export {
  listenerTablesOf,
  receiversOf,
  sendersOf,
  sendersOfReceiver,
  transportsOf,
} from './queries.ts';
export { type CreateRoomOptions, createRoomState, evolve, evolved } from './room-state.ts';
export { isActive } from './sender-state.ts';
export type * from './state.ts';

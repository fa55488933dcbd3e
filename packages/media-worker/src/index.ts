export type * from './contract.ts';
export { createMediaWorker } from './media-worker.ts';

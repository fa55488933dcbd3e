import type { WorkerCertificate } from '@weir/media-worker';
import type {
  Fingerprint,
  InspectRequest,
  MediaHappening,
  PodAddress,
  RoomMediaUpdate,
} from '@weir/protocol';
import type { Config } from './config.ts';
import type { OutsideAddresses } from './outside-addresses.ts';
import type { WorkerPorts } from './worker.ts';

/** What a worker's thread is started with. */
export interface WorkerOrder {
  readonly config: Config;
  readonly index: number;
  readonly certificate: WorkerCertificate;
  readonly outside: OutsideAddresses | undefined;
  /** Those of the worker in whose place this one comes. */
  readonly ports: WorkerPorts | undefined;
}

/** What a worker's thread is asked; each is answered once, under its id. */
export type WorkerCall =
  | { readonly do: 'apply'; readonly update: RoomMediaUpdate }
  | { readonly do: 'inspect'; readonly roomId: string; readonly request: InspectRequest }
  | { readonly do: 'rooms' }
  | { readonly do: 'status' }
  | { readonly do: 'close' };

export interface WorkerRequest {
  readonly id: number;
  readonly call: WorkerCall;
}

/** What it tells. */
export type WorkerTold =
  | { readonly type: 'ready'; readonly self: WorkerSelf }
  | { readonly type: 'failed'; readonly error: unknown }
  | { readonly type: 'happenings'; readonly happenings: readonly MediaHappening[] }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refusal'; readonly id: number; readonly error: unknown };

export interface WorkerSelf {
  readonly addresses: readonly PodAddress[];
  readonly fingerprints: readonly Fingerprint[];
  readonly ports: WorkerPorts;
  readonly engine: string;
}

import type { ExportedKeys, Fingerprint } from '@weir/secure-transport';
import type { RemoteTransport } from '@weir/testing';

export const targetNames = ['weir-native', 'weir-node', 'janus-loops', 'janus', 'naive', 'floor'] as const;
export type TargetName = (typeof targetNames)[number];

/** What an SFU is told of an endpoint before it connects. */
export interface LocalSide {
  readonly ice: { readonly usernameFragment: string; readonly password: string };
  readonly fingerprint: Fingerprint;
  /** Where it will check from. */
  readonly port: number;
}

/** What the endpoint is told: of a transport; or, by the floor, of keys without any handshake. */
export type RemoteSide = (RemoteTransport & { readonly role: 'client' | 'server' }) | PlainRemote;
export interface PlainRemote {
  readonly port: number;
  readonly keys: ExportedKeys;
}

/** SSRCs of one publisher. */
export interface Streams {
  readonly video: number;
  readonly rtx: number;
  readonly audio: number;
}

/** An SFU as a process of its own. */
export interface Target {
  readonly name: TargetName;
  /** What was measured, with its version. */
  readonly title: string;
  /** User and system time of the process so far, all threads, in microseconds. */
  cpuMicros(): number;
  residentBytes(): number;
  openRoom(): Promise<TargetRoom>;
  stop(): Promise<void>;
}

export interface TargetRoom {
  /** Camera and microphone; publishers have the indices 0, 1, … in the order of these calls. */
  publish(local: LocalSide, streams: Streams): Promise<RemoteSide>;
  /** Endpoints that get everything that is published by now, except by the publisher of their own index. */
  subscribe(joining: readonly { local: LocalSide; except?: number }[]): Promise<readonly RemoteSide[]>;
}

/** Why a target can't run here, in a sentence. */
export class TargetMissing extends Error {
  override name = 'TargetMissing';
}

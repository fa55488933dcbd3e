import type { PacketEngine, RemoteAddress } from '../../src/engine.ts';

/** Sizes a test asks for; small ones make the ring come round soon. */
export interface EngineSizes {
  readonly slotSize?: number;
  readonly slotCount?: number;
  readonly batchCapacity?: number;
}

/** A plain endpoint at the other end of the wire. */
export interface Peer {
  /** As the engine sees it. */
  readonly address: RemoteAddress;
  /** To the engine's port. */
  send(datagram: Uint8Array): void;
  /** Copies of what came, in order. */
  readonly received: Uint8Array[];
}

/** What the suite needs around an engine. */
export interface EngineWorld {
  readonly engine: PacketEngine;
  openPeer(): Promise<Peer>;
  /** Lets datagrams arrive on both sides until `done` says so; throws when it never does. */
  run(done: () => boolean): Promise<void>;
  /** Closes peers and engine. */
  close(): void;
}

export type CreateWorld = (sizes?: EngineSizes) => Promise<EngineWorld>;

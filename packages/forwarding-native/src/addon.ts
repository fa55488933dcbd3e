import { createRequire } from 'node:module';

/** Names the engine of one port; opaque. */
export type AddonHandle = { readonly weirEngine: unique symbol };

export interface OpenedPort {
  readonly handle: AddonHandle;
  readonly ip: string;
  readonly port: number;
  readonly recvBufferBytes: number;
  readonly sendBufferBytes: number;
  /** 1 when the kernel knows UDP_SEGMENT. */
  readonly gso: number;
}

/** Places in the shared array of counters; as `enum state` in native/engine.h. */
export const State = {
  nextSerial: 0,
  receivedPackets: 1,
  receivedBytes: 2,
  sentPackets: 3,
  sentBytes: 4,
  authenticationFailures: 5,
  replays: 6,
  sendErrors: 7,
  oversized: 8,
  count: 9,
} as const;

/** The functions of native/addon.c. */
export interface Addon {
  open(
    ip: string,
    port: number,
    recvBufferBytes: number,
    sendBufferBytes: number,
    slotSize: number,
    batchCapacity: number,
    arena: Uint8Array,
    state: Float64Array,
    outbox: Uint8Array,
    outboxPath: Int32Array,
    outboxLength: Uint32Array,
    onBatch: (count: number) => void,
    gatherMicros: number,
  ): OpenedPort;
  bindBatch(
    handle: AddonHandle,
    which: 0 | 1,
    serial: Float64Array,
    length: Uint16Array,
    kind: Uint8Array,
    remote: Float64Array,
    session: Int32Array,
    status: Uint8Array,
  ): void;
  bindWork(
    handle: AddonHandle,
    prefixes: Uint8Array,
    prefixOffset: Uint32Array,
    prefixLength: Uint16Array,
    bodySerial: Float64Array,
    bodyOffset: Uint16Array,
    bodyLength: Uint16Array,
    ssrc: Uint32Array,
    sequenceNumber: Uint16Array,
    timestamp: Uint32Array,
    markerAndPayloadType: Uint8Array,
    rolloverCounter: Uint32Array,
    transportSequenceOffset: Uint16Array,
    transportSequence: Uint16Array,
    absSendTimeOffset: Uint16Array,
    absSendTime: Uint32Array,
    session: Int32Array,
    path: Int32Array,
  ): void;
  openPath(handle: AddonHandle, path: number, ip: string, port: number, outbox: 0 | 1): void;
  closePath(handle: AddonHandle, path: number): void;
  openSession(handle: AddonHandle, session: number, profile: 0 | 1, keys: Uint8Array): void;
  closeSession(handle: AddonHandle, session: number): void;
  unprotect(handle: AddonHandle, which: 0 | 1, count: number): void;
  send(handle: AddonHandle, count: number): number;
  sendRtcp(handle: AddonHandle, session: number, path: number, packet: Uint8Array): number;
  sendRaw(handle: AddonHandle, path: number, datagram: Uint8Array): void;
  remoteIp(handle: AddonHandle, i: number): string;
  remotePort(handle: AddonHandle, i: number): number;
  setGso(handle: AddonHandle, on: 0 | 1): void;
  close(handle: AddonHandle): void;
}

let loaded: Addon | Error | undefined;

/** The add-on, or why it can't be had. */
export function loadAddon(): Addon | Error {
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)('../build/weir-engine.node') as Addon;
    } catch (error) {
      loaded = error instanceof Error ? error : new Error(String(error));
    }
  }
  return loaded;
}

import type { PacketEngine } from '../src/index.ts';

export const slotSize = 2048;
export const slotCount = 16_384;

/** Takes work lists and counts; what is left is the cost of forwarding itself. */
export function nullEngine(): PacketEngine & { taken: number; nextSerial: number } {
  return {
    name: 'node',
    arena: new Uint8Array(slotSize * slotCount),
    slotSize,
    slotCount,
    nextSerial: 0,
    taken: 0,
    onBatch: undefined,
    openPath: () => 0,
    closePath: () => {},
    openSession: () => 0,
    closeSession: () => {},
    unprotect: () => {},
    send(work) {
      this.taken += work.count;
      work.count = 0;
      work.prefixesUsed = 0;
    },
    sendRtcp: () => {},
    sendRaw: () => {},
    counters: {
      receivedPackets: 0,
      receivedBytes: 0,
      sentPackets: 0,
      sentBytes: 0,
      authenticationFailures: 0,
      replays: 0,
      sendErrors: 0,
      oversized: 0,
    },
    close: () => {},
  };
}

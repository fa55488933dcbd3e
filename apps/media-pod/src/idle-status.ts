import { JoinLatencies, MediaTotals } from '@weir/forwarding';
import type { WorkerStatus } from './worker.ts';

/** What a media worker tells that has done nothing yet. */
export const idle: WorkerStatus = {
  counters: {
    receivedPackets: 0,
    receivedBytes: 0,
    sentPackets: 0,
    sentBytes: 0,
    authenticationFailures: 0,
    replays: 0,
    sendErrors: 0,
    oversized: 0,
    faults: 0,
  },
  media: {
    totals: { ...new MediaTotals() },
    latencies: { ...new JoinLatencies() },
    strayPackets: 0,
    connectedTransports: 0,
    unconnectedTransports: 0,
    estimates: 0,
    estimatesSumBps: 0,
    lowestEstimateBps: 0,
    videoForwarding: 0,
    videoStopped: 0,
    videoWaiting: 0,
    poorSenders: 0,
    poorReceivers: 0,
  },
  collections: 0,
  collectionMs: 0,
  receiveBufferBytes: 0,
  sendBufferBytes: 0,
  cpuMicros: 0,
  loopLagMs: 0,
  heapBytes: 0,
  externalBytes: 0,
  activeResources: 0,
};

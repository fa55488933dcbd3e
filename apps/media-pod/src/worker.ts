import type { MediaOverview } from '@weir/media-worker';
import type {
  Fingerprint,
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  MediaUpdateAnswer,
  PodAddress,
  RoomMediaUpdate,
} from '@weir/protocol';

/**
 * A media worker as the rest of the pod sees it. Calls answer later, so that a worker on a thread of its
 * own is the same to its callers as one in this process.
 */
export interface Worker {
  readonly addresses: readonly PodAddress[];
  readonly fingerprints: readonly Fingerprint[];
  readonly ports: WorkerPorts;
  readonly engine: string;

  /** In the order it happened. */
  onHappening: ((happening: MediaHappening) => void) | undefined;

  apply(update: RoomMediaUpdate): Promise<MediaUpdateAnswer>;
  inspect(roomId: string, request: InspectRequest): Promise<InspectAnswer>;
  /** Version of each room it holds. */
  rooms(): Promise<Record<string, number>>;
  status(): Promise<WorkerStatus>;
  /** Ends every transport with a close_notify, then the socket. */
  close(): Promise<void>;
}

/** Port numbers that were really bound. */
export interface WorkerPorts {
  readonly udp: number;
  readonly tcp: number | undefined;
}

/** Totals since the worker began. */
export interface WorkerCounters {
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly authenticationFailures: number;
  readonly replays: number;
  readonly sendErrors: number;
  readonly oversized: number;
  /** Times the worker threw; each is a defect, and logged. */
  readonly faults: number;
}

export interface WorkerStatus {
  readonly counters: WorkerCounters;
  readonly media: MediaOverview;
  /** Garbage collections of the thread, and how long they stopped it. */
  readonly collections: number;
  readonly collectionMs: number;
  /** What the kernel granted the UDP socket. */
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  /** User and system time of the worker's thread. */
  readonly cpuMicros: number;
  /** 99th percentile of how late its event loop was, over the last 5 s; see LoopLag. */
  readonly loopLagMs: number;
  /** JavaScript objects, and what they hold outside of the heap (the packet arena, keys). */
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Sockets, timers and the like that the event loop knows. */
  readonly activeResources: number;
}

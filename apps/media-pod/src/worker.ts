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
  /** The UDP port that was really bound. */
  readonly port: number;
  readonly engine: string;

  /** In the order it happened. */
  onHappening: ((happening: MediaHappening) => void) | undefined;

  apply(update: RoomMediaUpdate): Promise<MediaUpdateAnswer>;
  inspect(roomId: string, request: InspectRequest): Promise<InspectAnswer>;
  /** Version of each room it holds. */
  rooms(): Promise<Record<string, number>>;
  counters(): Promise<WorkerCounters>;
  /** Ends every transport with a close_notify, then the socket. */
  close(): Promise<void>;
}

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

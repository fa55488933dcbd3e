import type {
  Fingerprint,
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  PodAddress,
  RoomMediaUpdate,
} from '@weir/protocol';

/**
 * A media worker as the control plane sees it: told what should exist, tells what happened. Today it runs
 * on the caller's thread (`InProcessWorker`); nothing here keeps it from running on its own.
 */
export interface Worker {
  /** `<8 letters>#<n>`, n from 1. */
  readonly id: string;
  readonly closed: boolean;
  /** Where endpoints reach it, in order of preference: UDP before TCP, IPv4 before IPv6. */
  readonly addresses: readonly PodAddress[];
  /** Of the certificate that all its transports share. */
  readonly fingerprints: readonly Fingerprint[];

  /** Called in the order things happened, maybe during `apply()`. */
  onHappening: ((happening: MediaHappening) => void) | undefined;
  /** It can't go on; everything it carried is lost. Not called for `close()`. */
  onDied: ((error: Error) => void) | undefined;

  /** `whole` gives the room's whole wanted state, should the worker hold another version than the update's base. */
  apply(update: RoomMediaUpdate, whole: () => RoomMediaUpdate): void;
  inspect(roomId: string, request: InspectRequest): Promise<InspectAnswer>;
  /** Watches the accepted RTP packets of a receiver; one listener each. */
  tap(roomId: string, receiverId: number, listener: ((packet: Uint8Array) => void) | undefined): void;
  resourceUsage(): Promise<WorkerResourceUsage>;
  close(): void;
}

/** As mediasoup 3 names it: getrusage(2), times in milliseconds, sizes in KiB. */
export interface WorkerResourceUsage {
  workerId: string;
  ru_utime: number;
  ru_stime: number;
  ru_maxrss: number;
  ru_ixrss: number;
  ru_idrss: number;
  ru_isrss: number;
  ru_minflt: number;
  ru_majflt: number;
  ru_nswap: number;
  ru_inblock: number;
  ru_oublock: number;
  ru_msgsnd: number;
  ru_msgrcv: number;
  ru_nsignals: number;
  ru_nvcsw: number;
  ru_nivcsw: number;
  /** Datagrams and bytes that went through the worker's sockets. */
  receivedPackets: number;
  receivedBytes: number;
  sentPackets: number;
  sentBytes: number;
}

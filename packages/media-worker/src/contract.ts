import type {
  DatagramBatch,
  JoinLatencies,
  MediaTotals,
  PacketEngine,
  RemoteAddress,
  ReplayLimits,
} from '@weir/forwarding';
import type {
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  MediaUpdateAnswer,
  RoomMediaUpdate,
} from '@weir/protocol';

/**
 * One media worker: executes media updates over secure-transport and forwarding. Used by `apps/media-pod`
 * (orders come over HTTP) and by `@weir/sfu` (orders come from the room in the same process).
 * Opens no socket, sets no timer, reads no clock: the owner gives it an engine and the time.
 */
export interface MediaWorkerOptions {
  readonly engine: PacketEngine;
  /** The DTLS certificate of all its transports (ECDSA P-256 if made by `createCertificate()`). */
  readonly certificate: WorkerCertificate;
  /** Where datagrams of this worker arrive, for the local half of tuples. */
  readonly localAddress: { readonly ip: string; readonly port: number };
  readonly consentTimeoutMs?: number;
  /** 32 random bits for SSRCs, sequence offsets and report jitter. */
  readonly random: () => number;
  /** Milliseconds since 1970 at `now` = 0; for NTP times in sender reports. */
  readonly wallClockOffsetMs: number;
  /** Bounds of what viewers that come late are given from the key frame cache; `maxPackets: 0` turns it off. */
  readonly replay?: Partial<ReplayLimits> | undefined;
  /** As of the Forwarder. */
  readonly paceFactor?: number | undefined;
}

export interface WorkerCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  readonly fingerprints: readonly {
    algorithm: 'sha-1' | 'sha-224' | 'sha-256' | 'sha-384' | 'sha-512';
    value: string;
  }[];
}

export interface MediaOverview {
  readonly totals: Omit<MediaTotals, 'noteSwitch'>;
  readonly latencies: JoinLatencies;
  /** RTP and RTCP that belonged to no transport with keys. */
  readonly strayPackets: number;
  /** Transports by state of ICE and DTLS together. */
  readonly connectedTransports: number;
  readonly unconnectedTransports: number;
  /** Transports towards viewers whose bandwidth is estimated: how many, the sum, and the lowest (0 without any). */
  readonly estimates: number;
  readonly estimatesSumBps: number;
  readonly lowestEstimateBps: number;
  /** Video senders that could go out: forwarding, stopped by bandwidth, or without a picture for another reason. */
  readonly videoForwarding: number;
  readonly videoStopped: number;
  readonly videoWaiting: number;
  /** Senders with a score of 5 or less of 10, of those that forward. */
  readonly poorSenders: number;
  /** Receivers with a stream whose score is 5 or less. */
  readonly poorReceivers: number;
}

export interface MediaWorkerContract {
  /** Idempotent; see RoomMediaUpdate. A room with an empty wanted state is forgotten. */
  apply(update: RoomMediaUpdate, now: number): MediaUpdateAnswer;
  /** Versions of the rooms it holds. */
  rooms(): Record<string, number>;
  inspect(roomId: string, request: InspectRequest, now: number): InspectAnswer;
  /** Totals since it began and what is there now, over all rooms. Costs a walk over transports and senders. */
  overview(): MediaOverview;
  /**
   * Watches plain RTP of a receiver (rtpraw, rtpobject); in process only. May come before the receiver. Each
   * packet is a copy that the listener may keep; attaching asks for a key frame.
   */
  tap(roomId: string, receiverId: number, listener: ((packet: Uint8Array) => void) | undefined): void;

  /** The owner wires it: `engine.onBatch = (batch) => worker.handleBatch(batch, clock.now())`. */
  handleBatch(batch: DatagramBatch, now: number): void;
  /** A TCP connection was closed by the far side; the owner of the TCP port tells. */
  handleTcpClosed(remote: RemoteAddress, now: number): void;
  handleTimeout(now: number): void;
  nextTimeout(): { at: number; reason: string } | undefined;
  /**
   * Drain after every call. Audio levels come every 500 ms while receivers have any, then once empty, then no
   * more until somebody speaks again.
   */
  poll(): MediaHappening | undefined;
  /** Closes every transport (close_notify) and the engine. */
  close(now: number): void;
}

/**
 * The engine moves and seals bytes; it knows no rooms, streams or layers. One engine serves one port of
 * one worker. Two implementations pass the same conformance suite: `node` (here) and `native` (C add-on).
 *
 * Received datagrams land in a ring of fixed slots, the arena, and stay there after decryption until the
 * ring comes round: the arena is also the retransmission cache. A slot is named by a serial number that
 * only grows; its place is `serial % slotCount`, and it still holds its packet while
 * `nextSerial - serial <= slotCount - margin`.
 */
export interface PacketEngine {
  readonly name: 'node' | 'native';
  readonly arena: Uint8Array;
  readonly slotSize: number;
  readonly slotCount: number;
  /** Serial of the slot that the next datagram will take. */
  readonly nextSerial: number;

  /** Called with what one readiness of the socket gave. The batch is reused: nobody keeps it. */
  onBatch: ((batch: DatagramBatch) => void) | undefined;

  /** Registers a remote address; the handle is small and reused after closePath(). */
  openPath(remote: RemoteAddress): PathHandle;
  closePath(path: PathHandle): void;

  /** Keys of one DTLS association, both directions. Throws RangeError on wrong key lengths. */
  openSession(keys: SrtpKeys): SessionHandle;
  closeSession(session: SessionHandle): void;

  /**
   * Authenticates, replay-checks and decrypts in place every packet `i < batch.count` whose
   * `batch.session[i] >= 0` and whose `batch.kind[i]` is RTP or RTCP. Writes `batch.status[i]` and, for
   * accepted packets, the plain length to `batch.length[i]`.
   */
  unprotect(batch: DatagramBatch): void;

  /** Composes, seals and sends `work.count` RTP packets, in order per path; then the list is empty. */
  send(work: WorkList): void;
  /** Seals one RTCP compound packet and sends it. */
  sendRtcp(session: SessionHandle, path: PathHandle, packet: Uint8Array): void;
  /** Sends bytes as they are: STUN, DTLS, plain RTP. */
  sendRaw(path: PathHandle, datagram: Uint8Array): void;

  readonly counters: EngineCounters;
  close(): void;
}

export type PathHandle = number;
export type SessionHandle = number;

export interface RemoteAddress {
  readonly ip: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
}

export type SrtpProfile = 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80';

export interface SrtpKeys {
  readonly profile: SrtpProfile;
  /** Master key and salt for what we send. */
  readonly localKey: Uint8Array;
  readonly localSalt: Uint8Array;
  /** For what the endpoint sends. */
  readonly remoteKey: Uint8Array;
  readonly remoteSalt: Uint8Array;
}

export interface EngineCounters {
  receivedPackets: number;
  receivedBytes: number;
  sentPackets: number;
  sentBytes: number;
  authenticationFailures: number;
  replays: number;
  sendErrors: number;
  /** Datagrams longer than a slot, dropped. */
  oversized: number;
}

/** What a datagram is, by its first byte (RFC 7983) and, for 128…191, the RTCP type (RFC 5761 §4). */
export const PacketKind = { unknown: 0, stun: 1, dtls: 2, rtp: 3, rtcp: 4 } as const;
export type PacketKind = (typeof PacketKind)[keyof typeof PacketKind];
export const PacketStatus = { none: 0, ok: 1, authenticationFailed: 2, replayed: 3, malformed: 4 } as const;
export type PacketStatus = (typeof PacketStatus)[keyof typeof PacketStatus];

/** Up to `capacity` datagrams, structure of arrays. */
export interface DatagramBatch {
  readonly capacity: number;
  count: number;
  /** Serial of the slot: `arena[(serial % slotCount) * slotSize …]`. Float64 holds it exactly. */
  readonly serial: Float64Array;
  readonly length: Uint16Array;
  readonly kind: Uint8Array;
  /**
   * The remote address as a number that is equal for equal addresses (IPv4: address × 65536 + port; IPv6:
   * an interned negative number). `remoteOf(i)` gives it in words.
   */
  readonly remote: Float64Array;
  remoteOf(i: number): RemoteAddress;
  /** Filled by the owner before unprotect(); -1 = leave alone. */
  readonly session: Int32Array;
  readonly status: Uint8Array;
}

/**
 * RTP packets to send. A packet is `prefix` bytes (a complete RTP header with extensions, optionally
 * followed by replaced first payload bytes), whose SSRC, sequence number, timestamp and payload type are
 * overwritten, and `body` bytes copied from the arena.
 */
export interface WorkList {
  readonly capacity: number;
  count: number;
  /** Holds prefixes; several items may share one. Reset together with the list. */
  readonly prefixes: Uint8Array;
  prefixesUsed: number;
  readonly prefixOffset: Uint32Array;
  readonly prefixLength: Uint16Array;
  readonly bodySerial: Float64Array;
  readonly bodyOffset: Uint16Array;
  readonly bodyLength: Uint16Array;
  readonly ssrc: Uint32Array;
  readonly sequenceNumber: Uint16Array;
  readonly timestamp: Uint32Array;
  /** Second byte of the header: marker bit and payload type. */
  readonly markerAndPayloadType: Uint8Array;
  /** Rollover counter of `sequenceNumber` in this outgoing stream; the sealer needs no guess. */
  readonly rolloverCounter: Uint32Array;
  /** Offset in the prefix of the 2 bytes of the transport-wide sequence number; 0 = none. */
  readonly transportSequenceOffset: Uint16Array;
  readonly transportSequence: Uint16Array;
  /** Offset in the prefix of the 3 bytes of abs-send-time; 0 = none. */
  readonly absSendTimeOffset: Uint16Array;
  readonly absSendTime: Uint32Array;
  /** -1 = send unsealed (plain transport). */
  readonly session: Int32Array;
  readonly path: Int32Array;
}

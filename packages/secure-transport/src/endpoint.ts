/**
 * The contract of this package: all WebRTC transports of one port. Sans-IO: datagrams and time in,
 * datagrams and events out. Addresses are the owner's path keys: numbers equal for equal remote addresses.
 */

export interface SecureEndpoint {
  /** Adds or updates a transport; idempotent. Ids are unique in the endpoint (`<room>/<transport>`). */
  put(id: string, options: SecureTransportOptions, now: number): void;
  /** Ends it: close_notify if DTLS runs; then forgets it. Unknown ids are ignored. */
  remove(id: string, now: number): void;

  /**
   * A STUN or DTLS datagram from a remote address. `data` is copied if kept. Unauthenticated input costs
   * no allocation that outlives the call.
   */
  handleDatagram(data: Uint8Array, remote: Remote, now: number): void;
  /**
   * RTP came from this remote: selects its tuple if it is stored but not selected (object-model.md §6.5).
   * Returns the transport's id if the tuple is known, else undefined.
   */
  transportOf(remoteKey: number): string | undefined;
  noteRtp(remoteKey: number, now: number): void;
  /** A TCP connection was closed by the far side: its tuple is removed. */
  handleTcpClosed(remoteKey: number, now: number): void;

  handleTimeout(now: number): void;
  /** Milliseconds, on the clock of `now`; undefined = nothing to wait for. */
  nextTimeout(): { at: number; reason: string } | undefined;
  /** Drain after every call that takes `now`, until undefined. */
  poll(): SecureOutput | undefined;
}

export interface SecureTransportOptions {
  readonly ice: { usernameFragment: string; password: string };
  /** Accepted until the first valid request with `ice` (D-15). */
  readonly previousIce?: { usernameFragment: string; password: string } | undefined;
  readonly dtls?: { localRole: 'client' | 'server'; remoteFingerprint: RemoteFingerprint } | undefined;
  /** Milliseconds without a valid request until `disconnected`; 10,000 to 60,000, 0 = never. Default 30,000. */
  readonly consentTimeoutMs?: number;
}

export interface RemoteFingerprint {
  readonly algorithm: 'sha-1' | 'sha-224' | 'sha-256' | 'sha-384' | 'sha-512';
  /** Lowercase hex without colons. */
  readonly value: string;
}

export interface Remote {
  /** Equal for equal (address, port, protocol). */
  readonly key: number;
  readonly ip: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
}

export type SecureOutput =
  | { readonly type: 'transmit'; readonly to: Remote; readonly data: Uint8Array }
  | { readonly type: 'tuple'; readonly id: string; readonly remote: Remote }
  /** A tuple became known to, or unknown from, a transport; the owner keeps its address table by these. */
  | { readonly type: 'path-added' | 'path-removed'; readonly id: string; readonly remote: Remote }
  | { readonly type: 'ice'; readonly id: string; readonly state: 'connected' | 'completed' | 'disconnected' }
  | {
      readonly type: 'dtls';
      readonly id: string;
      readonly state: 'connecting' | 'connected' | 'failed' | 'closed';
      readonly reason?: string;
      /** With `connected`. */
      readonly remoteCert?: string;
      readonly keys?: ExportedKeys;
    }
  /** The transport died by itself (after its state output) and is forgotten. */
  | { readonly type: 'closed'; readonly id: string; readonly reason: string };

export interface ExportedKeys {
  readonly profile: 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80';
  readonly localKey: Uint8Array;
  readonly localSalt: Uint8Array;
  readonly remoteKey: Uint8Array;
  readonly remoteSalt: Uint8Array;
}

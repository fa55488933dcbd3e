import { createIceCredentials, type IceCandidate } from '@weir/ortc';
import type { TransportRecord } from '@weir/room';
import { dumpTransport, type TransportDump } from './dump.ts';
import { InvalidStateError } from './errors.ts';
import { children, detach, ownedBy, putRecord, recordOf } from './internal.ts';
import type { Peer } from './peer.ts';
import { random32 } from './random.ts';
import { RoomObject } from './room-object.ts';
import type { RoomRuntime } from './room-runtime.ts';
import type { AppData, TransportId, TransportTuple } from './types.ts';

export type IceState = 'new' | 'connected' | 'completed' | 'disconnected' | 'closed';
export type DtlsState = 'new' | 'connecting' | 'connected' | 'failed' | 'closed';
export type DtlsRole = 'auto' | 'client' | 'server';
export type FingerprintAlgorithm = 'sha-1' | 'sha-224' | 'sha-256' | 'sha-384' | 'sha-512';

export interface IceParameters {
  /** 16 characters of 0-9 a-z. */
  usernameFragment: string;
  /** 32 characters. */
  password: string;
}

/** Where the media goes between us and the endpoint. */
export type IceSelectedTuple = TransportTuple;

export interface DtlsLocalParameters {
  role: DtlsRole;
  /** Lowercase hex without colons. */
  fingerprints: Record<FingerprintAlgorithm, string>;
}

export interface RemoteDtlsParameters {
  /** Of the endpoint. Default `auto`. */
  role?: DtlsRole;
  fingerprint: { algorithm: FingerprintAlgorithm; value: string };
}

/** Options of `peer.createTransport()` (object-model.md §6.1). */
export interface TransportOptions {
  /** Offer UDP candidates. Default true. */
  udp?: boolean;
  /** Offer TCP candidates. Default true. */
  tcp?: boolean;
  /** Give candidates of this family a higher priority. Default false. */
  preferIPv4?: boolean;
  /** As `preferIPv4`. */
  preferIPv6?: boolean;
  /** As `preferIPv4`, for the protocol. */
  preferUdp?: boolean;
  /** As `preferUdp`. */
  preferTcp?: boolean;
  /** Bits per second that may be sent before anything was measured. Default 600000. */
  initialAvailableOutgoingBitrate?: number;
  appData?: AppData;
}

export interface TransportEvents {
  /** Closed by a call, or because ICE or DTLS ended. */
  close: [error?: Error];
  /** Media goes another way now; before the `icestatechange` of the same packet. */
  iceselectedtuplechange: [tuple: IceSelectedTuple];
  /** `connected` or `completed` by a check of the endpoint; `disconnected` by silence: then it closes. */
  icestatechange: [state: IceState];
  /** `failed` and `closed` are followed by the transport's `close`. */
  dtlsstatechange: [state: DtlsState];
  /** Plain transports only: the endpoint's RTP address became known. */
  tuple: [tuple: TransportTuple];
}

/** A connection between us and an endpoint: ICE-lite, DTLS, SRTP, RTCP multiplexed. */
export class Transport extends RoomObject<TransportId, TransportEvents> {
  readonly #peer: Peer;
  readonly #candidates: IceCandidate[];
  #record: TransportRecord;

  constructor(runtime: RoomRuntime, record: TransportRecord, peer: Peer, candidates: IceCandidate[]) {
    super(runtime, record.id, record.appData);
    this.#record = record;
    this.#peer = peer;
    this.#candidates = candidates;
  }

  /** We are ICE-lite. */
  get iceRole(): 'controlled' {
    return 'controlled';
  }

  /** What the endpoint must use. Replaced by `changeUfragPwd()`. */
  get iceLocalParameters(): IceParameters {
    return { ...this.#record.ice };
  }

  /** Where the endpoint reaches us. */
  get iceLocalCandidates(): IceCandidate[] {
    return this.#candidates.map((candidate) => ({ ...candidate }));
  }

  /** `closed` once the transport is. */
  get iceState(): IceState {
    return this.closed ? 'closed' : this.#record.iceState;
  }

  /** The pair of addresses in use; undefined until the endpoint's first check, and once closed. */
  get iceSelectedTuple(): IceSelectedTuple | undefined {
    return this.closed ? undefined : this.#record.iceSelectedTuple;
  }

  /** Our DTLS role (`auto` until `setRemoteDtlsParameters()` succeeded) and fingerprints. */
  get dtlsLocalParameters(): DtlsLocalParameters {
    return { role: this.#record.dtlsLocalRole, fingerprints: this.runtime.fingerprints() };
  }

  /** `closed` once the transport is. */
  get dtlsState(): DtlsState {
    return this.closed ? 'closed' : this.#record.dtlsState;
  }

  /** The endpoint's certificate, PEM; set just before DTLS is `connected`, and kept. */
  get dtlsRemoteCert(): string | undefined {
    return this.#record.dtlsRemoteCert;
  }

  /** Bits per second the endpoint may send, 0 = no limit. */
  get maxIncomingBitrate(): number {
    return this.#record.maxIncomingBitrate;
  }

  /** Bits per second we may send, 0 = no limit. */
  get maxOutgoingBitrate(): number {
    return this.#record.maxOutgoingBitrate;
  }

  /** Bits per second we assume to be possible whatever is measured, 0 = none. */
  get minOutgoingBitrate(): number {
    return this.#record.minOutgoingBitrate;
  }

  /** Ends the connection. Receivers and senders bound to it survive, unbound. */
  close(): void {
    this.runtime.close(this, { type: 'transport.close', transportId: this.id });
  }

  /**
   * Tells who the endpoint is. Our role becomes `server` if it is client, else `client`. Rejects with Error on
   * a wrong role, algorithm or fingerprint, and after it succeeded once.
   */
  setRemoteDtlsParameters(parameters: RemoteDtlsParameters): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'transport.connect', transportId: this.id, parameters });
      return this;
    });
  }

  /** v1's name of `setMaxIncomingBitrate()`. */
  setMaxBitrate(bitrate: number): Promise<this> {
    return this.setMaxIncomingBitrate(bitrate);
  }

  /**
   * Limits what the endpoint sends here. 0 removes the limit, 1 to 9999 mean 10000. Rejects with Error unless
   * it is a non-negative integer of bits per second.
   */
  setMaxIncomingBitrate(bitrate: number): Promise<this> {
    return this.#setBitrates({ maxIncomingBitrate: bitrate ?? null });
  }

  /** Limits what we send here; rules of `setMaxIncomingBitrate()`. */
  setMaxOutgoingBitrate(bitrate: number): Promise<this> {
    return this.#setBitrates({ maxOutgoingBitrate: bitrate ?? null });
  }

  /** What we may send whatever is measured; rules of `setMaxIncomingBitrate()`. */
  setMinOutgoingBitrate(bitrate: number): Promise<this> {
    return this.#setBitrates({ minOutgoingBitrate: bitrate ?? null });
  }

  /** New `iceLocalParameters` for an ICE restart. The old ones work until the endpoint used the new ones. */
  changeUfragPwd(): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({
        type: 'transport.restartIce',
        transportId: this.id,
        ice: createIceCredentials(random32),
      });
      return this;
    });
  }

  /** For debugging: internals, at the time of execution. */
  dump(): Promise<TransportDump> {
    return this.runtime.call(this, () => dumpTransport(this, this.runtime));
  }

  /** One entry: bytes, bitrates, states. */
  getStats(): Promise<Record<string, unknown>[]> {
    return this.runtime.call(this, async () => {
      const answer = await this.runtime.inspect('stats', { transports: [this.id] });
      const stats = answer.transports[this.id];
      return stats === undefined ? [] : [stats];
    });
  }

  /** Nothing given is refused as null is; the room takes a missing one for unchanged. */
  #setBitrates(bitrates: {
    maxIncomingBitrate?: unknown;
    maxOutgoingBitrate?: unknown;
    minOutgoingBitrate?: unknown;
  }): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({ type: 'transport.setBitrates', transportId: this.id, ...bitrates });
      return this;
    });
  }

  [putRecord](record: TransportRecord): void {
    this.#record = record;
  }

  [recordOf](): TransportRecord {
    return this.#record;
  }

  [detach](): void {
    this.#peer[children].transports.delete(this);
  }

  /** Whether it belongs to this peer. */
  [ownedBy](peer: Peer): boolean {
    return this.#peer === peer;
  }
}

/**
 * The checks of both `setTransport()` (§7.2). @throws TypeError, InvalidStateError or Error.
 */
export function checkTransport(transport: unknown, peer: Peer): asserts transport is Transport {
  if (!(transport instanceof Transport)) throw new TypeError('transport must be a Transport');
  if (transport.closed) throw new InvalidStateError('the transport is closed');
  if (!transport[ownedBy](peer)) throw new Error('Transport does not exist');
}

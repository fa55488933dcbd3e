import { isRtcp, readU32, rtpHeaderLength, rtpSequenceNumber, rtpSsrc } from '@weir/rtp';
import { PacketStatus, type SrtpKeys } from '../engine.ts';
import { createSrtpCipher } from './create-srtp-cipher.ts';
import { deriveSessionKeys } from './key-derivation.ts';
import { PacketIndex } from './packet-index.ts';
import type { SealBatch } from './seal-batch.ts';
import { type PacketMemory, type SrtpCipher, srtcpIndexMask } from './srtp-cipher.ts';

/**
 * SSRCs per association and protocol whose state is kept. Only authenticated packets make an entry; when a
 * peer uses more, the one that was silent longest is forgotten.
 */
const maxStreams = 1024;

/** State of the streams of one direction and protocol, by SSRC. */
class StreamTable {
  readonly #streams = new Map<number, PacketIndex>();
  #lastSsrc = -1;
  #last: PacketIndex | undefined;

  get(ssrc: number): PacketIndex | undefined {
    if (ssrc === this.#lastSsrc) return this.#last;
    // `| 0` makes the key a small integer: no allocation.
    const found = this.#streams.get(ssrc | 0);
    if (found !== undefined) {
      this.#lastSsrc = ssrc;
      this.#last = found;
    }
    return found;
  }

  add(ssrc: number, index: PacketIndex): void {
    if (this.#streams.size >= maxStreams) {
      const oldest = this.#oldest();
      this.#streams.delete(oldest);
      if (this.#lastSsrc === oldest >>> 0) this.#lastSsrc = -1;
    }
    this.#streams.set(ssrc | 0, index);
  }

  get size(): number {
    return this.#streams.size;
  }

  #oldest(): number {
    let oldest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const [ssrc, index] of this.#streams) {
      if (index.lastUse < least) {
        least = index.lastUse;
        oldest = ssrc;
      }
    }
    return oldest;
  }
}

/** Both directions of one SRTP association. */
export class SrtpSession {
  readonly #outgoing: SrtpCipher;
  readonly #incoming: SrtpCipher;
  readonly #rtp = new StreamTable();
  readonly #rtcp = new StreamTable();
  /** One counter for all our SSRCs: pairs of SSRC and index stay unique, which is all the cipher needs. */
  #rtcpIndex = 0;
  /** Accepted packets; a clock for "silent longest". */
  #uses = 0;
  /** Serves lookups of SSRCs without state; never accepted into. */
  readonly #fresh = new PacketIndex();
  /** Plain length after the last call that answered `ok`. */
  plainLength = 0;

  /** Throws RangeError when a key or salt has the wrong length. */
  constructor(keys: SrtpKeys) {
    this.#outgoing = createSrtpCipher(deriveSessionKeys(keys.profile, keys.localKey, keys.localSalt));
    this.#incoming = createSrtpCipher(deriveSessionKeys(keys.profile, keys.remoteKey, keys.remoteSalt));
  }

  get rtpOverhead(): number {
    return this.#outgoing.rtpOverhead;
  }

  get rtcpOverhead(): number {
    return this.#outgoing.rtcpOverhead;
  }

  /** SSRCs whose state is kept, RTP and RTCP. */
  get streamCount(): number {
    return this.#rtp.size + this.#rtcp.size;
  }

  /** Seals packets whose rollover counters the caller knows. */
  protectRtp(batch: SealBatch): void {
    this.#outgoing.protectRtp(batch);
  }

  /** Seals a compound; answers the new length, or -1 when the index is used up (2^31 packets). */
  protectRtcp(memory: PacketMemory, offset: number, length: number): number {
    if (this.#rtcpIndex > srtcpIndexMask) return -1;
    return this.#outgoing.protectRtcp(memory, offset, length, this.#rtcpIndex++);
  }

  /**
   * Opens an RTP packet in place and answers a PacketStatus; on `ok` the length is in `plainLength`.
   * Rollover counter and replay window move only after authentication (RFC 3711 §3.3).
   */
  unprotectRtp(memory: PacketMemory, offset: number, length: number): PacketStatus {
    const { bytes } = memory;
    const headerLength = rtpHeaderLength(bytes, offset, length);
    if (headerLength < 0) return PacketStatus.malformed;
    const ssrc = rtpSsrc(bytes, offset);
    const seq = rtpSequenceNumber(bytes, offset);
    const known = this.#rtp.get(ssrc);
    const state = known ?? this.#fresh;
    const index = state.estimate(seq);
    if (index < 0 || state.isReplay(index)) return PacketStatus.replayed;
    const rolloverCounter = Math.floor(index / 65_536);
    if (rolloverCounter > 0xffff_ffff) return PacketStatus.authenticationFailed;
    const plain = this.#incoming.unprotectRtp(
      memory,
      offset,
      headerLength,
      length,
      ssrc,
      seq,
      rolloverCounter,
    );
    if (plain < 0) return PacketStatus.authenticationFailed;
    this.#accept(this.#rtp, known, ssrc, index);
    this.plainLength = plain;
    return PacketStatus.ok;
  }

  /** As unprotectRtp(), for SRTCP. */
  unprotectRtcp(memory: PacketMemory, offset: number, length: number): PacketStatus {
    const { bytes } = memory;
    if (length < 8 || !isRtcp(bytes, offset, length)) return PacketStatus.malformed;
    const index = this.#incoming.rtcpIndex(bytes, offset, length);
    if (index < 0) return PacketStatus.malformed;
    const ssrc = readU32(bytes, offset + 4);
    const known = this.#rtcp.get(ssrc);
    if (known?.isReplay(index) === true) return PacketStatus.replayed;
    const plain = this.#incoming.unprotectRtcp(memory, offset, length);
    if (plain < 0) return PacketStatus.authenticationFailed;
    this.#accept(this.#rtcp, known, ssrc, index);
    this.plainLength = plain;
    return PacketStatus.ok;
  }

  #accept(table: StreamTable, known: PacketIndex | undefined, ssrc: number, index: number): void {
    let state = known;
    if (state === undefined) {
      state = new PacketIndex();
      table.add(ssrc, state);
    }
    state.accept(index);
    state.lastUse = ++this.#uses;
  }
}

import { buildRtcp, buildRtpPacket, rtpHeaderLength } from '@weir/rtp';
import type { DatagramBatch, PacketEngine, SrtpKeys, SrtpProfile, WorkList } from '../../src/engine.ts';
import { srtpLengths } from '../../src/srtp/key-derivation.ts';
import { addToBatch, createSealBatch } from '../../src/srtp/seal-batch.ts';
import { sealingRoom } from '../../src/srtp/seal-memory.ts';
import { SrtpSession } from '../../src/srtp/srtp-session.ts';

export const profiles: readonly SrtpProfile[] = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'];

/** Keys that differ for different seeds, as the engine and as its peer hold them. */
export function keysFor(profile: SrtpProfile, seed: number): { engine: SrtpKeys; peer: SrtpKeys } {
  const { key, salt } = srtpLengths[profile];
  const bytes = (length: number, add: number) =>
    Uint8Array.from({ length }, (_, i) => seed * 31 + add + i * 7);
  const [aKey, aSalt, bKey, bSalt] = [bytes(key, 1), bytes(salt, 2), bytes(key, 3), bytes(salt, 4)];
  return {
    engine: { profile, localKey: aKey, localSalt: aSalt, remoteKey: bKey, remoteSalt: bSalt },
    peer: { profile, localKey: bKey, localSalt: bSalt, remoteKey: aKey, remoteSalt: aSalt },
  };
}

/** Peers take turns with it. */
const batch = createSealBatch(65_536 + sealingRoom, 1);

/** The peer's end of an association. */
export class PeerSession {
  readonly #session: SrtpSession;
  readonly #memory = batch.memory;

  constructor(keys: SrtpKeys) {
    this.#session = new SrtpSession(keys);
  }

  /** Seals a plain RTP packet. */
  sealRtp(packet: Uint8Array, rolloverCounter = 0): Uint8Array {
    const { bytes } = this.#memory;
    bytes.set(packet);
    const header = rtpHeaderLength(bytes, 0, packet.length);
    const ssrc = bytes.readUInt32BE(8);
    const seq = bytes.readUInt16BE(2);
    batch.count = 0;
    addToBatch(batch, 0, header, packet.length, ssrc, seq, rolloverCounter);
    this.#session.protectRtp(batch);
    return this.#copy(batch.length[0]!);
  }

  sealRtcp(packet: Uint8Array): Uint8Array {
    this.#memory.bytes.set(packet);
    return this.#copy(this.#session.protectRtcp(this.#memory, 0, packet.length));
  }

  /** The plain packet; throws when it is not genuine. */
  openRtp(sealed: Uint8Array): Uint8Array {
    this.#memory.bytes.set(sealed);
    const status = this.#session.unprotectRtp(this.#memory, 0, sealed.length);
    if (status !== 1) throw new Error(`RTP packet was not accepted: status ${status}`);
    return this.#copy(this.#session.plainLength);
  }

  openRtcp(sealed: Uint8Array): Uint8Array {
    this.#memory.bytes.set(sealed);
    const status = this.#session.unprotectRtcp(this.#memory, 0, sealed.length);
    if (status !== 1) throw new Error(`RTCP packet was not accepted: status ${status}`);
    return this.#copy(this.#session.plainLength);
  }

  #copy(length: number): Uint8Array {
    return new Uint8Array(this.#memory.bytes.subarray(0, length));
  }
}

export function rtp(seq: number, size = 100, ssrc = 0x11223344): Uint8Array {
  return buildRtpPacket({
    payloadType: 96,
    sequenceNumber: seq,
    timestamp: seq * 3000,
    ssrc,
    marker: seq % 2 === 0,
    extensions: [{ id: 3, data: Uint8Array.of(seq, 1) }],
    payload: Uint8Array.from({ length: size }, (_, i) => seq + i),
  });
}

export function receiverReport(ssrc: number): Uint8Array {
  return buildRtcp([
    { type: 'rr', ssrc, reports: [] },
    { type: 'pli', senderSsrc: ssrc, mediaSsrc: 5 },
  ]);
}

/** One received datagram as a test likes to see it. */
export interface Seen {
  readonly serial: number;
  readonly kind: number;
  readonly remote: number;
  readonly ip: string;
  readonly port: number;
  readonly status: number;
  readonly bytes: Uint8Array;
}

/** Copies what batches bring, after `before` has chosen sessions and unprotect() has run. */
export function record(engine: PacketEngine, before?: (batch: DatagramBatch, i: number) => number): Seen[] {
  const seen: Seen[] = [];
  engine.onBatch = (batch) => {
    if (batch.count < 1 || batch.count > batch.capacity) throw new Error(`batch of ${batch.count}`);
    for (let i = 0; i < batch.count; i++) batch.session[i] = before?.(batch, i) ?? -1;
    engine.unprotect(batch);
    for (let i = 0; i < batch.count; i++) {
      const serial = batch.serial[i]!;
      const at = (serial % engine.slotCount) * engine.slotSize;
      const { ip, port } = batch.remoteOf(i);
      seen.push({
        serial,
        kind: batch.kind[i]!,
        remote: batch.remote[i]!,
        ip,
        port,
        status: batch.status[i]!,
        bytes: new Uint8Array(engine.arena.subarray(at, at + batch.length[i]!)),
      });
    }
  };
  return seen;
}

/** One packet to send, in words. */
export interface WorkItem {
  readonly prefix: Uint8Array;
  readonly bodySerial: number;
  readonly bodyOffset: number;
  readonly bodyLength: number;
  readonly ssrc: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly markerAndPayloadType: number;
  readonly rolloverCounter: number;
  readonly session: number;
  readonly path: number;
  readonly transportSequenceOffset?: number;
  readonly transportSequence?: number;
  readonly absSendTimeOffset?: number;
  readonly absSendTime?: number;
}

export function addWork(work: WorkList, item: WorkItem): void {
  const i = work.count++;
  work.prefixOffset[i] = work.prefixesUsed;
  work.prefixLength[i] = item.prefix.length;
  work.prefixes.set(item.prefix, work.prefixesUsed);
  work.prefixesUsed += item.prefix.length;
  work.bodySerial[i] = item.bodySerial;
  work.bodyOffset[i] = item.bodyOffset;
  work.bodyLength[i] = item.bodyLength;
  work.ssrc[i] = item.ssrc;
  work.sequenceNumber[i] = item.sequenceNumber;
  work.timestamp[i] = item.timestamp;
  work.markerAndPayloadType[i] = item.markerAndPayloadType;
  work.rolloverCounter[i] = item.rolloverCounter;
  work.session[i] = item.session;
  work.path[i] = item.path;
  work.transportSequenceOffset[i] = item.transportSequenceOffset ?? 0;
  work.transportSequence[i] = item.transportSequence ?? 0;
  work.absSendTimeOffset[i] = item.absSendTimeOffset ?? 0;
  work.absSendTime[i] = item.absSendTime ?? 0;
}

/** The plain packet that an item means, put together independently of any engine. */
export function composed(item: WorkItem, body: Uint8Array): Uint8Array {
  const packet = Buffer.concat([
    item.prefix,
    body.subarray(item.bodyOffset, item.bodyOffset + item.bodyLength),
  ]);
  packet[1] = item.markerAndPayloadType;
  packet.writeUInt16BE(item.sequenceNumber, 2);
  packet.writeUInt32BE(item.timestamp, 4);
  packet.writeUInt32BE(item.ssrc, 8);
  if (item.transportSequenceOffset)
    packet.writeUInt16BE(item.transportSequence ?? 0, item.transportSequenceOffset);
  if (item.absSendTimeOffset) packet.writeUIntBE(item.absSendTime ?? 0, item.absSendTimeOffset, 3);
  return new Uint8Array(packet);
}

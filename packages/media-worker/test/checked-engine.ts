import { hash } from 'node:crypto';
import type {
  DatagramBatch,
  EngineCounters,
  PacketEngine,
  PathHandle,
  RemoteAddress,
  SessionHandle,
  SrtpKeys,
  WorkList,
} from '@weir/forwarding';

/** What one stream sealed under one set of keys. */
interface Sealed {
  readonly packets: Map<number, string>;
  highest: number;
}

/**
 * The engine under test, watched: throws when an index (rollover counter and sequence number) of an SSRC is sealed
 * twice under the same keys for packets that differ in any byte, which would give the key away, or when the rollover
 * counter is not the one that a receiver guesses (RFC 3711 §3.3.1).
 */
export class CheckedEngine implements PacketEngine {
  readonly #engine: PacketEngine;
  /** By session handle; a handle that is reused begins anew. */
  readonly #sealed = new Map<SessionHandle, Map<number, Sealed>>();
  /** Packets that were checked, and of them those that repeated one byte by byte. */
  checked = 0;
  repeated = 0;

  constructor(engine: PacketEngine) {
    this.#engine = engine;
  }

  get name(): PacketEngine['name'] {
    return this.#engine.name;
  }
  get arena(): Uint8Array {
    return this.#engine.arena;
  }
  get slotSize(): number {
    return this.#engine.slotSize;
  }
  get slotCount(): number {
    return this.#engine.slotCount;
  }
  get nextSerial(): number {
    return this.#engine.nextSerial;
  }
  get counters(): EngineCounters {
    return this.#engine.counters;
  }
  get onBatch(): ((batch: DatagramBatch) => void) | undefined {
    return this.#engine.onBatch;
  }
  set onBatch(handler: ((batch: DatagramBatch) => void) | undefined) {
    this.#engine.onBatch = handler;
  }

  openPath(remote: RemoteAddress): PathHandle {
    return this.#engine.openPath(remote);
  }
  closePath(path: PathHandle): void {
    this.#engine.closePath(path);
  }
  openSession(keys: SrtpKeys): SessionHandle {
    const session = this.#engine.openSession(keys);
    this.#sealed.set(session, new Map());
    return session;
  }
  closeSession(session: SessionHandle): void {
    this.#sealed.delete(session);
    this.#engine.closeSession(session);
  }
  unprotect(batch: DatagramBatch): void {
    this.#engine.unprotect(batch);
  }
  send(work: WorkList): void {
    for (let i = 0; i < work.count; i++) this.#check(work, i);
    this.#engine.send(work);
  }
  sendRtcp(session: SessionHandle, path: PathHandle, packet: Uint8Array): void {
    this.#engine.sendRtcp(session, path, packet);
  }
  sendRaw(path: PathHandle, datagram: Uint8Array): void {
    this.#engine.sendRaw(path, datagram);
  }
  close(): void {
    this.#engine.close();
  }

  #check(work: WorkList, i: number): void {
    const streams = this.#sealed.get(work.session[i]!);
    if (streams === undefined) return;
    const ssrc = work.ssrc[i]!;
    let stream = streams.get(ssrc);
    if (stream === undefined) {
      stream = { packets: new Map(), highest: -1 };
      streams.set(ssrc, stream);
    }
    const sequenceNumber = work.sequenceNumber[i]!;
    const index = work.rolloverCounter[i]! * 65_536 + sequenceNumber;
    const which = `session ${work.session[i]}, SSRC ${ssrc}, index ${index}`;
    // A receiver that has seen nothing takes the counter for 0.
    if (stream.highest < 0 ? index >= 65_536 : Math.abs(index - stream.highest) >= 32_768) {
      throw new Error(`${which}: after ${stream.highest} no receiver knows the rollover counter`);
    }
    stream.highest = Math.max(stream.highest, index);
    const digest = hash('sha1', this.#plain(work, i), 'base64');
    const before = stream.packets.get(index);
    if (before !== undefined && before !== digest) throw new Error(`${which}: sealed again, and differs`);
    if (before !== undefined) this.repeated++;
    this.checked++;
    stream.packets.set(index, digest);
  }

  /** The packet as it is sealed. */
  #plain(work: WorkList, i: number): Uint8Array {
    const at = work.prefixOffset[i]!;
    const length = work.prefixLength[i]!;
    const packet = new Uint8Array(length + work.bodyLength[i]!);
    packet.set(work.prefixes.subarray(at, at + length));
    const slot = (work.bodySerial[i]! % this.slotCount) * this.slotSize + work.bodyOffset[i]!;
    packet.set(this.arena.subarray(slot, slot + work.bodyLength[i]!), length);
    const view = new DataView(packet.buffer);
    view.setUint8(1, work.markerAndPayloadType[i]!);
    view.setUint16(2, work.sequenceNumber[i]!);
    view.setUint32(4, work.timestamp[i]!);
    view.setUint32(8, work.ssrc[i]!);
    const transportSequence = work.transportSequenceOffset[i]!;
    if (transportSequence > 0) view.setUint16(transportSequence, work.transportSequence[i]!);
    const absSendTime = work.absSendTimeOffset[i]!;
    if (absSendTime > 0) {
      view.setUint8(absSendTime, work.absSendTime[i]! >>> 16);
      view.setUint16(absSendTime + 1, work.absSendTime[i]! & 0xffff);
    }
    return packet;
  }
}

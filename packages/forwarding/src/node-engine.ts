import { rtpHeaderLength, writeU16, writeU24, writeU32 } from '@weir/rtp';
import { createDatagramBatch } from './datagram-batch.ts';
import type { DatagramPort } from './datagram-port.ts';
import {
  type DatagramBatch,
  type EngineCounters,
  type PacketEngine,
  PacketKind,
  PacketStatus,
  type PathHandle,
  type RemoteAddress,
  type SessionHandle,
  type SrtpKeys,
  type WorkList,
} from './engine.ts';
import { HandleTable } from './handle-table.ts';
import { packetKind } from './packet-kind.ts';
import { RemoteTable } from './remote-table.ts';
import { maxSrtpOverhead, type PacketMemory, packetMemory, viewOf } from './srtp/srtp-cipher.ts';
import { SrtpSession } from './srtp/srtp-session.ts';
import { clearWorkList } from './work-list.ts';

export interface NodeEngineOptions {
  /** Not yet bound by others: the engine sets its callbacks and closes it. */
  readonly udp: DatagramPort;
  /** ICE-TCP, framed already (RFC 4571). */
  readonly tcp?: DatagramPort;
  /** Bytes per slot, a multiple of 4, at most 65532; longer datagrams are dropped. Default 2048. */
  readonly slotSize?: number;
  /** Slots of the arena. Default 16384: 32 MiB, which at 60,000 packets/s is a memory of 270 ms. */
  readonly slotCount?: number;
  /** Datagrams per batch; when more are ready, a batch is handed out at once. Default 256. */
  readonly batchCapacity?: number;
}

/** Longest datagram that can be composed. */
const scratchSize = 65_536;

interface Path {
  readonly port: DatagramPort;
  readonly ip: string;
  readonly portNumber: number;
  readonly remote: number;
}

/** The engine that works everywhere: sockets of Node and ciphers of node:crypto. */
export class NodeEngine implements PacketEngine {
  readonly name = 'node';
  readonly arena: Uint8Array;
  readonly slotSize: number;
  readonly slotCount: number;
  nextSerial = 0;
  onBatch: ((batch: DatagramBatch) => void) | undefined;
  readonly counters: EngineCounters = {
    receivedPackets: 0,
    receivedBytes: 0,
    sentPackets: 0,
    sentBytes: 0,
    authenticationFailures: 0,
    replays: 0,
    sendErrors: 0,
    oversized: 0,
  };

  readonly #udp: DatagramPort;
  readonly #tcp: DatagramPort | undefined;
  readonly #memory: PacketMemory;
  readonly #scratch: PacketMemory = packetMemory(new Uint8Array(scratchSize));
  readonly #batch: DatagramBatch;
  readonly #remotes = new RemoteTable();
  readonly #paths = new HandleTable<Path>();
  readonly #sessions = new HandleTable<SrtpSession>();
  #closed = false;

  /** Throws RangeError for impossible sizes. */
  constructor(options: NodeEngineOptions) {
    this.slotSize = options.slotSize ?? 2048;
    this.slotCount = options.slotCount ?? 16_384;
    if (this.slotSize % 4 !== 0 || this.slotSize < 64 || this.slotSize > 65_532) {
      throw new RangeError('slotSize: a multiple of 4 from 64 to 65532');
    }
    if (!Number.isInteger(this.slotCount) || this.slotCount < 2) {
      throw new RangeError('slotCount: at least 2');
    }
    const capacity = Math.min(options.batchCapacity ?? 256, this.slotCount);
    this.arena = new Uint8Array(this.slotSize * this.slotCount);
    this.#memory = packetMemory(this.arena);
    this.#batch = createDatagramBatch(capacity, (remote) => this.#remotes.remote(remote));
    this.#udp = options.udp;
    this.#tcp = options.tcp;
    this.#listen(options.udp, 'udp');
    if (options.tcp !== undefined) this.#listen(options.tcp, 'tcp');
  }

  openPath(remote: RemoteAddress): PathHandle {
    const port = remote.protocol === 'tcp' ? this.#tcp : this.#udp;
    if (port === undefined) throw new RangeError('remote: this engine has no TCP port');
    const number = this.#remotes.hold(remote);
    return this.#paths.add({ port, ip: remote.ip, portNumber: remote.port, remote: number });
  }

  closePath(path: PathHandle): void {
    const closed = this.#paths.remove(path);
    if (closed !== undefined) this.#remotes.release(closed.remote);
  }

  openSession(keys: SrtpKeys): SessionHandle {
    return this.#sessions.add(new SrtpSession(keys));
  }

  closeSession(session: SessionHandle): void {
    this.#sessions.remove(session);
  }

  unprotect(batch: DatagramBatch): void {
    const { slotSize, slotCount, counters } = this;
    for (let i = 0; i < batch.count; i++) {
      batch.status[i] = PacketStatus.none;
      const handle = batch.session[i]!;
      const kind = batch.kind[i]!;
      if (handle < 0 || (kind !== PacketKind.rtp && kind !== PacketKind.rtcp)) continue;
      const session = this.#sessions.get(handle);
      if (session === undefined) continue;
      const offset = (batch.serial[i]! % slotCount) * slotSize;
      const length = batch.length[i]!;
      const status =
        kind === PacketKind.rtp
          ? session.unprotectRtp(this.#memory, offset, length)
          : session.unprotectRtcp(this.#memory, offset, length);
      batch.status[i] = status;
      if (status === PacketStatus.ok) batch.length[i] = session.plainLength;
      else if (status === PacketStatus.authenticationFailed) counters.authenticationFailures++;
      else if (status === PacketStatus.replayed) counters.replays++;
    }
  }

  send(work: WorkList): void {
    const { bytes } = this.#scratch;
    for (let i = 0; i < work.count; i++) {
      const path = this.#paths.get(work.path[i]!);
      const length = this.#compose(work, i);
      if (path === undefined || length < 0) {
        this.counters.sendErrors++;
        continue;
      }
      let sealed = length;
      if (work.session[i]! >= 0) {
        const session = this.#sessions.get(work.session[i]!);
        const headerLength = rtpHeaderLength(bytes, 0, length);
        if (session === undefined || headerLength < 0) {
          this.counters.sendErrors++;
          continue;
        }
        sealed = session.protectRtp(
          this.#scratch,
          0,
          headerLength,
          length,
          work.ssrc[i]!,
          work.sequenceNumber[i]!,
          work.rolloverCounter[i]!,
        );
      }
      this.#transmit(path, bytes, sealed);
    }
    clearWorkList(work);
  }

  sendRtcp(session: SessionHandle, path: PathHandle, packet: Uint8Array): void {
    const to = this.#paths.get(path);
    const keys = this.#sessions.get(session);
    if (to === undefined || keys === undefined || packet.length < 8) {
      this.counters.sendErrors++;
      return;
    }
    if (packet.length + maxSrtpOverhead > scratchSize) {
      this.counters.sendErrors++;
      return;
    }
    const { bytes } = this.#scratch;
    bytes.set(packet);
    const sealed = keys.protectRtcp(this.#scratch, 0, packet.length);
    if (sealed < 0) this.counters.sendErrors++;
    else this.#transmit(to, bytes, sealed);
  }

  sendRaw(path: PathHandle, datagram: Uint8Array): void {
    const to = this.#paths.get(path);
    if (to === undefined) {
      this.counters.sendErrors++;
      return;
    }
    this.counters.sentPackets++;
    this.counters.sentBytes += datagram.length;
    to.port.send(datagram, to.ip, to.portNumber);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const port of [this.#udp, this.#tcp]) {
      if (port === undefined) continue;
      port.onMessage = undefined;
      port.onDrained = undefined;
      port.onError = undefined;
      port.close();
    }
  }

  /** Puts packet `i` together in the scratch memory; its length, or -1 when the item makes no sense. */
  #compose(work: WorkList, i: number): number {
    const { bytes } = this.#scratch;
    const prefix = work.prefixOffset[i]!;
    const prefixLength = work.prefixLength[i]!;
    const bodyLength = work.bodyLength[i]!;
    const bodyOffset = work.bodyOffset[i]!;
    if (prefixLength < 12 || prefix + prefixLength > work.prefixes.length) return -1;
    if (prefixLength + bodyLength + maxSrtpOverhead > scratchSize) return -1;
    copy(bytes, 0, work.prefixes, prefix, prefixLength);
    if (bodyLength > 0) {
      const serial = work.bodySerial[i]!;
      // A body whose slot was taken again would be somebody else's packet.
      if (serial >= this.nextSerial || this.nextSerial - serial > this.slotCount) return -1;
      if (bodyOffset + bodyLength > this.slotSize) return -1;
      const from = (serial % this.slotCount) * this.slotSize + bodyOffset;
      this.#memory.bytes.copy(bytes, prefixLength, from, from + bodyLength);
    }
    bytes[1] = work.markerAndPayloadType[i]!;
    writeU16(bytes, 2, work.sequenceNumber[i]!);
    writeU32(bytes, 4, work.timestamp[i]!);
    writeU32(bytes, 8, work.ssrc[i]!);
    const transportSequence = work.transportSequenceOffset[i]!;
    if (transportSequence > 0 && transportSequence + 2 <= prefixLength) {
      writeU16(bytes, transportSequence, work.transportSequence[i]!);
    }
    const absSendTime = work.absSendTimeOffset[i]!;
    if (absSendTime > 0 && absSendTime + 3 <= prefixLength) {
      writeU24(bytes, absSendTime, work.absSendTime[i]!);
    }
    return prefixLength + bodyLength;
  }

  #transmit(path: Path, bytes: Buffer, length: number): void {
    this.counters.sentPackets++;
    this.counters.sentBytes += length;
    path.port.send(viewOf(bytes, 0, length), path.ip, path.portNumber);
  }

  #listen(port: DatagramPort, protocol: 'udp' | 'tcp'): void {
    port.onMessage = (data, ip, portNumber) => this.#receive(data, ip, portNumber, protocol);
    port.onDrained = () => this.#flush();
    port.onError = () => {
      this.counters.sendErrors++;
    };
  }

  #receive(data: Uint8Array, ip: string, port: number, protocol: 'udp' | 'tcp'): void {
    const batch = this.#batch;
    const { counters } = this;
    counters.receivedPackets++;
    counters.receivedBytes += data.length;
    if (data.length > this.slotSize) {
      counters.oversized++;
      return;
    }
    const serial = this.nextSerial++;
    const offset = (serial % this.slotCount) * this.slotSize;
    this.arena.set(data, offset);
    const i = batch.count++;
    batch.serial[i] = serial;
    batch.length[i] = data.length;
    batch.kind[i] = packetKind(this.arena, offset, data.length);
    batch.remote[i] = this.#remotes.number(ip, port, protocol);
    batch.session[i] = -1;
    batch.status[i] = PacketStatus.none;
    if (batch.count === batch.capacity) this.#flush();
  }

  #flush(): void {
    if (this.#batch.count === 0) return;
    try {
      this.onBatch?.(this.#batch);
    } finally {
      this.#batch.count = 0;
    }
  }
}

/** Prefixes are short: below this a loop is faster than a copy call. */
function copy(to: Buffer, at: number, from: Uint8Array, offset: number, length: number): void {
  for (let i = 0; i < length; i++) to[at + i] = from[offset + i]!;
}

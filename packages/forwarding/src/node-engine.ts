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
import { addToBatch, createSealBatch } from './srtp/seal-batch.ts';
import { sealingRoom } from './srtp/seal-memory.ts';
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
const maxDatagram = 65_536;
/** Packets of one key that are sealed together: a frame or two, which the processor's caches hold. */
const stagingSize = 2 * maxDatagram;
const stagedAtMost = 64;

interface Path {
  readonly port: DatagramPort;
  readonly ip: string;
  readonly portNumber: number;
  readonly remote: number;
  /** Items of the list at hand; valid when `round` is the engine's. */
  round: number;
  firstItem: number;
  lastItem: number;
}

/** The engine that works everywhere: sockets of Node, and ciphers of node:crypto for many packets at a time. */
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
  /** Packets that wait to be sealed, all of one path and session. */
  readonly #staged = createSealBatch(stagingSize, stagedAtMost);
  readonly #staging: PacketMemory = this.#staged.memory;
  /** What was last sent of the staging memory, by place in a batch: most often the next receiver's packet is as long. */
  readonly #views: Uint8Array[] = [];
  #stagedBytes = 0;
  #stagedSession = -1;
  readonly #grouped: (Path | undefined)[] = [];
  #nextItem = new Int32Array(0);
  #round = 0;
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
    return this.#paths.add({
      port,
      ip: remote.ip,
      portNumber: remote.port,
      remote: number,
      round: 0,
      firstItem: 0,
      lastItem: 0,
    });
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
    const paths = this.#group(work);
    for (let k = 0; k < paths; k++) {
      const path = this.#grouped[k]!;
      this.#grouped[k] = undefined;
      for (let i = path.firstItem; i >= 0; i = this.#nextItem[i]!) this.#stage(work, i, path);
      this.#sendStaged(path);
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
    if (packet.length + maxSrtpOverhead > maxDatagram) {
      this.counters.sendErrors++;
      return;
    }
    // Between lists the staging memory is free.
    this.#staging.bytes.set(packet);
    const sealed = keys.protectRtcp(this.#staging, 0, packet.length);
    if (sealed < 0) this.counters.sendErrors++;
    else this.#transmit(to, viewOf(this.#staging.bytes, 0, sealed));
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

  /**
   * Links the items of each path in their order, so that those of one key are sealed together; answers how many paths
   * are in `#grouped`.
   */
  #group(work: WorkList): number {
    if (this.#nextItem.length < work.count) this.#nextItem = new Int32Array(work.capacity);
    const next = this.#nextItem;
    const round = ++this.#round;
    let paths = 0;
    for (let i = 0; i < work.count; i++) {
      const path = this.#paths.get(work.path[i]!);
      if (path === undefined) {
        this.counters.sendErrors++;
        continue;
      }
      if (path.round === round) next[path.lastItem] = i;
      else {
        path.round = round;
        path.firstItem = i;
        this.#grouped[paths++] = path;
      }
      path.lastItem = i;
      next[i] = -1;
    }
    return paths;
  }

  /** Puts packet `i` together behind those that wait to be sealed and sent on this path. */
  #stage(work: WorkList, i: number, path: Path): void {
    const batch = this.#staged;
    const session = work.session[i]!;
    const room = work.prefixLength[i]! + work.bodyLength[i]! + sealingRoom;
    if (
      session !== this.#stagedSession ||
      batch.count === batch.capacity ||
      this.#stagedBytes + room > stagingSize
    ) {
      this.#sendStaged(path);
      this.#stagedSession = session;
    }
    const at = this.#stagedBytes;
    const length = this.#compose(work, i, at);
    const headerLength = length < 0 || session < 0 ? 0 : rtpHeaderLength(this.#staging.bytes, at, length);
    if (length < 0 || headerLength < 0) {
      this.counters.sendErrors++;
      return;
    }
    addToBatch(
      batch,
      at,
      headerLength,
      length,
      work.ssrc[i]!,
      work.sequenceNumber[i]!,
      work.rolloverCounter[i]!,
    );
    // The next one begins at a multiple of four.
    this.#stagedBytes = at + ((room + 3) & -4);
  }

  #sendStaged(path: Path): void {
    const batch = this.#staged;
    const { count } = batch;
    if (count === 0) return;
    const session = this.#stagedSession < 0 ? undefined : this.#sessions.get(this.#stagedSession);
    if (this.#stagedSession >= 0 && session === undefined) {
      this.counters.sendErrors += count;
    } else {
      session?.protectRtp(batch);
      for (let i = 0; i < count; i++) this.#transmit(path, this.#stagedView(i));
    }
    batch.count = 0;
    this.#stagedBytes = 0;
  }

  /** Puts packet `i` together at `at` of the staging memory; its length, or -1 when the item makes no sense. */
  #compose(work: WorkList, i: number, at: number): number {
    const { bytes } = this.#staging;
    const prefix = work.prefixOffset[i]!;
    const prefixLength = work.prefixLength[i]!;
    const bodyLength = work.bodyLength[i]!;
    const bodyOffset = work.bodyOffset[i]!;
    if (prefixLength < 12 || prefix + prefixLength > work.prefixes.length) return -1;
    if (prefixLength + bodyLength + maxSrtpOverhead > maxDatagram) return -1;
    copy(bytes, at, work.prefixes, prefix, prefixLength);
    if (bodyLength > 0) {
      const serial = work.bodySerial[i]!;
      // A body whose slot was taken again would be somebody else's packet.
      if (serial >= this.nextSerial || this.nextSerial - serial > this.slotCount) return -1;
      if (bodyOffset + bodyLength > this.slotSize) return -1;
      const from = (serial % this.slotCount) * this.slotSize + bodyOffset;
      bytes.set(viewOf(this.arena, from, from + bodyLength), at + prefixLength);
    }
    bytes[at + 1] = work.markerAndPayloadType[i]!;
    writeU16(bytes, at + 2, work.sequenceNumber[i]!);
    writeU32(bytes, at + 4, work.timestamp[i]!);
    writeU32(bytes, at + 8, work.ssrc[i]!);
    const transportSequence = work.transportSequenceOffset[i]!;
    if (transportSequence > 0 && transportSequence + 2 <= prefixLength) {
      writeU16(bytes, at + transportSequence, work.transportSequence[i]!);
    }
    const absSendTime = work.absSendTimeOffset[i]!;
    if (absSendTime > 0 && absSendTime + 3 <= prefixLength) {
      writeU24(bytes, at + absSendTime, work.absSendTime[i]!);
    }
    return prefixLength + bodyLength;
  }

  /** Packet `i` of the batch. To make a view costs more than to look whether the last one fits. */
  #stagedView(i: number): Uint8Array {
    const { bytes } = this.#staging;
    const from = this.#staged.offset[i]!;
    const length = this.#staged.length[i]!;
    const last = this.#views[i];
    if (last?.length === length && last.byteOffset === bytes.byteOffset + from) return last;
    const view = viewOf(bytes, from, from + length);
    this.#views[i] = view;
    return view;
  }

  #transmit(path: Path, sealed: Uint8Array): void {
    this.counters.sentPackets++;
    this.counters.sentBytes += sealed.length;
    path.port.send(sealed, path.ip, path.portNumber);
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

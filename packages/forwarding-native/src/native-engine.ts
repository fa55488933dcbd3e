import {
  clearWorkList,
  createDatagramBatch,
  type DatagramBatch,
  type DatagramPort,
  deriveSessionKeys,
  type EngineCounters,
  HandleTable,
  type PacketEngine,
  PacketStatus,
  type PathHandle,
  packetKind,
  type RemoteAddress,
  RemoteTable,
  type SessionHandle,
  type SrtpKeys,
  type SrtpSessionKeys,
  type WorkList,
} from '@weir/forwarding';
import { type Addon, type AddonHandle, loadAddon, State } from './addon.ts';

export interface NativeEngineOptions {
  /** Address literal to bind; `::` takes IPv4 too. */
  readonly ip: string;
  /** 0 (default) lets the kernel choose. */
  readonly port?: number;
  /** Wanted kernel buffers; the kernel may grant less. Default 4 MiB each. */
  readonly recvBufferBytes?: number;
  readonly sendBufferBytes?: number;
  /** ICE-TCP, framed already; its datagrams take the way through JavaScript. */
  readonly tcp?: DatagramPort;
  /**
   * Microseconds to wait, once something is there to read, for more to work off with it: from 0 (default) to
   * 1000. The thread sleeps meanwhile.
   */
  readonly gatherMicros?: number;
  /** As of NodeEngine. */
  readonly slotSize?: number;
  readonly slotCount?: number;
  readonly batchCapacity?: number;
}

const defaultBufferBytes = 4 * 1024 * 1024;
const outboxBytes = 512 * 1024;
const outboxCapacity = 1024;
/** Bytes of one `struct srtp_keys`: key 16, salt 16, authentication key 20, for RTP and for RTCP. */
const keyBlockBytes = 104;
const udpBatch = 0;
const tcpBatch = 1;

/** Why there is no native engine on this machine; undefined when there is one. One line, for a log. */
export function nativeEngineProblem(): string | undefined {
  const addon = loadAddon();
  return addon instanceof Error ? addon.message.split('\n')[0] : undefined;
}

/**
 * Binds a UDP socket and opens an engine on it. Throws when the add-on is not built (nativeEngineProblem()
 * tells before), when the address can't be bound, and RangeError for impossible sizes.
 */
export function openNativeEngine(options: NativeEngineOptions): NativeEngine {
  const addon = loadAddon();
  if (addon instanceof Error) throw addon;
  return new NativeEngine(addon, options);
}

interface Path {
  readonly remote: number;
  readonly ip: string;
  readonly port: number;
  readonly tcp: DatagramPort | undefined;
}

/** The engine in C, as a PacketEngine. The add-on moves and seals bytes; handles and addresses are kept here. */
export class NativeEngine implements PacketEngine {
  readonly name = 'native';
  readonly arena: Uint8Array;
  readonly slotSize: number;
  readonly slotCount: number;
  readonly address: { readonly ip: string; readonly port: number; readonly family: 'ipv4' | 'ipv6' };
  /** What the kernel granted; Linux counts its own bookkeeping in and answers double. */
  readonly recvBufferBytes: number;
  readonly sendBufferBytes: number;
  /** Whether packets to one address may leave in one call as a train (UDP GSO). */
  readonly gso: boolean;
  onBatch: ((batch: DatagramBatch) => void) | undefined;
  readonly counters: EngineCounters;

  readonly #addon: Addon;
  readonly #handle: AddonHandle;
  readonly #state = new Float64Array(State.count);
  readonly #outbox = new Uint8Array(outboxBytes);
  readonly #outboxPath = new Int32Array(outboxCapacity);
  readonly #outboxLength = new Uint32Array(outboxCapacity);
  readonly #batch: DatagramBatch;
  readonly #tcpBatch: DatagramBatch;
  readonly #tcp: DatagramPort | undefined;
  readonly #remotes = new RemoteTable();
  readonly #paths = new HandleTable<Path>();
  readonly #sessions = new HandleTable<true>();
  #work: WorkList | undefined;
  #closed = false;

  constructor(addon: Addon, options: NativeEngineOptions) {
    this.slotSize = options.slotSize ?? 2048;
    this.slotCount = options.slotCount ?? 16_384;
    if (this.slotSize % 4 !== 0 || this.slotSize < 64 || this.slotSize > 65_532) {
      throw new RangeError('slotSize: a multiple of 4 from 64 to 65532');
    }
    if (!Number.isInteger(this.slotCount) || this.slotCount < 2) {
      throw new RangeError('slotCount: at least 2');
    }
    const gatherMicros = options.gatherMicros ?? 0;
    if (!Number.isInteger(gatherMicros) || gatherMicros < 0 || gatherMicros > 1000) {
      throw new RangeError('gatherMicros: a whole number from 0 to 1000');
    }
    const capacity = Math.min(options.batchCapacity ?? 256, this.slotCount);
    this.arena = new Uint8Array(this.slotSize * this.slotCount);
    const remoteAt = (remote: number) => this.#remotes.remote(remote);
    this.#batch = createDatagramBatch(capacity, remoteAt);
    this.#tcpBatch = createDatagramBatch(capacity, remoteAt);
    this.#addon = addon;
    this.counters = sharedCounters(this.#state);
    const opened = addon.open(
      options.ip,
      options.port ?? 0,
      options.recvBufferBytes ?? defaultBufferBytes,
      options.sendBufferBytes ?? defaultBufferBytes,
      this.slotSize,
      capacity,
      this.arena,
      this.#state,
      this.#outbox,
      this.#outboxPath,
      this.#outboxLength,
      (count) => this.#receive(count),
      gatherMicros,
    );
    this.#handle = opened.handle;
    this.address = { ip: opened.ip, port: opened.port, family: opened.ip.includes(':') ? 'ipv6' : 'ipv4' };
    this.recvBufferBytes = opened.recvBufferBytes;
    this.sendBufferBytes = opened.sendBufferBytes;
    this.gso = opened.gso !== 0;
    for (const which of [udpBatch, tcpBatch] as const) {
      const b = which === udpBatch ? this.#batch : this.#tcpBatch;
      addon.bindBatch(this.#handle, which, b.serial, b.length, b.kind, b.remote, b.session, b.status);
    }
    this.#tcp = options.tcp;
    if (options.tcp !== undefined) this.#listen(options.tcp);
  }

  get nextSerial(): number {
    return this.#state[State.nextSerial]!;
  }

  openPath(remote: RemoteAddress): PathHandle {
    const tcp = remote.protocol === 'tcp' ? this.#tcp : undefined;
    if (remote.protocol === 'tcp' && tcp === undefined) {
      throw new RangeError('remote: this engine has no TCP port');
    }
    const number = this.#remotes.hold(remote);
    const path = this.#paths.add({ remote: number, ip: remote.ip, port: remote.port, tcp });
    try {
      this.#addon.openPath(this.#handle, path, remote.ip, remote.port, tcp === undefined ? 0 : 1);
    } catch (error) {
      this.closePath(path);
      throw error;
    }
    return path;
  }

  closePath(path: PathHandle): void {
    const closed = this.#paths.remove(path);
    if (closed === undefined || this.#closed) return;
    this.#remotes.release(closed.remote);
    this.#addon.closePath(this.#handle, path);
  }

  openSession(keys: SrtpKeys): SessionHandle {
    const packed = new Uint8Array(2 * keyBlockBytes);
    packKeys(packed, 0, deriveSessionKeys(keys.profile, keys.localKey, keys.localSalt));
    packKeys(packed, keyBlockBytes, deriveSessionKeys(keys.profile, keys.remoteKey, keys.remoteSalt));
    const session = this.#sessions.add(true);
    try {
      this.#addon.openSession(this.#handle, session, keys.profile === 'AEAD_AES_128_GCM' ? 0 : 1, packed);
    } catch (error) {
      this.#sessions.remove(session);
      throw error;
    } finally {
      packed.fill(0);
    }
    return session;
  }

  closeSession(session: SessionHandle): void {
    if (this.#sessions.remove(session) === undefined || this.#closed) return;
    this.#addon.closeSession(this.#handle, session);
  }

  unprotect(batch: DatagramBatch): void {
    if (this.#closed) return;
    if (batch !== this.#batch && batch !== this.#tcpBatch) {
      throw new RangeError('batch: only batches that this engine handed out can be opened');
    }
    this.#addon.unprotect(this.#handle, batch === this.#batch ? udpBatch : tcpBatch, batch.count);
  }

  send(work: WorkList): void {
    if (work.count > 0 && !this.#closed) {
      if (work !== this.#work) this.#bind(work);
      this.#deliver(this.#addon.send(this.#handle, work.count));
    }
    clearWorkList(work);
  }

  sendRtcp(session: SessionHandle, path: PathHandle, packet: Uint8Array): void {
    if (this.#closed) return;
    if (session < 0 || path < 0 || packet.length === 0) this.#state[State.sendErrors]!++;
    else this.#deliver(this.#addon.sendRtcp(this.#handle, session, path, packet));
  }

  sendRaw(path: PathHandle, datagram: Uint8Array): void {
    const to = this.#paths.get(path);
    if (this.#closed) return;
    if (to === undefined || datagram.length === 0) {
      this.#state[State.sendErrors]!++;
    } else if (to.tcp !== undefined) {
      this.#sendTcp(to, datagram);
    } else {
      this.#addon.sendRaw(this.#handle, path, datagram);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#addon.close(this.#handle);
    if (this.#tcp === undefined) return;
    this.#tcp.onMessage = undefined;
    this.#tcp.onDrained = undefined;
    this.#tcp.onError = undefined;
    this.#tcp.close();
  }

  /** For tests and measurements: sends every packet by itself, as where the kernel has no GSO. */
  withoutGso(): this {
    this.#addon.setGso(this.#handle, 0);
    return this;
  }

  /** The add-on has filled the batch; only addresses that are no IPv4 still need a number. */
  #receive(count: number): void {
    const batch = this.#batch;
    batch.count = count;
    for (let i = 0; i < count; i++) {
      if (!Number.isNaN(batch.remote[i]!)) continue;
      const ip = this.#addon.remoteIp(this.#handle, i);
      batch.remote[i] = this.#remotes.number(ip, this.#addon.remotePort(this.#handle, i), 'udp');
    }
    this.#handOver(batch);
  }

  #handOver(batch: DatagramBatch): void {
    if (batch.count === 0) return;
    try {
      this.onBatch?.(batch);
    } finally {
      batch.count = 0;
    }
  }

  #bind(work: WorkList): void {
    this.#work = undefined;
    this.#addon.bindWork(
      this.#handle,
      work.prefixes,
      work.prefixOffset,
      work.prefixLength,
      work.bodySerial,
      work.bodyOffset,
      work.bodyLength,
      work.ssrc,
      work.sequenceNumber,
      work.timestamp,
      work.markerAndPayloadType,
      work.rolloverCounter,
      work.transportSequenceOffset,
      work.transportSequence,
      work.absSendTimeOffset,
      work.absSendTime,
      work.session,
      work.path,
    );
    this.#work = work;
  }

  /** Sends what the add-on has sealed for TCP. */
  #deliver(count: number): void {
    let at = 0;
    for (let i = 0; i < count; i++) {
      const length = this.#outboxLength[i]!;
      const to = this.#paths.get(this.#outboxPath[i]!);
      if (to !== undefined) this.#sendTcp(to, this.#outbox.subarray(at, at + length));
      at += length;
    }
  }

  #sendTcp(to: Path, datagram: Uint8Array): void {
    this.#state[State.sentPackets]!++;
    this.#state[State.sentBytes]! += datagram.length;
    to.tcp?.send(datagram, to.ip, to.port);
  }

  #listen(tcp: DatagramPort): void {
    tcp.onMessage = (data, ip, port) => this.#receiveTcp(data, ip, port);
    tcp.onDrained = () => this.#handOver(this.#tcpBatch);
    tcp.onError = () => {
      this.#state[State.sendErrors]!++;
    };
  }

  #receiveTcp(data: Uint8Array, ip: string, port: number): void {
    const batch = this.#tcpBatch;
    const state = this.#state;
    state[State.receivedPackets]!++;
    state[State.receivedBytes]! += data.length;
    if (data.length > this.slotSize) {
      state[State.oversized]!++;
      return;
    }
    const serial = state[State.nextSerial]!++;
    const offset = (serial % this.slotCount) * this.slotSize;
    this.arena.set(data, offset);
    const i = batch.count++;
    batch.serial[i] = serial;
    batch.length[i] = data.length;
    batch.kind[i] = packetKind(this.arena, offset, data.length);
    batch.remote[i] = this.#remotes.number(ip, port, 'tcp');
    batch.session[i] = -1;
    batch.status[i] = PacketStatus.none;
    if (batch.count === batch.capacity) this.#handOver(batch);
  }
}

/** Counters live in memory that the add-on writes; this object reads them by name. */
function sharedCounters(state: Float64Array): EngineCounters {
  const counters = {} as EngineCounters;
  const names = Object.keys(State) as (keyof typeof State)[];
  for (const name of names) {
    if (name === 'nextSerial' || name === 'count') continue;
    const place = State[name];
    Object.defineProperty(counters, name, {
      enumerable: true,
      get: () => state[place],
      set: (value: number) => {
        state[place] = value;
      },
    });
  }
  return counters;
}

function packKeys(out: Uint8Array, at: number, keys: SrtpSessionKeys): void {
  out.set(keys.rtpKey, at);
  out.set(keys.rtpSalt, at + 16);
  out.set(keys.rtpAuthKey, at + 32);
  out.set(keys.rtcpKey, at + 52);
  out.set(keys.rtcpSalt, at + 68);
  out.set(keys.rtcpAuthKey, at + 84);
}

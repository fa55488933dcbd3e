import { createSocket, type Socket } from 'node:dgram';
import { DrainSignal } from './drain-signal.ts';
import { familyOf, mappedFor, unmapped } from './ip-address.ts';
import type { SocketAddress, UdpSocket } from './socket.ts';

export interface DgramSocketOptions {
  /** Address literal to bind; `::` takes IPv4 too. */
  readonly ip: string;
  /** 0 (default) lets the kernel choose. */
  readonly port?: number;
  /** Wanted kernel buffers; the kernel may grant less. Default 4 MiB each. */
  readonly recvBufferBytes?: number;
  readonly sendBufferBytes?: number;
}

const defaultBufferBytes = 4 * 1024 * 1024;
/** Datagrams that may wait inside Node while the kernel takes no more; some more until it is looked at again. */
const queueLimit = 256;
/** To look how many wait costs as much as copying a packet, so it is done once for so many. */
const lookEvery = 16;
/** Room for the longest datagram, or for some packets. */
const memorySize = 65_536;
/**
 * Node answers each send on a later tick, which costs a fifth of it. So only every so many are listened to, and after
 * an error all of the next ones.
 */
const listenToEvery = 16;
const listenAfterError = 1024;

/** Binds a UDP socket of the kernel. Rejects when the address can't be bound. */
export async function openDgramSocket(options: DgramSocketOptions): Promise<DgramSocket> {
  const family = familyOf(options.ip);
  const socket = createSocket({
    type: family === 'ipv4' ? 'udp4' : 'udp6',
    // Addresses are literals: answered at once, where the default would defer each send to a later tick.
    lookup: (host, _options, callback) => callback(null, host, family === 'ipv4' ? 4 : 6),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: options.ip, port: options.port ?? 0, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  setBuffer(socket, 'setRecvBufferSize', options.recvBufferBytes ?? defaultBufferBytes);
  setBuffer(socket, 'setSendBufferSize', options.sendBufferBytes ?? defaultBufferBytes);
  return new DgramSocket(socket, family);
}

/** What is granted is read back by the getters; a refusal only means smaller buffers. */
function setBuffer(socket: Socket, set: 'setRecvBufferSize' | 'setSendBufferSize', bytes: number): void {
  try {
    socket[set](bytes);
  } catch {
    // Some kernels refuse instead of clamping.
  }
}

/** UdpSocket over node:dgram. */
export class DgramSocket implements UdpSocket {
  readonly address: SocketAddress;
  /** What the kernel granted; Linux counts its own bookkeeping in and answers double. */
  readonly recvBufferBytes: number;
  readonly sendBufferBytes: number;
  onMessage: ((data: Uint8Array, ip: string, port: number) => void) | undefined;
  onDrained: (() => void) | undefined;
  /** Of errors that the kernel answers, those after the first may be missed for a moment. */
  onError: ((error: Error) => void) | undefined;

  readonly #socket: Socket;
  readonly #drain: DrainSignal;
  /**
   * Node may keep a reference to what it could not send at once, so it gets our memory, not the caller's: one datagram
   * behind the other, until it is looked whether any of them waits.
   */
  #memory = new ArrayBuffer(memorySize);
  #used = 0;
  /** The datagrams since then. The views stay when the memory is used again, as often they fit again. */
  #count = 0;
  #views: Uint8Array[] = [];
  #closed = false;
  /** Sends until the next one that is listened to; negative = so many more are. */
  #unheard = 0;
  readonly #afterSend: (error: Error | null) => void;

  constructor(socket: Socket, family: 'ipv4' | 'ipv6') {
    this.#socket = socket;
    const bound = socket.address();
    this.address = { ip: bound.address, port: bound.port, family };
    this.recvBufferBytes = socket.getRecvBufferSize();
    this.sendBufferBytes = socket.getSendBufferSize();
    this.#drain = new DrainSignal(() => {
      if (!this.#closed) this.onDrained?.();
    });
    this.#afterSend = (error) => {
      if (error === null) return;
      this.#unheard = -listenAfterError;
      this.onError?.(error);
    };
    socket.on('message', (data, from) => {
      this.onMessage?.(data, unmapped(from.address), from.port);
      this.#drain.note();
    });
    socket.on('error', (error) => this.onError?.(error));
  }

  send(data: Uint8Array, ip: string, port: number): void {
    if (this.#closed) return;
    if (data.length > memorySize) {
      this.onError?.(new RangeError(`send: ${data.length} bytes are no datagram`));
      return;
    }
    if ((this.#count === lookEvery || this.#used + data.length > memorySize) && !this.#makeRoom()) return;
    const bytes = this.#copy(data);
    try {
      const to = mappedFor(this.address.family, ip);
      if (this.#unheard > 0) {
        this.#unheard--;
        this.#socket.send(bytes, port, to);
      } else {
        this.#unheard = this.#unheard < 0 ? this.#unheard + 1 : listenToEvery - 1;
        this.#socket.send(bytes, port, to, this.#afterSend);
      }
    } catch (error) {
      // For instance port 0, which a spoofed datagram can come from.
      this.onError?.(error instanceof Error ? error : new Error(String(error)));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  /** False when too many datagrams wait. */
  #makeRoom(): boolean {
    const waiting = this.#socket.getSendQueueCount();
    if (waiting >= queueLimit) {
      this.onError?.(new Error(`send: ${waiting} datagrams wait for the kernel, one more is dropped`));
      return false;
    }
    if (waiting > 0) {
      // They may lie in this memory; it is theirs until they are gone.
      this.#memory = new ArrayBuffer(memorySize);
      this.#views = [];
    }
    this.#used = 0;
    this.#count = 0;
    return true;
  }

  #copy(data: Uint8Array): Uint8Array {
    const from = this.#used;
    const { length } = data;
    let view = this.#views[this.#count];
    if (view?.length !== length || view.byteOffset !== from) {
      view = new Uint8Array(this.#memory, from, length);
      this.#views[this.#count] = view;
    }
    view.set(data);
    this.#count++;
    this.#used = from + length;
    return view;
  }
}

import { createServer, type Server, type Socket } from 'node:net';
import { DrainSignal } from './drain-signal.ts';
import { FrameReader } from './frame-reader.ts';
import { familyOf, unmapped } from './ip-address.ts';
import type { SocketAddress } from './socket.ts';

export interface TcpListenerOptions {
  readonly ip: string;
  /** 0 (default) lets the kernel choose. */
  readonly port?: number;
  /** Connections at once; more are closed at once. Default 1000. */
  readonly maxConnections?: number;
  /** Longest frame taken; a longer one closes its connection. Default 2048. */
  readonly maxFrameBytes?: number;
  /** Bytes that may wait for a slow receiver; further frames are dropped, as UDP would. Default 256 KiB. */
  readonly maxSendBufferBytes?: number;
  /** A connection without a complete frame for so long is closed. Default 30 s. */
  readonly idleTimeoutMs?: number;
}

/** Listens for ICE-TCP connections with RFC 4571 framing. Rejects when the address can't be bound. */
export async function openTcpListener(options: TcpListenerOptions): Promise<TcpListener> {
  const family = familyOf(options.ip);
  const server = createServer({ noDelay: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.ip, port: options.port ?? 0, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return new TcpListener(server, family, options);
}

/** As UdpSocket, where a remote address is a connection: sending to one that is gone does nothing. */
export class TcpListener {
  readonly address: SocketAddress;
  /** `data` is only valid during the call. */
  onMessage: ((data: Uint8Array, ip: string, port: number) => void) | undefined;
  onDrained: (() => void) | undefined;
  onError: ((error: Error) => void) | undefined;
  /** A connection that had been taken is gone. */
  onClosed: ((ip: string, port: number) => void) | undefined;

  readonly #server: Server;
  readonly #connections = new Map<string, Socket>();
  readonly #drain: DrainSignal;
  readonly #maxConnections: number;
  readonly #maxFrameBytes: number;
  readonly #maxSendBufferBytes: number;
  readonly #idleTimeoutMs: number;
  #closed = false;

  constructor(server: Server, family: 'ipv4' | 'ipv6', options: TcpListenerOptions) {
    this.#server = server;
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('server: not bound to an IP address');
    this.address = { ip: bound.address, port: bound.port, family };
    this.#maxConnections = options.maxConnections ?? 1000;
    this.#maxFrameBytes = Math.min(options.maxFrameBytes ?? 2048, 65_535);
    this.#maxSendBufferBytes = options.maxSendBufferBytes ?? 256 * 1024;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 30_000;
    this.#drain = new DrainSignal(() => {
      if (!this.#closed) this.onDrained?.();
    });
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', (error) => this.onError?.(error));
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Sends one frame. Dropped when the connection is gone or its buffer full; the latter is an onError. */
  send(data: Uint8Array, ip: string, port: number): void {
    const socket = this.#connections.get(keyOf(ip, port));
    if (socket === undefined || this.#closed) return;
    if (data.length > 65_535) {
      this.onError?.(new RangeError(`send: ${data.length} bytes are no frame`));
      return;
    }
    if (socket.writableLength + data.length > this.#maxSendBufferBytes) {
      this.onError?.(
        new Error(`send: ${socket.writableLength} bytes wait for ${ip}:${port}, one frame is dropped`),
      );
      return;
    }
    const frame = Buffer.allocUnsafe(2 + data.length);
    frame.writeUInt16BE(data.length, 0);
    frame.set(data, 2);
    socket.write(frame);
  }

  /** Ends one connection; onClosed follows. */
  closeConnection(ip: string, port: number): void {
    this.#connections.get(keyOf(ip, port))?.destroy();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#connections.values()) socket.destroy();
    this.#connections.clear();
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    socket.on('error', () => socket.destroy());
    if (
      this.#closed ||
      remoteAddress === undefined ||
      remotePort === undefined ||
      this.#connections.size >= this.#maxConnections
    ) {
      socket.destroy();
      return;
    }
    const ip = unmapped(remoteAddress);
    const key = keyOf(ip, remotePort);
    this.#connections.set(key, socket);
    let lastFrame = Date.now();
    const reader = new FrameReader(this.#maxFrameBytes, (frame) => {
      lastFrame = Date.now();
      if (this.#closed || socket.destroyed) return;
      this.onMessage?.(frame, ip, remotePort);
      this.#drain.note();
    });
    // Single bytes of an endless frame must not count as life: the time of the last frame decides.
    const timer = setInterval(() => {
      if (Date.now() - lastFrame >= this.#idleTimeoutMs) socket.destroy();
    }, this.#idleTimeoutMs / 2);
    timer.unref();
    socket.on('data', (chunk) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      clearInterval(timer);
      if (this.#connections.get(key) !== socket) return;
      this.#connections.delete(key);
      if (!this.#closed) this.onClosed?.(ip, remotePort);
    });
  }
}

function keyOf(ip: string, port: number): string {
  return `${ip} ${port}`;
}

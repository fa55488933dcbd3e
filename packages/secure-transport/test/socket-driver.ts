import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { DtlsConnection, DtlsOutput } from '../src/dtls/connection.ts';

/** Runs one association over a real loopback socket, with real time. */
export class SocketDriver {
  readonly socket: Socket;
  readonly outputs: DtlsOutput[] = [];
  readonly #connection: DtlsConnection;
  #peerPort: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting: (() => void)[] = [];

  private constructor(connection: DtlsConnection, socket: Socket, peerPort: number | undefined) {
    this.#connection = connection;
    this.socket = socket;
    this.#peerPort = peerPort;
    socket.on('message', (data, from) => {
      this.#peerPort ??= from.port;
      connection.handleDatagram(data, performance.now());
      this.#settle();
    });
  }

  /** Without `peerPort` it answers the first one who speaks. */
  static async open(connection: DtlsConnection, peerPort?: number): Promise<SocketDriver> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const driver = new SocketDriver(connection, socket, peerPort);
    connection.start(performance.now());
    driver.#settle();
    return driver;
  }

  get port(): number {
    return this.socket.address().port;
  }

  /** Waits for an output of this type; the test's own time limit bounds it. */
  async until<T extends DtlsOutput['type']>(type: T): Promise<DtlsOutput & { type: T }> {
    for (;;) {
      const found = this.outputs.find((output) => output.type === type);
      if (found) return found as DtlsOutput & { type: T };
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  send(data: Uint8Array): void {
    this.#connection.send(data, performance.now());
    this.#settle();
  }

  close(): void {
    this.#connection.close(performance.now());
    this.#settle();
    clearTimeout(this.#timer);
    setImmediate(() => this.socket.close()); // after the last datagram has left
  }

  #settle(): void {
    for (let output = this.#connection.poll(); output; output = this.#connection.poll()) {
      if (output.type !== 'transmit') this.outputs.push(output);
      else if (this.#peerPort) this.socket.send(output.data, this.#peerPort, '127.0.0.1');
    }
    clearTimeout(this.#timer);
    const at = this.#connection.timeout;
    if (at !== undefined) {
      this.#timer = setTimeout(
        () => {
          this.#connection.handleTimeout(performance.now());
          this.#settle();
        },
        Math.max(0, at - performance.now()),
      );
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

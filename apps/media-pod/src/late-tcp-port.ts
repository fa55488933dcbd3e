import type { DatagramPort } from '@weir/forwarding';

/**
 * A TCP port that an engine can be given before it is bound: it shall get the number of the engine's UDP port,
 * which is known only when the engine is open.
 */
export class LateTcpPort implements DatagramPort {
  onMessage: DatagramPort['onMessage'];
  onDrained: DatagramPort['onDrained'];
  onError: DatagramPort['onError'];
  #port: DatagramPort | undefined;
  #closed = false;

  /** From now on everything goes to this port and comes from it. */
  attach(port: DatagramPort): void {
    if (this.#closed) {
      port.close();
      return;
    }
    this.#port = port;
    port.onMessage = (data, ip, number) => this.onMessage?.(data, ip, number);
    port.onDrained = () => this.onDrained?.();
    port.onError = (error) => this.onError?.(error);
  }

  send(data: Uint8Array, ip: string, port: number): void {
    this.#port?.send(data, ip, port);
  }

  close(): void {
    this.#closed = true;
    this.#port?.close();
  }
}

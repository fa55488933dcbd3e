/** A datagram endpoint: one bound UDP port. Implementations: `dgram` (kernel) and `memory` (virtual network). */
export interface UdpSocket {
  /** What was really bound; the port is read back, never assumed. */
  readonly address: SocketAddress;
  /**
   * Called for each datagram, possibly many times in one turn of the event loop. `data` is only valid
   * during the call.
   */
  onMessage: ((data: Uint8Array, ip: string, port: number) => void) | undefined;
  /** Called once per turn after the last datagram that was ready: the batch is complete. */
  onDrained: (() => void) | undefined;
  /** Asynchronous send errors (ENOBUFS, EPERM …) for counting; a datagram may always be lost. */
  onError: ((error: Error) => void) | undefined;
  /** Sends now; `data` may be reused as soon as the call returns. Never throws for network reasons. */
  send(data: Uint8Array, ip: string, port: number): void;
  close(): void;
}

export interface SocketAddress {
  readonly ip: string;
  readonly port: number;
  readonly family: 'ipv4' | 'ipv6';
}

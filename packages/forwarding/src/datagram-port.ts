/**
 * What NodeEngine needs of a socket: `UdpSocket` and `TcpListener` of `@weir/udp` have this shape. It is
 * described here because machines don't import shells.
 */
export interface DatagramPort {
  /** Called for each datagram; `data` is only valid during the call. */
  onMessage: ((data: Uint8Array, ip: string, port: number) => void) | undefined;
  /** Called once per turn of the event loop after the last datagram that was ready. */
  onDrained: (() => void) | undefined;
  /** Called with errors of sending; the datagram is lost. */
  onError: ((error: Error) => void) | undefined;
  /** `data` may be reused as soon as the call returns. */
  send(data: Uint8Array, ip: string, port: number): void;
  close(): void;
}

import type { SocketAddress } from '@weir/udp';

/** A socket or listener of either protocol. */
interface Port {
  readonly address: SocketAddress;
  onMessage: ((data: Uint8Array, ip: string, port: number) => void) | undefined;
  onDrained: (() => void) | undefined;
  onError: ((error: Error) => void) | undefined;
  onClosed?: ((ip: string, port: number) => void) | undefined;
  send(data: Uint8Array, ip: string, port: number): void;
  close(): void;
}

/** One IPv4 and one IPv6 socket, used as one: what goes out takes the family of its destination. */
export class BothFamilies {
  readonly #ports: readonly Port[];
  readonly #ipv4: Port | undefined;
  readonly #ipv6: Port | undefined;
  onMessage: ((data: Uint8Array, ip: string, port: number) => void) | undefined;
  onDrained: (() => void) | undefined;
  onError: ((error: Error) => void) | undefined;
  /** A TCP connection is gone. */
  onClosed: ((ip: string, port: number) => void) | undefined;

  constructor(ports: readonly Port[]) {
    this.#ports = ports;
    this.#ipv4 = ports.find(({ address }) => address.family === 'ipv4');
    this.#ipv6 = ports.find(({ address }) => address.family === 'ipv6');
    for (const port of ports) {
      port.onMessage = (data, ip, number) => this.onMessage?.(data, ip, number);
      port.onDrained = () => this.onDrained?.();
      port.onError = (error) => this.onError?.(error);
      port.onClosed = (ip, number) => this.onClosed?.(ip, number);
    }
  }

  /** What is bound for addresses like this one. */
  localFor(remoteIp: string): SocketAddress | undefined {
    return this.#portFor(remoteIp)?.address;
  }

  send(data: Uint8Array, ip: string, port: number): void {
    this.#portFor(ip)?.send(data, ip, port);
  }

  close(): void {
    for (const port of this.#ports) port.close();
  }

  #portFor(ip: string): Port | undefined {
    // A dual-stack socket bound to `::` takes both.
    return ip.includes(':') ? this.#ipv6 : (this.#ipv4 ?? this.#ipv6);
  }
}

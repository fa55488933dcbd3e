import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { SocketAddress, UdpSocket } from '@weir/udp';

/** A real socket, by default on a free port of the IPv4 loopback. */
export async function openUdpSocket(ip = '127.0.0.1', port = 0): Promise<UdpSocket> {
  const socket = createSocket({ type: ip.includes(':') ? 'udp6' : 'udp4' });
  socket.bind(port, ip);
  await once(socket, 'listening');
  return new RealSocket(socket);
}

class RealSocket implements UdpSocket {
  readonly address: SocketAddress;
  onMessage: UdpSocket['onMessage'];
  onDrained: UdpSocket['onDrained'];
  onError: UdpSocket['onError'];
  readonly #socket: Socket;
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port, family } = socket.address();
    this.address = { ip: address, port, family: family === 'IPv6' ? 'ipv6' : 'ipv4' };
    socket.on('message', (data, from) => {
      this.onMessage?.(data, from.address, from.port);
      this.onDrained?.();
    });
    socket.on('error', (error) => this.onError?.(error));
  }

  send(data: Uint8Array, ip: string, port: number): void {
    if (this.#closed) return;
    this.#socket.send(Uint8Array.from(data), port, ip, (error) => {
      if (error) this.onError?.(error);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    setImmediate(() => this.#socket.close()); // what was sent before still leaves
  }
}

/**
 * An IPv4 address of this host that is not the loopback, or 127.0.0.1 if there is none. Firefox makes no
 * loopback candidates (whatever `media.peerconnection.ice.loopback` says) and pairs none with 127.0.0.1;
 * what goes to the host's own address does not leave it either.
 */
export function hostAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

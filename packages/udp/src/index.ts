export * from './dgram-socket.ts';
export * from './link.ts';
export * from './memory-network.ts';
export type { SocketAddress, UdpSocket } from './socket.ts';
export * from './tcp-listener.ts';

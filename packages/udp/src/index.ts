export type { SocketAddress, UdpSocket } from './socket.ts';

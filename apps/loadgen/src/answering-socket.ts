import { createSecretKey, type KeyObject } from 'node:crypto';
import { StunBuilder, StunClass, StunView } from '@weir/secure-transport';
import type { SocketAddress, UdpSocket } from '@weir/udp';

/**
 * A socket that answers connectivity checks by itself. An ICE-lite SFU makes none, but libnice, which Janus uses,
 * makes them in its lite mode too and takes no nomination without an answer.
 */
export class AnsweringSocket implements UdpSocket {
  readonly address: SocketAddress;
  onMessage: UdpSocket['onMessage'];
  onDrained: UdpSocket['onDrained'];
  onError: UdpSocket['onError'];
  readonly #socket: UdpSocket;
  readonly #key: KeyObject;

  /** @param password of our side */
  constructor(socket: UdpSocket, password: string) {
    this.address = socket.address;
    this.#socket = socket;
    this.#key = createSecretKey(Buffer.from(password));
    const view = new StunView();
    socket.onMessage = (data, ip, port) => {
      const isRequest = data[0]! <= 3 && view.read(data) && view.messageClass === StunClass.request;
      if (!isRequest) this.onMessage?.(data, ip, port);
      else if (view.verifyIntegrity(this.#key)) {
        const answer = new StunBuilder(StunClass.success, view.transactionId())
          .xorMappedAddress(ip, port)
          .integrity(this.#key)
          .fingerprint()
          .finish();
        socket.send(answer, ip, port);
      }
    };
  }

  send(data: Uint8Array, ip: string, port: number): void {
    this.#socket.send(data, ip, port);
  }

  close(): void {
    this.#socket.close();
  }
}

import { openUdpSocket, type RemoteTransport, realClock, TestEndpoint } from '@weir/testing';
import type { UdpSocket } from '@weir/udp';

type Certificate = TestEndpoint['certificate'];

/** A true endpoint on a socket of its own on the loopback, and how to make it vanish with its socket. */
export interface OpenEndpoint {
  readonly endpoint: TestEndpoint;
  readonly socket: UdpSocket;
  close(): void;
}

export async function openEndpoint(
  remote: RemoteTransport,
  certificate?: Certificate,
): Promise<OpenEndpoint> {
  const socket = await openUdpSocket();
  const endpoint = new TestEndpoint({
    socket,
    clock: realClock,
    remote,
    ...(certificate === undefined ? {} : { certificate }),
  });
  return {
    endpoint,
    socket,
    close() {
      endpoint.vanish();
      socket.close();
    },
  };
}

/** Times of the phases of a connection, in milliseconds since start(). */
export interface ConnectTimes {
  /** A connectivity check has succeeded. */
  readonly ice: number;
  /** The handshake is done, keys are there. */
  readonly dtls: number;
}

/** Connects; rejects with the reason when it fails or takes longer than 15 s. */
export async function connect(endpoint: TestEndpoint): Promise<ConnectTimes> {
  return await new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let ice = 0;
    const timer = setTimeout(() => reject(new Error(`still ${endpoint.state} after 15 s`)), 15_000);
    endpoint.onStateChange = (state, reason) => {
      if (state === 'connecting') ice = performance.now() - startedAt;
      if (state === 'failed' || state === 'closed') reject(new Error(`${state}: ${reason}`));
      if (state === 'connected') {
        clearTimeout(timer);
        resolve({ ice, dtls: performance.now() - startedAt });
      }
    };
    endpoint.start();
  });
}

import { randomBytes } from 'node:crypto';
import { createCertificate } from '@weir/secure-transport';
import { openUdpSocket, realClock, TestEndpoint, TestSrtp } from '@weir/testing';
import type { UdpSocket } from '@weir/udp';
import { AnsweringSocket } from './answering-socket.ts';
import { connect } from './endpoint.ts';
import type { LocalSide, PlainRemote, RemoteSide } from './targets/target.ts';

/** One certificate for all: making a key for each would only measure this side. */
const certificate = createCertificate();

/** A connected endpoint, whatever connected it. */
export interface End {
  readonly srtpProfile: string;
  onRtp: ((packet: Uint8Array) => void) | undefined;
  onRtcp: ((packet: Uint8Array) => void) | undefined;
  sendRtp(packet: Uint8Array): boolean;
  close(): void;
}

/** An endpoint that is about to connect: its socket is there, and what the SFU has to know. */
export interface Prepared {
  readonly local: LocalSide;
  readonly socket: UdpSocket;
}

export function prepare(socket: UdpSocket): Prepared {
  const password = randomBytes(16).toString('hex');
  return {
    socket: new AnsweringSocket(socket, password),
    local: {
      ice: { usernameFragment: randomBytes(4).toString('hex'), password },
      fingerprint: certificate.fingerprints.find(({ algorithm }) => algorithm === 'sha-256')!,
      port: socket.address.port,
    },
  };
}

/** Its socket is on every address, because Janus has none on the loopback. */
export async function prepareOne(): Promise<Prepared> {
  return prepare(await openUdpSocket('0.0.0.0'));
}

/** ICE, DTLS and SRTP; or SRTP alone where the SFU has nothing else. */
export async function connectEnd({ local, socket }: Prepared, remote: RemoteSide): Promise<End> {
  if ('keys' in remote) return new PlainEnd(socket, remote);
  const endpoint = new TestEndpoint({
    socket,
    clock: realClock,
    remote,
    role: remote.role,
    certificate,
    ice: { usernameFragment: local.ice.usernameFragment },
  });
  await connect(endpoint);
  return {
    srtpProfile: endpoint.keys?.profile ?? 'none',
    get onRtp() {
      return endpoint.onRtp;
    },
    set onRtp(handler) {
      endpoint.onRtp = handler;
    },
    get onRtcp() {
      return endpoint.onRtcp;
    },
    set onRtcp(handler) {
      endpoint.onRtcp = handler;
    },
    sendRtp: (packet) => endpoint.sendRtp(packet),
    close() {
      endpoint.vanish();
      socket.close();
    },
  };
}

/** Keys and an address from the start. */
class PlainEnd implements End {
  readonly srtpProfile: string;
  onRtp: End['onRtp'];
  onRtcp: End['onRtcp'];
  readonly #socket: UdpSocket;
  readonly #port: number;
  readonly #srtp: TestSrtp;

  constructor(socket: UdpSocket, { port, keys }: PlainRemote) {
    this.srtpProfile = keys.profile;
    this.#socket = socket;
    this.#port = port;
    this.#srtp = new TestSrtp(keys);
    socket.onMessage = (data) => {
      const packet = this.#srtp.unprotectRtp(data);
      if (packet !== undefined) this.onRtp?.(packet);
    };
  }

  sendRtp(packet: Uint8Array): boolean {
    this.#socket.send(this.#srtp.protectRtp(packet), '127.0.0.1', this.#port);
    return true;
  }

  close(): void {
    this.#socket.close();
  }
}

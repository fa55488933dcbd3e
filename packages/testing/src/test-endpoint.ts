import { randomBytes } from 'node:crypto';
import {
  type Certificate,
  createCertificate,
  DtlsConnection,
  type ExportedKeys,
  type Fingerprint,
  openCertificate,
} from '@weir/secure-transport';
import type { UdpSocket } from '@weir/udp';
import type { Clock, Timer } from './clock.ts';
import { IceControlling, type IceOptions } from './ice-controlling.ts';
import { TestSrtp } from './srtp.ts';

export interface TestEndpointOptions {
  readonly socket: UdpSocket;
  readonly clock: Clock;
  /** What signaling told of the SFU's transport. */
  readonly remote: RemoteTransport;
  /** Our side of DTLS; browsers are clients. */
  readonly role?: 'client' | 'server';
  readonly certificate?: Certificate;
  readonly ice?: IceOptions;
  readonly attack?: Attack;
}

export interface RemoteTransport {
  readonly ice: { readonly usernameFragment: string; readonly password: string };
  readonly candidates: readonly { readonly ip: string; readonly port: number }[];
  readonly fingerprint: Fingerprint;
}

/** Ways to misbehave. */
export interface Attack {
  /** Shows this certificate, but has only the key of its own. */
  readonly stolenCertificate?: Certificate;
  /** Replaces the body of an outgoing handshake message (type as in RFC 5246 §7.4). */
  readonly craft?: (type: number, body: Uint8Array) => Uint8Array;
}

export type TestEndpointState = 'new' | 'checking' | 'connecting' | 'connected' | 'failed' | 'closed';

/**
 * A true WebRTC endpoint without a browser: controlling ICE, DTLS in either role, SRTP. Runs on the virtual
 * network with a virtual clock, or on a real socket with the real one.
 */
export class TestEndpoint {
  readonly certificate: Certificate;
  readonly ice: IceControlling;
  readonly role: 'client' | 'server';
  onStateChange: ((state: TestEndpointState, reason?: string) => void) | undefined;
  /** Authentic packets, decrypted. */
  onRtp: ((packet: Uint8Array) => void) | undefined;
  onRtcp: ((packet: Uint8Array) => void) | undefined;
  onData: ((data: Uint8Array) => void) | undefined;
  /** With `connected`. */
  keys: ExportedKeys | undefined;
  /** SRTP and SRTCP packets that were not authentic. */
  unauthentic = 0;
  #state: TestEndpointState = 'new';
  readonly #clock: Clock;
  readonly #dtls: DtlsConnection;
  #srtp: TestSrtp | undefined;
  #timer: Timer | undefined;

  constructor(options: TestEndpointOptions) {
    this.#clock = options.clock;
    this.role = options.role ?? 'client';
    this.certificate = options.certificate ?? createCertificate({ commonName: 'test endpoint' });
    const own = openCertificate(this.certificate);
    const stolen = options.attack?.stolenCertificate;
    this.#dtls = new DtlsConnection({
      role: this.role,
      certificate: stolen ? { ...own, der: openCertificate(stolen).der } : own,
      random: (size) => randomBytes(size),
      remoteFingerprint: options.remote.fingerprint,
      craft: options.attack?.craft,
    });
    this.ice = new IceControlling(options.clock, options.remote, options.ice ?? {});
    this.ice.onWritable = () => this.#startDtls();
    this.addSocket(options.socket);
  }

  get state(): TestEndpointState {
    return this.#state;
  }

  /** For signaling: what the SFU has to be told of us. */
  get fingerprint(): Fingerprint {
    return this.certificate.fingerprints.find(({ algorithm }) => algorithm === 'sha-256')!;
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#become('checking');
    this.ice.start();
  }

  /** Another local address, as after a change of network; `ice.nominate` moves there. */
  addSocket(socket: UdpSocket): void {
    this.ice.addSocket(socket);
    socket.onMessage = (data, ip, port) => this.#handle(socket, data, ip, port);
  }

  /** Sends a plain RTP packet protected. False before `connected`. */
  sendRtp(packet: Uint8Array): boolean {
    return this.#srtp !== undefined && this.ice.send(this.#srtp.protectRtp(packet));
  }

  sendRtcp(packet: Uint8Array): boolean {
    return this.#srtp !== undefined && this.ice.send(this.#srtp.protectRtcp(packet));
  }

  /** DTLS application data (SCTP). */
  sendData(data: Uint8Array): boolean {
    const sent = this.#dtls.send(data, this.#clock.now());
    this.#settle();
    return sent;
  }

  /** Bytes as they are, over the selected path. */
  sendRaw(datagram: Uint8Array): boolean {
    return this.ice.send(datagram);
  }

  /** close_notify, and silence. */
  close(): void {
    this.#dtls.close(this.#clock.now());
    this.#settle();
    this.#end('closed', 'closed by itself');
  }

  /** Silence at once, as a crash or a pulled plug. */
  vanish(): void {
    this.#end('closed', 'vanished');
  }

  #handle(socket: UdpSocket, data: Uint8Array, ip: string, port: number): void {
    const first = data[0];
    if (first === undefined || this.#state === 'closed' || this.#state === 'failed') return;
    if (first <= 3) {
      this.ice.handle(socket, data, ip, port);
    } else if (first >= 20 && first <= 63) {
      this.#startDtls();
      this.#dtls.handleDatagram(data, this.#clock.now());
      this.#settle();
    } else if (first >= 128 && first <= 191) {
      this.#handleMedia(data);
    }
  }

  #handleMedia(data: Uint8Array): void {
    if (!this.#srtp) return;
    const isRtcp = data[1]! >= 192 && data[1]! <= 223;
    const packet = isRtcp ? this.#srtp.unprotectRtcp(data) : this.#srtp.unprotectRtp(data);
    if (!packet) this.unauthentic++;
    else if (isRtcp) this.onRtcp?.(packet);
    else this.onRtp?.(packet);
  }

  #startDtls(): void {
    if (this.#state !== 'checking') return;
    this.#become('connecting');
    this.#dtls.start(this.#clock.now());
    this.#settle();
  }

  #settle(): void {
    for (let output = this.#dtls.poll(); output; output = this.#dtls.poll()) {
      switch (output.type) {
        case 'transmit':
          this.ice.send(output.data);
          break;
        case 'connected':
          this.keys = output.keys;
          this.#srtp = new TestSrtp(output.keys);
          this.#become('connected');
          break;
        case 'data':
          this.onData?.(output.data);
          break;
        case 'failed':
        case 'closed':
          this.#end(output.type, output.reason);
          break;
      }
    }
    this.#timer?.cancel();
    const at = this.#dtls.timeout;
    this.#timer =
      at === undefined
        ? undefined
        : this.#clock.at(at, () => {
            this.#dtls.handleTimeout(this.#clock.now());
            this.#settle();
          });
  }

  #end(state: 'failed' | 'closed', reason: string): void {
    this.#timer?.cancel();
    this.ice.stop();
    if (this.#state !== 'failed' && this.#state !== 'closed') this.#become(state, reason);
  }

  #become(state: TestEndpointState, reason?: string): void {
    this.#state = state;
    this.onStateChange?.(state, reason);
  }
}

import type { Remote, SecureEndpoint, SecureOutput } from '@weir/secure-transport';
import type { UdpSocket } from '@weir/udp';
import type { Clock, Timer } from './clock.ts';

/** Joins a SecureEndpoint with a socket and a clock, real or virtual: the least a pod does. */
export class EndpointDriver {
  readonly endpoint: SecureEndpoint;
  readonly socket: UdpSocket;
  /** Everything but datagrams, in order. */
  readonly outputs: Exclude<SecureOutput, { type: 'transmit' }>[] = [];
  onOutput: ((output: Exclude<SecureOutput, { type: 'transmit' }>) => void) | undefined;
  /** What is neither STUN nor DTLS. */
  onMedia: ((data: Uint8Array, remote: Remote) => void) | undefined;
  readonly #clock: Clock;
  readonly #remotes = new Map<string, Remote>();
  #timer: Timer | undefined;

  constructor(endpoint: SecureEndpoint, socket: UdpSocket, clock: Clock) {
    this.endpoint = endpoint;
    this.socket = socket;
    this.#clock = clock;
    socket.onMessage = (data, ip, port) => this.handle(data, ip, port);
  }

  /** As if the datagram had come from there. */
  handle(data: Uint8Array, ip: string, port: number): void {
    const remote = this.remote(ip, port);
    const isMedia = data.length > 0 && data[0]! >= 128 && data[0]! <= 191;
    if (isMedia) this.onMedia?.(data, remote);
    else this.act((endpoint, now) => endpoint.handleDatagram(data, remote, now));
  }

  /** Calls the endpoint, then sends and tells what comes of it. */
  act(action: (endpoint: SecureEndpoint, now: number) => void): void {
    action(this.endpoint, this.#clock.now());
    for (let output = this.endpoint.poll(); output; output = this.endpoint.poll()) {
      if (output.type === 'transmit') {
        this.socket.send(output.data, output.to.ip, output.to.port);
      } else {
        this.outputs.push(output);
        this.onOutput?.(output);
      }
    }
    this.#timer?.cancel();
    const next = this.endpoint.nextTimeout();
    this.#timer =
      next && this.#clock.at(next.at, () => this.act((endpoint, now) => endpoint.handleTimeout(now)));
  }

  remote(ip: string, port: number): Remote {
    const name = `${ip} ${port}`;
    let remote = this.#remotes.get(name);
    if (!remote) {
      remote = { key: this.#remotes.size + 1, ip, port, protocol: 'udp' };
      this.#remotes.set(name, remote);
    }
    return remote;
  }

  /** States of a transport so far, as `ice completed`, `dtls connected`. */
  states(id: string): string[] {
    return this.outputs.flatMap((output) =>
      output.id === id && (output.type === 'ice' || output.type === 'dtls')
        ? [`${output.type} ${output.state}`]
        : [],
    );
  }

  close(): void {
    this.#timer?.cancel();
    this.socket.close();
  }
}

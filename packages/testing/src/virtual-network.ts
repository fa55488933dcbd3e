import type { SocketAddress, UdpSocket } from '@weir/udp';
import type { VirtualClock } from './clock.ts';
import { type LinkCounters, type LinkPolicy, LinkShaper } from './link-shaper.ts';
import { createRandom, type Random } from './random.ts';

export interface VirtualNetworkOptions {
  readonly clock: VirtualClock;
  readonly seed?: number;
  /** Of every link that has no policy of its own. */
  readonly policy?: LinkPolicy;
}

/**
 * An internet in memory: sockets with addresses, and between each two hosts a link per direction with a
 * policy. The same seed and the same sends give the same history.
 */
export class VirtualNetwork {
  readonly clock: VirtualClock;
  readonly #random: Random;
  #policy: LinkPolicy;
  readonly #sockets = new Map<string, VirtualSocket>();
  readonly #links = new Map<string, LinkShaper>();
  readonly #ownPolicies = new Set<string>();
  #nextPort = 40_000;
  /** Sees every datagram as it is sent, before the link decides; for captures and attacks. */
  onSend: ((data: Uint8Array, from: SocketAddress, to: { ip: string; port: number }) => void) | undefined;

  constructor(options: VirtualNetworkOptions) {
    this.clock = options.clock;
    this.#random = createRandom(options.seed ?? 1);
    this.#policy = options.policy ?? {};
  }

  /** Port 0 or none gives a free one. Throws Error if the address is taken. */
  bind(ip: string, port = 0): VirtualSocket {
    const socket = new VirtualSocket(this, ip, port === 0 ? this.#nextPort++ : port);
    const name = `${ip} ${socket.address.port}`;
    if (this.#sockets.has(name)) throw new Error(`${ip}:${socket.address.port} is in use`);
    this.#sockets.set(name, socket);
    return socket;
  }

  /** The policy of links without one of their own, from now on. */
  setDefaultPolicy(policy: LinkPolicy): void {
    this.#policy = policy;
    for (const [name, link] of this.#links) if (!this.#ownPolicies.has(name)) link.policy = policy;
  }

  /** The policy from one host to another, in this direction only. */
  setPolicy(fromIp: string, toIp: string, policy: LinkPolicy): void {
    this.#ownPolicies.add(`${fromIp} ${toIp}`);
    this.#link(fromIp, toIp).policy = policy;
  }

  counters(fromIp: string, toIp: string): LinkCounters {
    return this.#link(fromIp, toIp).counters;
  }

  /**
   * Sends as anybody: `from` need not be a socket. For spoofing; goes over the link of the address it
   * claims.
   */
  inject(data: Uint8Array, from: { ip: string; port: number }, to: { ip: string; port: number }): void {
    const bytes = Uint8Array.from(data);
    for (const arrival of this.#link(from.ip, to.ip).offer(bytes.length, this.clock.now())) {
      this.clock.at(arrival, () => {
        this.#sockets.get(`${to.ip} ${to.port}`)?.receive(bytes, from.ip, from.port);
      });
    }
  }

  /** Only for sockets. */
  release(socket: VirtualSocket): void {
    this.#sockets.delete(`${socket.address.ip} ${socket.address.port}`);
  }

  #link(fromIp: string, toIp: string): LinkShaper {
    const name = `${fromIp} ${toIp}`;
    let link = this.#links.get(name);
    if (!link) {
      link = new LinkShaper(this.#policy, this.#random.fork());
      this.#links.set(name, link);
    }
    return link;
  }
}

/** A socket of the virtual network, with the interface of a real one. */
export class VirtualSocket implements UdpSocket {
  readonly address: SocketAddress;
  onMessage: UdpSocket['onMessage'];
  onDrained: UdpSocket['onDrained'];
  onError: UdpSocket['onError'];
  readonly #network: VirtualNetwork;
  #closed = false;

  constructor(network: VirtualNetwork, ip: string, port: number) {
    this.#network = network;
    this.address = { ip, port, family: ip.includes(':') ? 'ipv6' : 'ipv4' };
  }

  send(data: Uint8Array, ip: string, port: number): void {
    if (this.#closed) return;
    this.#network.onSend?.(data, this.address, { ip, port });
    this.#network.inject(data, this.address, { ip, port });
  }

  /** Only for the network. */
  receive(data: Uint8Array, ip: string, port: number): void {
    if (this.#closed) return;
    this.onMessage?.(data, ip, port);
    this.onDrained?.();
  }

  close(): void {
    this.#closed = true;
    this.#network.release(this);
  }
}

import { familyOf } from './ip-address.ts';
import type { SocketAddress, UdpSocket } from './socket.ts';

/** A datagram on its way. */
export interface Datagram {
  readonly from: SocketAddress;
  readonly toIp: string;
  readonly toPort: number;
  readonly data: Uint8Array;
}

/**
 * Decides what a link does to a datagram sent at `now`: the delays in milliseconds after which copies
 * arrive. An empty list loses it, two entries duplicate it.
 */
export type LinkPolicy = (datagram: Datagram, now: number) => readonly number[];

interface Delivery {
  readonly at: number;
  readonly order: number;
  readonly datagram: Datagram;
}

/** Deliveries of one advance(); more means that two sides answer each other without any delay. */
const maxDeliveries = 5_000_000;
const firstEphemeralPort = 49_152;

/**
 * A network in memory whose clock the caller drives. Nothing happens by itself: sent datagrams wait until
 * advance() reaches their time, so the same calls always give the same course of events.
 */
export class MemoryNetwork {
  /** Applies to every datagram; replaceable at any time. Without one, datagrams arrive after 0 ms. */
  policy: LinkPolicy | undefined;
  /** Datagrams to an address where nobody listens. */
  undeliverable = 0;
  #now = 0;
  #order = 0;
  #nextPort = firstEphemeralPort;
  readonly #sockets = new Map<string, MemorySocket>();
  readonly #queue: Delivery[] = [];

  constructor(policy?: LinkPolicy) {
    this.policy = policy;
  }

  /** Milliseconds since the network began; only advance() moves it. */
  get now(): number {
    return this.#now;
  }

  /** Datagrams on their way. */
  get inFlight(): number {
    return this.#queue.length;
  }

  /** A socket at this address. Throws when it is taken. Port 0 (default) takes a free one. */
  open(ip: string, port = 0): MemorySocket {
    const family = familyOf(ip);
    let bound = port;
    if (bound === 0) {
      while (this.#sockets.has(keyOf(ip, this.#nextPort))) this.#nextPort++;
      bound = this.#nextPort++;
    }
    const key = keyOf(ip, bound);
    if (this.#sockets.has(key)) throw new Error(`EADDRINUSE: ${ip}:${bound} is taken`);
    const socket = new MemorySocket(
      { ip, port: bound, family },
      (datagram) => this.#send(datagram),
      () => this.#sockets.delete(key),
    );
    this.#sockets.set(key, socket);
    return socket;
  }

  /** When the next datagram arrives; undefined when none is on its way. */
  nextDelivery(): number | undefined {
    return this.#queue[0]?.at;
  }

  /**
   * Moves the clock to `to` and delivers on the way whatever is due, in order. Sends made by receivers count
   * from the moment of their delivery. Throws RangeError when time would run back.
   */
  advance(to: number): void {
    if (to < this.#now) throw new RangeError(`to: ${to} is before now (${this.#now})`);
    let deliveries = 0;
    while (this.#queue.length > 0 && this.#queue[0]!.at <= to) {
      const at = this.#queue[0]!.at;
      this.#now = at;
      const turn: Delivery[] = [];
      while (this.#queue.length > 0 && this.#queue[0]!.at <= at) turn.push(this.#pop());
      deliveries += turn.length;
      if (deliveries > maxDeliveries) throw new Error('advance: endless exchange without delay');
      const receivers = new Set<MemorySocket>();
      for (const { datagram } of turn) {
        const socket = this.#sockets.get(keyOf(datagram.toIp, datagram.toPort));
        if (socket === undefined) {
          this.undeliverable++;
          continue;
        }
        socket.deliver(datagram);
        receivers.add(socket);
      }
      for (const socket of receivers) socket.drained();
    }
    this.#now = to;
  }

  #send(datagram: Datagram): void {
    const delays = this.policy === undefined ? [0] : this.policy(datagram, this.#now);
    for (const delay of delays) {
      // Each copy gets bytes of its own: a receiver may change what it is given.
      const copy = { ...datagram, data: new Uint8Array(datagram.data) };
      this.#push({ at: this.#now + Math.max(0, delay), order: this.#order++, datagram: copy });
    }
  }

  /** Binary heap by time, then by order of sending. */
  #push(delivery: Delivery): void {
    const queue = this.#queue;
    let i = queue.push(delivery) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(queue[i]!, queue[parent]!)) break;
      [queue[i], queue[parent]] = [queue[parent]!, queue[i]!];
      i = parent;
    }
  }

  #pop(): Delivery {
    const queue = this.#queue;
    const top = queue[0]!;
    const last = queue.pop()!;
    if (queue.length > 0) {
      queue[0] = last;
      let i = 0;
      for (;;) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) {
          if (child < queue.length && before(queue[child]!, queue[least]!)) least = child;
        }
        if (least === i) break;
        [queue[i], queue[least]] = [queue[least]!, queue[i]!];
        i = least;
      }
    }
    return top;
  }
}

function before(a: Delivery, b: Delivery): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function keyOf(ip: string, port: number): string {
  return `${ip} ${port}`;
}

/** UdpSocket on a MemoryNetwork. */
export class MemorySocket implements UdpSocket {
  readonly address: SocketAddress;
  onMessage: ((data: Uint8Array, ip: string, port: number) => void) | undefined;
  onDrained: (() => void) | undefined;
  onError: ((error: Error) => void) | undefined;
  readonly #transmit: (datagram: Datagram) => void;
  readonly #release: () => void;
  #closed = false;

  constructor(address: SocketAddress, transmit: (datagram: Datagram) => void, release: () => void) {
    this.address = address;
    this.#transmit = transmit;
    this.#release = release;
  }

  send(data: Uint8Array, ip: string, port: number): void {
    if (this.#closed) return;
    if (data.length > 65_507 || port < 1 || port > 65_535) {
      this.onError?.(new RangeError(`send: ${data.length} bytes to port ${port}`));
      return;
    }
    this.#transmit({ from: this.address, toIp: ip, toPort: port, data });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  /** For the network: hands a datagram over. The bytes are spoilt afterwards, to find who keeps them. */
  deliver(datagram: Datagram): void {
    if (this.#closed) return;
    this.onMessage?.(datagram.data, datagram.from.ip, datagram.from.port);
    datagram.data.fill(0xdb);
  }

  /** For the network: the datagrams of this moment are delivered. */
  drained(): void {
    if (!this.#closed) this.onDrained?.();
  }
}

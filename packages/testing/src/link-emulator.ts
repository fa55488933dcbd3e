import type { UdpSocket } from '@weir/udp';
import { realClock, type Timer, VirtualClock } from './clock.ts';
import { type LinkCounters, type LinkPolicy, LinkShaper } from './link-shaper.ts';
import { createRandom, type Random } from './random.ts';
import { openUdpSocket } from './udp-socket.ts';

export interface LinkEmulatorOptions {
  /** Where clients send to; the pod announces this address. Default: a free port of 127.0.0.1. */
  readonly listen?: { readonly ip?: string; readonly port?: number };
  /** The pod. */
  readonly target: { readonly ip: string; readonly port: number };
  /** From clients to the pod, for each client of its own. */
  readonly up?: LinkPolicy;
  /** From the pod to clients. */
  readonly down?: LinkPolicy;
  readonly seed?: number;
}

export interface LinkEmulator {
  readonly address: { readonly ip: string; readonly port: number };
  /** Changes the policy of every client, present and future, from now on. */
  setPolicy(policies: { up?: LinkPolicy; down?: LinkPolicy }): void;
  /** In the order they came. */
  readonly clients: readonly EmulatedClient[];
  /** Called with each new client, before its first datagram passes. */
  onClient: ((client: EmulatedClient) => void) | undefined;
  /** Sums over all clients. */
  counters(): { up: LinkCounters; down: LinkCounters };
  close(): void;
}

export interface EmulatedClient {
  /** Of the client. */
  readonly ip: string;
  readonly port: number;
  /** What the pod sees as the client's port. */
  readonly upstreamPort: number;
  readonly up: LinkCounters;
  readonly down: LinkCounters;
  setPolicy(policies: { up?: LinkPolicy; down?: LinkPolicy }): void;
}

/**
 * A UDP relay on real sockets that treats each client's datagrams after a policy. Clients share one port of
 * it; towards the pod each has a socket of its own, so the pod sees as many remotes as there are clients.
 */
export async function createLinkEmulator(options: LinkEmulatorOptions): Promise<LinkEmulator> {
  const socket = await openUdpSocket(options.listen?.ip ?? '127.0.0.1', options.listen?.port ?? 0);
  return new Emulator(socket, options);
}

class Emulator implements LinkEmulator {
  readonly address: { readonly ip: string; readonly port: number };
  readonly clients: Client[] = [];
  onClient: ((client: EmulatedClient) => void) | undefined;
  readonly #socket: UdpSocket;
  readonly #target: { readonly ip: string; readonly port: number };
  readonly #random: Random;
  readonly #byAddress = new Map<string, Client | Early>();
  #up: LinkPolicy;
  #down: LinkPolicy;
  readonly #agenda = new Agenda();
  #closed = false;

  constructor(socket: UdpSocket, options: LinkEmulatorOptions) {
    this.#socket = socket;
    this.address = socket.address;
    this.#target = options.target;
    this.#random = createRandom(options.seed ?? 1);
    this.#up = options.up ?? {};
    this.#down = options.down ?? {};
    socket.onMessage = (data, ip, port) => this.#fromClient(Uint8Array.from(data), ip, port);
  }

  setPolicy({ up, down }: { up?: LinkPolicy; down?: LinkPolicy }): void {
    this.#up = up ?? this.#up;
    this.#down = down ?? this.#down;
    for (const client of this.clients) client.setPolicy({ up: this.#up, down: this.#down });
  }

  counters(): { up: LinkCounters; down: LinkCounters } {
    return { up: sum(this.clients.map(({ up }) => up)), down: sum(this.clients.map(({ down }) => down)) };
  }

  close(): void {
    this.#closed = true;
    this.#agenda.clear();
    this.#socket.close();
    for (const client of this.clients) client.close();
  }

  #fromClient(data: Uint8Array, ip: string, port: number): void {
    const name = `${ip} ${port}`;
    const known = this.#byAddress.get(name);
    if (known instanceof Client) {
      known.sendUp(data);
    } else if (known) {
      known.waiting.push(data);
    } else {
      const early: Early = { waiting: [data] };
      this.#byAddress.set(name, early);
      void this.#admit(name, ip, port, early);
    }
  }

  async #admit(name: string, ip: string, port: number, early: Early): Promise<void> {
    const upstream = await openUdpSocket(this.#target.ip.includes(':') ? '::1' : localFor(this.#target.ip));
    if (this.#closed) {
      upstream.close();
      return;
    }
    const client = new Client(ip, port, {
      upstream,
      target: this.#target,
      toClient: (data) => this.#socket.send(data, ip, port),
      up: new LinkShaper(this.#up, this.#random.fork()),
      down: new LinkShaper(this.#down, this.#random.fork()),
      agenda: this.#agenda,
    });
    this.clients.push(client);
    this.#byAddress.set(name, client);
    this.onClient?.(client);
    for (const data of early.waiting) client.sendUp(data);
  }
}

/** What a client sent while its upstream socket was being opened. */
interface Early {
  readonly waiting: Uint8Array[];
}

interface Wiring {
  readonly upstream: UdpSocket;
  readonly target: { readonly ip: string; readonly port: number };
  readonly toClient: (data: Uint8Array) => void;
  readonly up: LinkShaper;
  readonly down: LinkShaper;
  readonly agenda: Agenda;
}

class Client implements EmulatedClient {
  readonly ip: string;
  readonly port: number;
  readonly upstreamPort: number;
  readonly #wiring: Wiring;

  constructor(ip: string, port: number, wiring: Wiring) {
    this.ip = ip;
    this.port = port;
    this.upstreamPort = wiring.upstream.address.port;
    this.#wiring = wiring;
    wiring.upstream.onMessage = (data) => {
      this.#pass(wiring.down, Uint8Array.from(data), wiring.toClient);
    };
  }

  get up(): LinkCounters {
    return this.#wiring.up.counters;
  }

  get down(): LinkCounters {
    return this.#wiring.down.counters;
  }

  setPolicy({ up, down }: { up?: LinkPolicy; down?: LinkPolicy }): void {
    if (up) this.#wiring.up.policy = up;
    if (down) this.#wiring.down.policy = down;
  }

  sendUp(data: Uint8Array): void {
    const { upstream, target, up } = this.#wiring;
    this.#pass(up, data, (bytes) => upstream.send(bytes, target.ip, target.port));
  }

  close(): void {
    this.#wiring.upstream.close();
  }

  #pass(shaper: LinkShaper, data: Uint8Array, send: (data: Uint8Array) => void): void {
    for (const arrival of shaper.offer(data.length, realClock.now())) {
      this.#wiring.agenda.at(arrival, () => send(data));
    }
  }
}

/**
 * What is to be done when, in exactly that order: timers of the platform have whole milliseconds and would
 * let datagrams overtake each other.
 */
class Agenda {
  #entries = new VirtualClock(realClock.now());
  #timer: Timer | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  at(time: number, action: () => void): void {
    this.#entries.at(time, action);
    if (time <= realClock.now()) this.#run();
    else this.#arm();
  }

  clear(): void {
    this.#timer?.cancel();
    this.#entries = new VirtualClock();
  }

  #run(): void {
    this.#entries.runUntil(realClock.now());
    this.#arm();
  }

  #arm(): void {
    const next = this.#entries.next() ?? Number.POSITIVE_INFINITY;
    if (this.#timer && next >= this.#wakeAt) return;
    this.#timer?.cancel();
    this.#wakeAt = next;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#timer = realClock.at(next, () => {
      this.#timer = undefined;
      this.#run();
    });
  }
}

/** The address to bind for reaching a target: loopback stays on loopback. */
function localFor(ip: string): string {
  return ip.startsWith('127.') ? '127.0.0.1' : '0.0.0.0';
}

function sum(all: readonly LinkCounters[]): LinkCounters {
  const total: LinkCounters = {
    offered: 0,
    offeredBytes: 0,
    delivered: 0,
    deliveredBytes: 0,
    lost: 0,
    overflowed: 0,
    duplicated: 0,
    reordered: 0,
  };
  for (const one of all) {
    for (const key of Object.keys(total) as (keyof LinkCounters)[]) total[key] += one[key];
  }
  return total;
}

import type { DatagramPort } from '../../src/datagram-port.ts';

/** Ports in memory that reach each other by address; run() delivers. For tests of NodeEngine. */
export class PortHub {
  readonly #ports = new Map<string, HubPort>();
  #queue: { readonly to: string; readonly data: Uint8Array; readonly ip: string; readonly port: number }[] =
    [];

  open(ip: string, port: number): HubPort {
    const opened = new HubPort(
      (data, toIp, toPort) => {
        this.#queue.push({ to: `${toIp} ${toPort}`, data: new Uint8Array(data), ip, port });
      },
      () => this.#ports.delete(`${ip} ${port}`),
    );
    this.#ports.set(`${ip} ${port}`, opened);
    return opened;
  }

  /** Delivers what was sent until now, as one turn of the event loop. */
  turn(): void {
    const queue = this.#queue;
    this.#queue = [];
    const receivers = new Set<HubPort>();
    for (const { to, data, ip, port } of queue) {
      const receiver = this.#ports.get(to);
      if (receiver === undefined) continue;
      receiver.onMessage?.(data, ip, port);
      data.fill(0xdb);
      receivers.add(receiver);
    }
    for (const receiver of receivers) receiver.onDrained?.();
  }
}

export class HubPort implements DatagramPort {
  onMessage: ((data: Uint8Array, ip: string, port: number) => void) | undefined;
  onDrained: (() => void) | undefined;
  onError: ((error: Error) => void) | undefined;
  readonly #transmit: (data: Uint8Array, ip: string, port: number) => void;
  readonly #release: () => void;
  closed = 0;

  constructor(transmit: (data: Uint8Array, ip: string, port: number) => void, release: () => void) {
    this.#transmit = transmit;
    this.#release = release;
  }

  send(data: Uint8Array, ip: string, port: number): void {
    this.#transmit(data, ip, port);
  }

  close(): void {
    this.closed++;
    this.#release();
  }
}

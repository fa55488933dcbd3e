import type { Remote } from '@weir/secure-transport';

export interface WaitingDatagram {
  /** The transport that had the address when the datagram came; undefined = none. */
  readonly transport: string | undefined;
  readonly data: Uint8Array;
  readonly remote: Remote;
}

/**
 * Datagrams that wait for their turn. A step of a handshake costs as much as forwarding hundreds of packets, so
 * when many endpoints join at once their steps are spread over turns of the event loop. What a transport, or all
 * strangers together, send beyond their share is dropped; STUN and DTLS repeat what matters.
 */
export class HandshakeQueue {
  readonly #share: number;
  #waiting: WaitingDatagram[] = [];
  #taken = 0;
  readonly #byTransport = new Map<string | undefined, number>();

  /** @param share greatest number that may wait for one transport */
  constructor(share: number) {
    this.#share = share;
  }

  get size(): number {
    return this.#waiting.length - this.#taken;
  }

  /** Keeps a copy of the bytes. False = this transport has too many waiting. */
  push(transport: string | undefined, data: Uint8Array, remote: Remote): boolean {
    const held = this.#byTransport.get(transport) ?? 0;
    if (held >= this.#share) return false;
    this.#byTransport.set(transport, held + 1);
    this.#waiting.push({ transport, data: data.slice(), remote });
    return true;
  }

  /** The oldest. */
  take(): WaitingDatagram | undefined {
    const next = this.#waiting[this.#taken];
    if (next === undefined) return undefined;
    this.#taken += 1;
    if (this.#taken === this.#waiting.length) {
      this.#waiting = [];
      this.#taken = 0;
    }
    const held = this.#byTransport.get(next.transport)! - 1;
    if (held === 0) this.#byTransport.delete(next.transport);
    else this.#byTransport.set(next.transport, held);
    return next;
  }
}

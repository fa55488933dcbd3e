import type { ReceiverView } from '@weir/protocol';

/**
 * Which receivers the server made for us, so that one whose answer nobody waited for is found: its request
 * may reach the server, or its event reach us, before or after we gave up.
 */
export class ReceiverLedger {
  readonly #made = new Map<string, string>();
  readonly #abandoned = new Set<string>();

  /** The log tells of a receiver. Answers its id if it is an orphan: close it. */
  made(view: Pick<ReceiverView, 'id' | 'transportId' | 'rtpParameters'>): string | undefined {
    const key = keyOf(view.transportId ?? '', view.rtpParameters?.mid);
    if (this.#abandoned.delete(key)) return view.id;
    this.#made.set(key, view.id);
    return undefined;
  }

  closed(id: string): void {
    for (const [key, made] of this.#made) if (made === id) this.#made.delete(key);
  }

  /** Nobody waits for the answer any more. Answers the receiver's id if it is known already: close it. */
  abandon(transportId: string, mid: string | undefined): string | undefined {
    const key = keyOf(transportId, mid);
    const id = this.#made.get(key);
    if (id === undefined) this.#abandoned.add(key);
    else this.#made.delete(key);
    return id;
  }
}

function keyOf(transportId: string, mid: string | undefined): string {
  return `${transportId}/${mid ?? ''}`;
}

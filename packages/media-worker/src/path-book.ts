import type { PacketEngine, PathHandle, RemoteAddress } from '@weir/forwarding';

/**
 * Open paths of the engine by remote address. Addresses are held as often as somebody needs them, so that a
 * packet to a known address needs no opening and an unknown one leaves nothing behind.
 */
export class PathBook {
  readonly #engine: PacketEngine;
  readonly #paths = new Map<number, { readonly path: PathHandle; holders: number }>();

  constructor(engine: PacketEngine) {
    this.#engine = engine;
  }

  /** The path to an address, kept until released as often as held. */
  hold(key: number, remote: RemoteAddress): PathHandle {
    let entry = this.#paths.get(key);
    if (entry === undefined) {
      entry = { path: this.#engine.openPath(remote), holders: 0 };
      this.#paths.set(key, entry);
    }
    entry.holders++;
    return entry.path;
  }

  release(key: number): void {
    const entry = this.#paths.get(key);
    if (entry === undefined) return;
    entry.holders--;
    if (entry.holders > 0) return;
    this.#paths.delete(key);
    this.#engine.closePath(entry.path);
  }

  /** -1 when nobody holds it. */
  path(key: number): PathHandle {
    return this.#paths.get(key)?.path ?? -1;
  }

  /** Sends one datagram as it is, also to an address that nobody holds. */
  sendRaw(key: number, remote: RemoteAddress, data: Uint8Array): void {
    const known = this.path(key);
    if (known >= 0) {
      this.#engine.sendRaw(known, data);
      return;
    }
    const path = this.#engine.openPath(remote);
    this.#engine.sendRaw(path, data);
    this.#engine.closePath(path);
  }

  get size(): number {
    return this.#paths.size;
  }
}

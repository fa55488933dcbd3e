import type { DatagramBatch, RemoteAddress } from './engine.ts';

/** An empty batch; `remoteAt` turns the number of an address into words. */
export function createDatagramBatch(
  capacity: number,
  remoteAt: (remote: number) => RemoteAddress,
): DatagramBatch {
  const remote = new Float64Array(capacity);
  return {
    capacity,
    count: 0,
    serial: new Float64Array(capacity),
    length: new Uint16Array(capacity),
    kind: new Uint8Array(capacity),
    remote,
    remoteOf: (i) => remoteAt(remote[i]!),
    session: new Int32Array(capacity),
    status: new Uint8Array(capacity),
  };
}

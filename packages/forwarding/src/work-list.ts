import type { WorkList } from './engine.ts';

/** Prefix bytes per item that a list makes room for; shared prefixes use less. */
const prefixBytesPerItem = 128;

/** An empty list for up to `capacity` packets. Allocated once per engine owner and used again and again. */
export function createWorkList(capacity = 1024, prefixBytes = capacity * prefixBytesPerItem): WorkList {
  return {
    capacity,
    count: 0,
    prefixes: new Uint8Array(prefixBytes),
    prefixesUsed: 0,
    prefixOffset: new Uint32Array(capacity),
    prefixLength: new Uint16Array(capacity),
    bodySerial: new Float64Array(capacity),
    bodyOffset: new Uint16Array(capacity),
    bodyLength: new Uint16Array(capacity),
    ssrc: new Uint32Array(capacity),
    sequenceNumber: new Uint16Array(capacity),
    timestamp: new Uint32Array(capacity),
    markerAndPayloadType: new Uint8Array(capacity),
    rolloverCounter: new Uint32Array(capacity),
    transportSequenceOffset: new Uint16Array(capacity),
    transportSequence: new Uint16Array(capacity),
    absSendTimeOffset: new Uint16Array(capacity),
    absSendTime: new Uint32Array(capacity),
    session: new Int32Array(capacity),
    path: new Int32Array(capacity),
  };
}

/** Item `i` of `from` becomes item `k` of `to`, but for the bytes of its prefix and where they lie. */
export function copyItem(from: WorkList, i: number, to: WorkList, k: number): void {
  to.prefixLength[k] = from.prefixLength[i]!;
  to.bodySerial[k] = from.bodySerial[i]!;
  to.bodyOffset[k] = from.bodyOffset[i]!;
  to.bodyLength[k] = from.bodyLength[i]!;
  to.ssrc[k] = from.ssrc[i]!;
  to.sequenceNumber[k] = from.sequenceNumber[i]!;
  to.timestamp[k] = from.timestamp[i]!;
  to.markerAndPayloadType[k] = from.markerAndPayloadType[i]!;
  to.rolloverCounter[k] = from.rolloverCounter[i]!;
  to.transportSequenceOffset[k] = from.transportSequenceOffset[i]!;
  to.transportSequence[k] = from.transportSequence[i]!;
  to.absSendTimeOffset[k] = from.absSendTimeOffset[i]!;
  to.absSendTime[k] = from.absSendTime[i]!;
  to.session[k] = from.session[i]!;
  to.path[k] = from.path[i]!;
}

/** Forgets all items and prefixes. Engines do this at the end of send(). */
export function clearWorkList(work: WorkList): void {
  work.count = 0;
  work.prefixesUsed = 0;
}

/** Room in the list for another item with a prefix of its own of `prefixLength` bytes. */
export function hasRoom(work: WorkList, prefixLength: number): boolean {
  return work.count < work.capacity && work.prefixesUsed + prefixLength <= work.prefixes.length;
}

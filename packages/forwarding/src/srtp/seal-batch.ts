import { type SealMemory, sealMemory } from './seal-memory.ts';

/** RTP packets that are sealed together, with one key; structure of arrays. */
export interface SealBatch {
  readonly capacity: number;
  count: number;
  /** Where they lie, each at a multiple of four, with a sealing room behind it. */
  readonly memory: SealMemory;
  readonly offset: Uint32Array;
  readonly headerLength: Uint32Array;
  /** Of the plain packet; sealing makes it that of the sealed one. */
  readonly length: Uint32Array;
  readonly ssrc: Uint32Array;
  readonly sequenceNumber: Uint16Array;
  readonly rolloverCounter: Uint32Array;
}

/** For up to `capacity` packets, together with their sealing rooms in `size` bytes. */
export function createSealBatch(size: number, capacity: number): SealBatch {
  return {
    capacity,
    count: 0,
    memory: sealMemory(size, capacity),
    offset: new Uint32Array(capacity),
    headerLength: new Uint32Array(capacity),
    length: new Uint32Array(capacity),
    ssrc: new Uint32Array(capacity),
    sequenceNumber: new Uint16Array(capacity),
    rolloverCounter: new Uint32Array(capacity),
  };
}

/** There must be room for it. */
export function addToBatch(
  batch: SealBatch,
  offset: number,
  headerLength: number,
  length: number,
  ssrc: number,
  sequenceNumber: number,
  rolloverCounter: number,
): void {
  const i = batch.count++;
  batch.offset[i] = offset;
  batch.headerLength[i] = headerLength;
  batch.length[i] = length;
  batch.ssrc[i] = ssrc;
  batch.sequenceNumber[i] = sequenceNumber;
  batch.rolloverCounter[i] = rolloverCounter;
}

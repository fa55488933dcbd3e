import { concat, uint8, uint16, uint24 } from './wire.ts';

/** RFC 6347 §4.2.2 */
export const HandshakeType = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

export const HANDSHAKE_HEADER = 12;

export interface HandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  /** 0 = came unprotected. */
  readonly epoch: number;
  readonly body: Uint8Array;
}

export interface HandshakeFragment {
  readonly type: number;
  readonly length: number;
  readonly sequence: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The fragments in one handshake record; stops at the first malformed one. Never throws. */
export function* readFragments(record: Uint8Array): Generator<HandshakeFragment, void> {
  let at = 0;
  while (at + HANDSHAKE_HEADER <= record.length) {
    const length = readUint24(record, at + 1);
    const offset = readUint24(record, at + 6);
    const size = readUint24(record, at + 9);
    const start = at + HANDSHAKE_HEADER;
    if (start + size > record.length || offset + size > length) return;
    yield {
      type: record[at]!,
      length,
      sequence: (record[at + 4]! << 8) | record[at + 5]!,
      offset,
      bytes: record.subarray(start, start + size),
    };
    at = start + size;
  }
}

/** A fragment with its header; the whole message if `offset` and `size` are left out. */
export function writeFragment(
  type: number,
  sequence: number,
  body: Uint8Array,
  offset = 0,
  size: number = body.length,
): Uint8Array {
  return concat(
    uint8(type),
    uint24(body.length),
    uint16(sequence),
    uint24(offset),
    uint24(size),
    body.subarray(offset, offset + size),
  );
}

/**
 * Puts handshake messages together from fragments that come in any order, more than once, overlapping or
 * with holes. Bounded: at most `MAX_AHEAD` messages beyond the next one and `MAX_BYTES` in all.
 */
export class Reassembler {
  readonly #partials = new Map<number, Partial>();
  #bytes = 0;

  /** Bytes held for messages not yet taken. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** Takes a fragment in; false if it was refused. `next` is the message that will be taken next. */
  add(fragment: HandshakeFragment, epoch: number, next: number): boolean {
    const { sequence, length, type } = fragment;
    if (sequence < next || sequence > next + MAX_AHEAD || length > MAX_MESSAGE) return false;
    let partial = this.#partials.get(sequence);
    if (partial && epoch > partial.epoch) {
      // An authentic fragment replaces what anybody could have sent.
      this.drop(sequence);
      partial = undefined;
    }
    if (!partial) {
      if (this.#bytes + length > MAX_BYTES) return false;
      partial = {
        type,
        epoch,
        body: new Uint8Array(length),
        missing: [{ from: 0, to: length }],
        whole: false,
      };
      this.#partials.set(sequence, partial);
      this.#bytes += length;
    }
    if (partial.type !== type || partial.body.length !== length || partial.epoch !== epoch) return false;
    return fill(partial, fragment);
  }

  /** The message with this number, if it is whole; it is no longer held then. */
  take(sequence: number): HandshakeMessage | undefined {
    const partial = this.#partials.get(sequence);
    if (!partial?.whole) return undefined;
    this.drop(sequence);
    return { type: partial.type, sequence, epoch: partial.epoch, body: partial.body };
  }

  drop(sequence: number): void {
    const partial = this.#partials.get(sequence);
    if (!partial) return;
    this.#partials.delete(sequence);
    this.#bytes -= partial.body.length;
  }
}

interface Partial {
  readonly type: number;
  readonly epoch: number;
  readonly body: Uint8Array;
  /** Sorted, disjoint, never touching. */
  missing: Gap[];
  whole: boolean;
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

function fill(partial: Partial, fragment: HandshakeFragment): boolean {
  const from = fragment.offset;
  const to = from + fragment.bytes.length;
  const missing: Gap[] = [];
  for (const gap of partial.missing) {
    const start = Math.max(gap.from, from);
    const end = Math.min(gap.to, to);
    if (start >= end) {
      missing.push(gap);
      continue;
    }
    // First come, first kept: bytes once written are not written again.
    partial.body.set(fragment.bytes.subarray(start - from, end - from), start);
    if (gap.from < start) missing.push({ from: gap.from, to: start });
    if (end < gap.to) missing.push({ from: end, to: gap.to });
  }
  if (missing.length > MAX_GAPS) return false;
  partial.missing = missing;
  partial.whole = missing.every((gap) => gap.from === gap.to);
  return true;
}

function readUint24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** A flight has at most six messages. */
const MAX_AHEAD = 6;
/** A certificate of 4,096-bit RSA has about 1,500 bytes; chains a few thousand. */
const MAX_MESSAGE = 12_000;
const MAX_BYTES = 24_000;
const MAX_GAPS = 64;

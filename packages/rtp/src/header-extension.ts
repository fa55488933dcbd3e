import { writeU16 } from './bytes.ts';
import { oneByteProfile, type RtpHeader, twoByteProfile } from './rtp-header.ts';

/**
 * Where each header extension of the current packet lies, by id (RFC 8285). One table is filled again for
 * each packet in a single pass: a packet can't cost more than its own length.
 */
export class ExtensionTable {
  /** Ids present, in their order in the packet; `count` of them are valid. */
  readonly ids = new Uint8Array(256);
  count = 0;
  readonly #offset = new Uint32Array(256);
  readonly #length = new Uint8Array(256);
  /** Packet number in which an id was seen last: saves clearing the table. */
  readonly #seenIn = new Float64Array(256);
  #packet = 0;

  /**
   * Reads the extensions of a parsed header. A malformed rest is ignored, as RFC 8285 §4.2 asks; of an id
   * that comes twice the first counts.
   */
  read(bytes: Uint8Array, header: RtpHeader): void {
    this.#packet++;
    this.count = 0;
    let at = header.extensionOffset;
    const end = at + header.extensionLength;
    if (header.extensionProfile === oneByteProfile) {
      while (at < end) {
        const first = bytes[at]!;
        at++;
        if (first === 0) continue;
        const id = first >> 4;
        // 15 is reserved: processing stops. 0 with a length is padding of a confused sender.
        if (id === 15) return;
        const length = (first & 15) + 1;
        if (at + length > end) return;
        if (id !== 0) this.#add(id, at, length);
        at += length;
      }
    } else if ((header.extensionProfile & 0xfff0) === twoByteProfile) {
      while (at < end) {
        const id = bytes[at]!;
        at++;
        if (id === 0) continue;
        if (at >= end) return;
        const length = bytes[at]!;
        at++;
        if (at + length > end) return;
        this.#add(id, at, length);
        at += length;
      }
    }
  }

  has(id: number): boolean {
    return this.#seenIn[id] === this.#packet && this.#packet > 0;
  }

  /** Where the data of extension `id` begin; -1 when the packet has none. Id 0 is never there. */
  offset(id: number): number {
    return this.has(id) ? this.#offset[id]! : -1;
  }

  /** Bytes of data of extension `id`; -1 when the packet has none (0 is legal in the two-byte form). */
  length(id: number): number {
    return this.has(id) ? this.#length[id]! : -1;
  }

  #add(id: number, offset: number, length: number): void {
    if (this.#seenIn[id] === this.#packet) return;
    this.#seenIn[id] = this.#packet;
    this.#offset[id] = offset;
    this.#length[id] = length;
    this.ids[this.count++] = id;
  }
}

/**
 * Writes an extension block. begin(), then add() or reserve() for each element, then end(). What does not
 * fit is left out and reported, nothing throws.
 */
export class ExtensionWriter {
  #out: Uint8Array = new Uint8Array(0);
  #start = 0;
  #at = 0;
  #limit = 0;
  #twoByte = false;

  /**
   * The block begins at `offset` of `out`, right after the CSRCs, and may grow to `limit` (an end offset).
   * The one-byte form takes ids 1…14 and 1…16 bytes each; the two-byte form ids 1…255 and 0…255 bytes.
   */
  begin(out: Uint8Array, offset: number, twoByte: boolean, limit: number = out.length): void {
    this.#out = out;
    this.#start = offset;
    this.#at = offset + 4;
    this.#limit = Math.min(limit, out.length);
    this.#twoByte = twoByte;
  }

  /** Room for `length` bytes under `id`, zeroed; answers where they are, -1 when they can't be written. */
  reserve(id: number, length: number): number {
    const maxId = this.#twoByte ? 255 : 14;
    if (id < 1 || id > maxId || length > (this.#twoByte ? 255 : 16)) return -1;
    if (length < (this.#twoByte ? 0 : 1)) return -1;
    const head = this.#twoByte ? 2 : 1;
    const end = this.#at + head + length;
    if (roundUp4(end - this.#start) + this.#start > this.#limit) return -1;
    if (this.#twoByte) {
      this.#out[this.#at] = id;
      this.#out[this.#at + 1] = length;
    } else {
      this.#out[this.#at] = (id << 4) | (length - 1);
    }
    const data = this.#at + head;
    for (let i = data; i < end; i++) this.#out[i] = 0;
    this.#at = end;
    return data;
  }

  /** Copies `length` bytes of `from`; answers where they are now, -1 when they can't be written. */
  add(id: number, from: Uint8Array, offset: number, length: number): number {
    const data = this.reserve(id, length);
    if (data < 0) return -1;
    for (let i = 0; i < length; i++) this.#out[data + i] = from[offset + i]!;
    return data;
  }

  /**
   * Pads to a multiple of four and writes profile and length. Answers the end offset of the block: the
   * begin offset when nothing was added; then the X bit of the header must be clear.
   */
  end(): number {
    if (this.#at <= this.#start + 4) return this.#start;
    const end = this.#start + roundUp4(this.#at - this.#start);
    for (let i = this.#at; i < end; i++) this.#out[i] = 0;
    writeU16(this.#out, this.#start, this.#twoByte ? twoByteProfile : oneByteProfile);
    writeU16(this.#out, this.#start + 2, (end - this.#start - 4) / 4);
    return end;
  }
}

/**
 * Copies the extensions of a packet under new ids: `idMap[old]` is the new id, 0 drops it. The table holds
 * the packet's extensions. To be called between begin() and end() of the writer.
 */
export function writeExtensions(
  writer: ExtensionWriter,
  bytes: Uint8Array,
  table: ExtensionTable,
  idMap: Uint8Array,
): void {
  for (let i = 0; i < table.count; i++) {
    const old = table.ids[i]!;
    const id = idMap[old] ?? 0;
    if (id !== 0) writer.add(id, bytes, table.offset(old), table.length(old));
  }
}

function roundUp4(n: number): number {
  return (n + 3) & ~3;
}

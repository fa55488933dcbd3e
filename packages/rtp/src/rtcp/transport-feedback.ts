import { readU16, readU24, writeU16, writeU24, writeU32 } from '../bytes.ts';
import { RtcpType, TransportFeedbackFormat } from './types.ts';

/** Reference time comes in steps of 64 ms, deltas in steps of 0.25 ms. */
const referenceStepMs = 64;
const deltaStepMs = 0.25;
const maxStatuses = 65_535;
/** A receive delta must fit signed 16 bits: 8191 ms. */
const maxDeltaSteps = 32_767;

/**
 * Contents of one transport-wide feedback packet (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1),
 * read into the same arrays again and again.
 */
export class TransportFeedback {
  baseSequence = 0;
  /** Number of packets the feedback speaks of, received or not. */
  count = 0;
  /** Milliseconds of the sender's clock, modulo 2^24 × 64 ms (signed). */
  referenceTimeMs = 0;
  /** Counts feedback packets, 8 bits. */
  feedbackCount = 0;
  receivedCount = 0;
  /** 1 = packet `baseSequence + i` was received. */
  received = new Uint8Array(256);
  /** Arrival in milliseconds, on the scale of referenceTimeMs; meaningful where received. */
  arrivalMs = new Float64Array(256);

  /**
   * Reads the feedback control information: `offset` and `length` after the two SSRCs. False when it is cut
   * short or contradicts itself; never reads beyond `length`.
   */
  parse(bytes: Uint8Array, offset: number, length: number): boolean {
    const end = offset + length;
    if (length < 8 || offset < 0 || end > bytes.length) return false;
    this.baseSequence = readU16(bytes, offset);
    this.count = readU16(bytes, offset + 2);
    this.referenceTimeMs = ((readU24(bytes, offset + 4) << 8) >> 8) * referenceStepMs;
    this.feedbackCount = bytes[offset + 7]!;
    this.receivedCount = 0;
    if (this.count === 0) return false;
    this.#reserve(this.count);

    let at = offset + 8;
    let i = 0;
    // First pass: symbols (0 not received, 1 small delta, 2 large or negative delta).
    while (i < this.count) {
      if (at + 2 > end) return false;
      const chunk = readU16(bytes, at);
      at += 2;
      if (chunk < 0x8000) {
        const symbol = chunk >> 13;
        const run = Math.min(chunk & 0x1fff, this.count - i);
        if (symbol === 3 || run === 0) return false;
        this.received.fill(symbol, i, i + run);
        i += run;
      } else if (chunk < 0xc000) {
        for (let bit = 13; bit >= 0 && i < this.count; bit--) this.received[i++] = (chunk >> bit) & 1;
      } else {
        for (let bit = 12; bit >= 0 && i < this.count; bit -= 2) {
          const symbol = (chunk >> bit) & 3;
          if (symbol === 3) return false;
          this.received[i++] = symbol;
        }
      }
    }
    // Second pass: deltas.
    let time = this.referenceTimeMs;
    for (i = 0; i < this.count; i++) {
      const symbol = this.received[i]!;
      if (symbol === 0) continue;
      if (at + symbol > end) return false;
      time += (symbol === 1 ? bytes[at]! : (readU16(bytes, at) << 16) >> 16) * deltaStepMs;
      at += symbol;
      this.received[i] = 1;
      this.arrivalMs[i] = time;
      this.receivedCount++;
    }
    return true;
  }

  #reserve(count: number): void {
    if (this.received.length >= count) return;
    const size = Math.min(maxStatuses, Math.max(count, this.received.length * 2));
    this.received = new Uint8Array(size);
    this.arrivalMs = new Float64Array(size);
  }
}

/**
 * Remembers when packets arrived, by transport-wide sequence number, and writes feedback packets about
 * them. Arrivals are kept in a ring of `capacity` numbers.
 */
export class TransportFeedbackRecorder {
  readonly #capacity: number;
  /** Arrival in 0.25 ms steps; NaN = not received. */
  readonly #arrival: Float64Array;
  /** Next number to report on, and one past the highest received; unwrapped. */
  #from = 0;
  #to = 0;
  #started = false;
  #feedbackCount = 0;

  /** @param capacity a power of two, at most 32768; how many numbers may wait for a report. */
  constructor(capacity = 4096) {
    if (capacity < 2 || capacity > 32_768 || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError('capacity: a power of two, at most 32768');
    }
    this.#capacity = capacity;
    this.#arrival = new Float64Array(capacity).fill(Number.NaN);
  }

  /** True when there is something to report. */
  get pending(): boolean {
    return this.#started && this.#to > this.#from;
  }

  /** Takes the arrival of a packet. `nowMs` may have fractions. Late and repeated packets are fine. */
  record(transportSequence: number, nowMs: number): void {
    if (!this.#started) {
      this.#started = true;
      this.#from = transportSequence;
      this.#to = transportSequence;
    }
    const n = this.#to + (((transportSequence - this.#to) << 16) >> 16);
    // Reported already: a late packet is reported again from where it is, if it is not too far back.
    if (n < this.#from) {
      if (n < 0 || this.#to - n >= this.#capacity / 2) return;
      for (let i = n; i < this.#from; i++) this.#arrival[i & (this.#capacity - 1)] = Number.NaN;
      this.#from = n;
    }
    if (n >= this.#to) {
      const jump = Math.min(n - this.#to, this.#capacity);
      for (let i = n - jump; i < n; i++) this.#arrival[i & (this.#capacity - 1)] = Number.NaN;
      this.#to = n + 1;
      if (this.#to - this.#from > this.#capacity) this.#from = this.#to - this.#capacity;
      this.#arrival[n & (this.#capacity - 1)] = Math.round(nowMs / deltaStepMs);
      return;
    }
    const place = n & (this.#capacity - 1);
    if (Number.isNaN(this.#arrival[place]!)) this.#arrival[place] = Math.round(nowMs / deltaStepMs);
  }

  /**
   * Writes one feedback packet (RTCP header included) at `offset`, at most to `limit`, and answers its end;
   * `offset` itself when nothing is left. Call until `pending` is false.
   */
  write(out: Uint8Array, offset: number, limit: number, senderSsrc: number, mediaSsrc: number): number {
    const mask = this.#capacity - 1;
    while (this.#from < this.#to && Number.isNaN(this.#arrival[this.#from & mask]!)) this.#from++;
    const room = Math.min(limit, out.length) - offset;
    if (this.#from >= this.#to || room < 24) return offset;

    const first = this.#arrival[this.#from & mask]!;
    const stepsPerReference = referenceStepMs / deltaStepMs;
    const reference = Math.floor(first / stepsPerReference);
    // Which numbers fit: worst case 2 bytes of chunk per 7 statuses and 2 bytes of delta each.
    let time = reference * stepsPerReference;
    let size = 20;
    let end = this.#from;
    let lastReceived = this.#from;
    while (end < this.#to && end - this.#from < maxStatuses) {
      const arrival = this.#arrival[end & mask]!;
      const chunks = Math.ceil((end - this.#from + 1) / 7) * 2;
      if (!Number.isNaN(arrival)) {
        const delta = arrival - time;
        if (delta > maxDeltaSteps || delta < -32_768) break;
        const bytes = delta >= 0 && delta <= 255 ? 1 : 2;
        if (size + bytes + chunks + 3 > room) break;
        size += bytes;
        time = arrival;
        lastReceived = end;
      } else if (size + chunks + 3 > room) break;
      end++;
    }
    const stop = lastReceived + 1;

    let at = offset + 20;
    at = this.#writeChunks(out, at, this.#from, stop, reference * stepsPerReference);
    time = reference * stepsPerReference;
    for (let n = this.#from; n < stop; n++) {
      const arrival = this.#arrival[n & mask]!;
      if (Number.isNaN(arrival)) continue;
      const delta = arrival - time;
      if (delta >= 0 && delta <= 255) out[at++] = delta;
      else {
        writeU16(out, at, delta);
        at += 2;
      }
      time = arrival;
    }
    // Pads to whole words; the count of padding bytes is the last of them.
    const length = (at - offset + 3) & ~3;
    const padding = offset + length - at;
    for (let i = 0; i < padding; i++) out[at + i] = i === padding - 1 ? padding : 0;

    // Padding of one to three bytes, as Chrome writes and reads it, though RFC 3550 speaks of fours.
    out[offset] = (padding > 0 ? 0xa0 : 0x80) | TransportFeedbackFormat.transportWide;
    out[offset + 1] = RtcpType.transportFeedback;
    writeU16(out, offset + 2, length / 4 - 1);
    writeU32(out, offset + 4, senderSsrc);
    writeU32(out, offset + 8, mediaSsrc);
    writeU16(out, offset + 12, this.#from);
    writeU16(out, offset + 14, stop - this.#from);
    writeU24(out, offset + 16, reference & 0xffffff);
    out[offset + 19] = this.#feedbackCount;
    this.#feedbackCount = (this.#feedbackCount + 1) & 255;
    this.#from = stop;
    return offset + length;
  }

  /** Run-length chunks where 14 or more statuses are equal, else vectors of two-bit symbols. */
  #writeChunks(out: Uint8Array, offset: number, from: number, stop: number, startTime: number): number {
    const mask = this.#capacity - 1;
    const symbols = this.#symbols(from, stop, startTime, mask);
    let at = offset;
    let i = 0;
    while (i < symbols.length) {
      let run = 1;
      while (i + run < symbols.length && run < 8191 && symbols[i + run] === symbols[i]) run++;
      if (run >= 7 || i + run === symbols.length) {
        writeU16(out, at, (symbols[i]! << 13) | run);
        i += run;
      } else {
        let oneBit = true;
        for (let k = 0; k < 14 && i + k < symbols.length; k++) if (symbols[i + k]! > 1) oneBit = false;
        let chunk = oneBit ? 0x8000 : 0xc000;
        const width = oneBit ? 14 : 7;
        for (let k = 0; k < width && i + k < symbols.length; k++) {
          chunk |= symbols[i + k]! << (oneBit ? 13 - k : 12 - k * 2);
        }
        writeU16(out, at, chunk);
        i += Math.min(width, symbols.length - i);
      }
      at += 2;
    }
    return at;
  }

  #symbols(from: number, stop: number, startTime: number, mask: number): Uint8Array {
    const symbols = new Uint8Array(stop - from);
    let time = startTime;
    for (let n = from; n < stop; n++) {
      const arrival = this.#arrival[n & mask]!;
      if (Number.isNaN(arrival)) continue;
      const delta = arrival - time;
      symbols[n - from] = delta >= 0 && delta <= 255 ? 1 : 2;
      time = arrival;
    }
    return symbols;
  }
}

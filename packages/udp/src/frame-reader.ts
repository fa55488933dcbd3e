/**
 * Cuts a byte stream into frames of a 2-byte length and so many bytes (RFC 4571 §2). Frames that lie whole
 * in a chunk are handed out without a copy; of an unfinished one at most `maxFrameBytes` are kept.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #onFrame: (frame: Uint8Array) => void;
  /** Length field and data of the unfinished frame. */
  #partial: Uint8Array | undefined;
  #have = 0;

  constructor(maxFrameBytes: number, onFrame: (frame: Uint8Array) => void) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** False when a frame is longer than allowed: the stream is beyond repair and must be closed. */
  push(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#have === 0) {
        const rest = chunk.length - at;
        if (rest >= 2) {
          const length = (chunk[at]! << 8) | chunk[at + 1]!;
          if (length > this.#maxFrameBytes) return false;
          if (rest >= 2 + length) {
            if (length > 0) this.#onFrame(chunk.subarray(at + 2, at + 2 + length));
            at += 2 + length;
            continue;
          }
        }
      }
      this.#partial ??= new Uint8Array(2 + this.#maxFrameBytes);
      const partial = this.#partial;
      const wanted = this.#have < 2 ? 2 : 2 + ((partial[0]! << 8) | partial[1]!);
      if (wanted - 2 > this.#maxFrameBytes) return false;
      const taken = Math.min(wanted - this.#have, chunk.length - at);
      partial.set(chunk.subarray(at, at + taken), this.#have);
      this.#have += taken;
      at += taken;
      if (this.#have < wanted || wanted === 2) {
        // With the length known, an empty frame is complete already.
        if (this.#have === 2 && partial[0] === 0 && partial[1] === 0) this.#have = 0;
        continue;
      }
      this.#have = 0;
      this.#onFrame(partial.subarray(2, wanted));
    }
    return true;
  }
}

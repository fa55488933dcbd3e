const frames = 512;

/** A mark for each of the newest 512 frames of a stream, by their extended numbers. */
export class FrameWindow {
  readonly #marks = new Uint32Array(frames / 32);
  #newest = -1;

  /** Marks a frame, or takes its mark away. Frames that it jumps over have none. */
  set(frame: number, marked: boolean): void {
    if (frame > this.#newest) this.#advance(frame);
    else if (frame <= this.#newest - frames) return;
    const bit = 1 << (frame % 32);
    const word = (frame % frames) >> 5;
    if (marked) this.#marks[word]! |= bit;
    else this.#marks[word]! &= ~bit;
  }

  has(frame: number): boolean {
    if (frame > this.#newest || frame <= this.#newest - frames) return false;
    return ((this.#marks[(frame % frames) >> 5]! >>> (frame % 32)) & 1) === 1;
  }

  reset(): void {
    this.#newest = -1;
    this.#marks.fill(0);
  }

  #advance(frame: number): void {
    if (this.#newest < 0 || frame - this.#newest >= frames) this.#marks.fill(0);
    else {
      for (let n = this.#newest + 1; n <= frame; n++) this.#marks[(n % frames) >> 5]! &= ~(1 << (n % 32));
    }
    this.#newest = frame;
  }

  /** How far back marks reach. */
  static readonly length = frames;
}

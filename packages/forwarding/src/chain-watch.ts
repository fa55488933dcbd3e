import type { DependencyDescriptor } from '@weir/rtp';
import { FrameWindow } from './frame-window.ts';

const maxChains = 32;

/**
 * Knows which chains of a stream are complete (AV1 RTP specification, A.4.4): of a target whose chain has a gap, the
 * frames that come can't be decoded until the gap is repaired or the chain begins anew.
 */
export class ChainWatch {
  /** Bit per chain with a gap. */
  broken = 0;
  readonly #received = new FrameWindow();
  /** Newest frame that a chain lacks; -1 = none. */
  readonly #missing = new Float64Array(maxChains).fill(-1);

  /** The packet that the descriptor read last has arrived. */
  note(descriptor: DependencyDescriptor): void {
    // The first packet of a frame stands for all of it: what else is missing is asked for as it is.
    if (!descriptor.startOfFrame) return;
    const { frame, chainDiffs, structure, isNewest } = descriptor;
    if (this.#received.has(frame)) return;
    this.#received.set(frame, true);
    for (let c = 0; c < structure.chainCount; c++) {
      const distance = chainDiffs[c]!;
      if (!isNewest && this.#missing[c] !== frame) continue;
      if (distance === 0) this.#set(c, -1);
      else if (!this.#received.has(frame - distance)) this.#set(c, frame - distance);
      else if (!isNewest) this.#set(c, -1);
    }
  }

  /** The stream restarted. */
  reset(): void {
    this.broken = 0;
    this.#received.reset();
    this.#missing.fill(-1);
  }

  #set(chain: number, missing: number): void {
    this.#missing[chain] = missing;
    if (missing < 0) this.broken &= ~(1 << chain);
    else this.broken |= 1 << chain;
  }
}

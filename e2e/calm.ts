import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Timers of a machine that has time for its tests are not later than this, 19 times of 20. */
const calmMs = 25;
const resolutionMs = 10;

/**
 * Watches how late this process's timers are. Estimation of bandwidth reads milliseconds: on a machine that lets a
 * link emulator or a browser wait for a processor, it sees a path that does the same, and is right.
 */
export class Calmness {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#histogram.enable();
  }

  /** Milliseconds by which timers were late, 95th percentile since the start or reset(). */
  get lateMs(): number {
    return Math.max(0, this.#histogram.percentile(95) / 1e6 - resolutionMs);
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** Whether what was measured since reset() can be held against anything; says so loudly if not. */
  judges(what: string, framesPerSecond: number, expected: number): boolean {
    const { lateMs } = this;
    if (lateMs <= calmMs && framesPerSecond >= expected * 0.7) return true;
    console.warn(
      `\n!!! NOT JUDGED: ${what}. This machine is too busy to say anything about networks: timers are ` +
        `${lateMs.toFixed(0)} ms late, and the camera makes ${framesPerSecond.toFixed(1)} of ${expected} frames a second.\n`,
    );
    return false;
  }

  stop(): void {
    this.#histogram.disable();
  }
}

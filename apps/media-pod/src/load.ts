import { type ELDHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** Counters that only grow, read at one moment. */
export interface LoadReading {
  readonly nowMs: number;
  /** User and system time of this process. */
  readonly cpuMicros: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
}

export interface LoadRates {
  /** Cores in use: 1 = one core all the time. */
  readonly cpu: number;
  readonly egressPps: number;
  readonly egressBps: number;
}

/** Rates between two readings; nothing happens in no time. */
export function ratesBetween(before: LoadReading, after: LoadReading): LoadRates {
  const seconds = (after.nowMs - before.nowMs) / 1000;
  if (seconds <= 0) return { cpu: 0, egressPps: 0, egressBps: 0 };
  return {
    cpu: Math.max(0, after.cpuMicros - before.cpuMicros) / 1e6 / seconds,
    egressPps: Math.max(0, after.sentPackets - before.sentPackets) / seconds,
    egressBps: (Math.max(0, after.sentBytes - before.sentBytes) * 8) / seconds,
  };
}

/** How late the event loop's timers are: the time that a datagram may wait before anybody looks at it. */
export class LoopLag {
  readonly #histogram: ELDHistogram = monitorEventLoopDelay({ resolution: resolutionMs });

  start(): void {
    this.#histogram.enable();
  }

  /** 99th percentile since the last call, in milliseconds; then it begins anew. */
  takeP99Ms(): number {
    // The histogram counts the timer's own interval.
    const ms = this.#histogram.count === 0 ? 0 : this.#histogram.percentile(99) / 1e6 - resolutionMs;
    this.#histogram.reset();
    return Math.max(0, ms);
  }

  stop(): void {
    this.#histogram.disable();
  }
}

const resolutionMs = 10;

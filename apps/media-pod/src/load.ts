import { type ELDHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** Totals of one worker that only grow, read at one moment. */
export interface LoadReading {
  readonly nowMs: number;
  /** User and system time of its thread. */
  readonly cpuMicros: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
}

export interface LoadRates {
  /** Part of a core in use: 1 = all the time. */
  readonly cpu: number;
  readonly egressPps: number;
  readonly egressBps: number;
}

export const noLoad: LoadRates = { cpu: 0, egressPps: 0, egressBps: 0 };

/** Rates between two readings; nothing happens in no time. */
export function ratesBetween(before: LoadReading, after: LoadReading): LoadRates {
  const seconds = (after.nowMs - before.nowMs) / 1000;
  if (seconds <= 0) return noLoad;
  return {
    cpu: Math.max(0, after.cpuMicros - before.cpuMicros) / 1e6 / seconds,
    egressPps: Math.max(0, after.sentPackets - before.sentPackets) / seconds,
    egressBps: (Math.max(0, after.sentBytes - before.sentBytes) * 8) / seconds,
  };
}

/** How late the event loop's timers are: the time that a datagram may wait before anybody looks at it. */
export class LoopLag {
  readonly #histogram: ELDHistogram = monitorEventLoopDelay({ resolution: resolutionMs });
  #timer: NodeJS.Timeout | undefined;
  #lastP99Ms: number | undefined;

  start(): void {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#lastP99Ms = this.#running();
      this.#histogram.reset();
    }, intervalMs);
    this.#timer.unref();
  }

  /** 99th percentile in milliseconds, of the last full interval of 5 s; before there is one, since the start. */
  get p99Ms(): number {
    return this.#lastP99Ms ?? this.#running();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #running(): number {
    if (this.#histogram.count === 0) return 0;
    // The histogram counts the timer's own interval.
    return Math.max(0, this.#histogram.percentile(99) / 1e6 - resolutionMs);
  }
}

/** Each look wakes the thread, which costs as much as forwarding a dozen packets. */
const resolutionMs = 50;
const intervalMs = 5000;

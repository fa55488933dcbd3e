import { type ELDHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

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

/** What a pod can carry, as its settings say. */
export interface Limits {
  readonly transports: number;
  /** Datagrams per second that all media workers were seen to send without loss; undefined = nobody measured. */
  readonly egressPps: number | undefined;
  /** Of the network interface, or the pod's share of it; undefined = nobody said. */
  readonly egressBps: number | undefined;
}

export interface Used {
  readonly transports: number;
  readonly egressPps: number;
  readonly egressBps: number;
  readonly loopLagMs: number;
  /** Part of a core that the busiest media worker uses. */
  readonly busiestCpu: number;
}

/** How much of each resource is in use, as parts of 1; more than 1 is over the limit. */
export function usedRatios(used: Used, limits: Limits): Record<UsedResource, number> {
  const part = (amount: number, limit: number | undefined) => (limit === undefined ? 0 : amount / limit);
  return {
    transports: used.transports / limits.transports,
    cpu: used.busiestCpu,
    packets: part(used.egressPps, limits.egressPps),
    bandwidth: part(used.egressBps, limits.egressBps),
    lag: used.loopLagMs / worstLagMs,
  };
}

export type UsedResource = 'transports' | 'cpu' | 'packets' | 'bandwidth' | 'lag';

/** Packets that wait so long are heard and seen. */
const worstLagMs = 100;

/** Garbage collections of this thread. */
export class Collections {
  count = 0;
  totalMs = 0;
  readonly #observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      this.count += 1;
      this.totalMs += duration;
    }
  });

  start(): void {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.#observer.disconnect();
  }
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

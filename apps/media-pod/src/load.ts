import { createHistogram, PerformanceObserver, type RecordableHistogram } from 'node:perf_hooks';

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

/**
 * How late the event loop comes to what is due: the time that a datagram may wait before anybody looks at it. Told by
 * the timers that the packet path has anyway: one that only looks wakes the thread, which costs as much as
 * forwarding a dozen packets.
 */
export class LoopLag {
  #now: RecordableHistogram = createHistogram();
  #last: RecordableHistogram | undefined;
  #since = Number.NaN;

  /** A timer due at `due` ran at `now`, milliseconds. */
  note(due: number, now: number): void {
    this.#turn(now);
    this.#now.record(1 + Math.max(0, Math.round((now - due) * 1000)));
  }

  /** 99th percentile in milliseconds, of the last full 5 s; before there are any, since the start. */
  p99Ms(now: number): number {
    this.#turn(now);
    const histogram = this.#last ?? this.#now;
    return histogram.count === 0 ? 0 : (histogram.percentile(99) - 1) / 1000;
  }

  #turn(now: number): void {
    if (Number.isNaN(this.#since)) this.#since = now;
    if (now - this.#since < intervalMs) return;
    // After a longer silence of the timers what they said before it is old.
    this.#last = now - this.#since < 2 * intervalMs ? this.#now : createHistogram();
    this.#now = createHistogram();
    this.#since = now;
  }
}

const intervalMs = 5000;

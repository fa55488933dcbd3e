import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { readKernelCounters } from './kernel.ts';
import { type Limits, type LoadRates, usedRatios } from './load.ts';
import { createMediaMetrics } from './media-metrics.ts';
import type { WorkerCounters, WorkerStatus } from './worker.ts';

/** What the pod knows at the moment somebody asks. */
export interface MetricsSource {
  /** UDP port of each worker. */
  readonly ports: readonly number[];
  readonly version: string;
  readonly limits: Limits;
  /** Socket buffers that the settings ask for. */
  readonly wantedBuffers: { readonly receiveBytes: number; readonly sendBytes: number };
  /** By worker. */
  statuses(): Promise<readonly WorkerStatus[]>;
  snapshot(): {
    readonly rooms: number;
    readonly transports: number;
    readonly receivers: number;
    readonly senders: number;
    readonly cpu: number;
    readonly egressPps: number;
    readonly egressBps: number;
    readonly loopLagMs: number;
    readonly workers: readonly WorkerFacts[];
    /** undefined = signaling has never acknowledged one. */
    readonly leaseAgeSeconds: number | undefined;
    readonly placeable: boolean;
    readonly draining: boolean;
    readonly reportsQueued: number;
    readonly reportFailures: number;
    readonly happeningsShed: number;
    readonly happeningsRefused: number;
  };
}

export interface WorkerFacts extends LoadRates {
  readonly engine: string;
  readonly up: boolean;
  readonly restarts: number;
  readonly rooms: number;
}

export interface Metrics {
  readonly contentType: string;
  /** The Prometheus text of this moment. */
  text(): Promise<string>;
}

/** Prometheus metrics, read when scraped: nothing is counted twice and nothing costs time in between. */
export function createMetrics(source: MetricsSource): Metrics {
  const registry = new Registry();
  // Each look at the event loop wakes the thread, and those of media workers tell their lag by themselves. So this
  // one looks as seldom as it can, and what that would tell is left out.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1000 });
  for (const part of ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99']) {
    registry.removeSingleMetric(`nodejs_eventloop_lag_${part}_seconds`);
  }

  const counter = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const counted: Record<keyof WorkerCounters, readonly [name: string, help: string]> = {
    receivedPackets: ['received_packets_total', 'Datagrams received on media ports'],
    receivedBytes: ['received_bytes_total', 'Bytes received on media ports'],
    sentPackets: ['sent_packets_total', 'Datagrams sent from media ports'],
    sentBytes: ['sent_bytes_total', 'Bytes sent from media ports'],
    authenticationFailures: ['srtp_authentication_failures_total', 'SRTP packets that failed authentication'],
    replays: ['srtp_replays_total', 'SRTP packets that were replayed'],
    sendErrors: ['send_errors_total', 'Datagrams the kernel did not take'],
    oversized: ['oversized_datagrams_total', 'Datagrams too long for a slot, dropped'],
    faults: ['faults_total', 'Times a media worker threw; each is a defect'],
  };
  // Once for the pod and once by worker, under names of their own: a sum over one name must not count twice.
  const names = keysOf(counted).map((key) => {
    const [name, help] = counted[key];
    return {
      key,
      pod: counter(`weir_pod_${name}`, help),
      worker: counter(`weir_pod_worker_${name}`, help, byWorker),
    };
  });
  const kernel = {
    receiveBufferErrors: counter(
      'weir_pod_kernel_udp_receive_buffer_errors_total',
      'Datagrams dropped because a receive buffer was full, in this network namespace',
    ),
    sendBufferErrors: counter(
      'weir_pod_kernel_udp_send_buffer_errors_total',
      'Datagrams dropped because a send buffer was full, in this network namespace',
    ),
    socketDrops: counter(
      'weir_pod_kernel_socket_drops_total',
      'Datagrams the kernel dropped at media sockets',
    ),
    throttledPeriods: counter(
      'weir_pod_cpu_throttled_periods_total',
      'Periods in which the CPU limit stopped this pod',
    ),
    throttledSeconds: counter(
      'weir_pod_cpu_throttled_seconds_total',
      'Time for which the CPU limit stopped this pod',
    ),
  };
  const conntrack = {
    conntrackEntries: gauge('weir_pod_conntrack_entries', 'Connections tracked by the kernel'),
    conntrackLimit: gauge('weir_pod_conntrack_limit', 'Connections the kernel can track'),
  };
  const gauges = {
    rooms: gauge('weir_pod_rooms', 'Rooms this pod holds'),
    transports: gauge('weir_pod_transports', 'Transports this pod holds'),
    receivers: gauge('weir_pod_receivers', 'RTP receivers this pod holds'),
    senders: gauge('weir_pod_senders', 'RTP senders this pod holds'),
    cpu: gauge(
      'weir_pod_cpu_cores',
      'Part of a core that a media worker used, mean of all, last lease interval',
    ),
    egressPps: gauge('weir_pod_egress_packets_per_second', 'Over the last lease interval'),
    egressBps: gauge('weir_pod_egress_bits_per_second', 'Over the last lease interval'),
    loopLagMs: gauge(
      'weir_pod_event_loop_lag_milliseconds',
      '99th percentile over 5 s, of the media worker that is latest',
    ),
    reportsQueued: gauge('weir_pod_report_queue', 'Happenings that signaling has not heard of'),
    reportFailures: gauge('weir_pod_report_failures', 'Failed attempts since signaling last answered'),
  };
  const worker = {
    up: gauge('weir_pod_worker_up', '0 = died, and is being started again', [...byWorker, 'engine']),
    restarts: counter('weir_pod_worker_restarts_total', 'Threads started in place of dead ones', byWorker),
    rooms: gauge('weir_pod_worker_rooms', 'Rooms this media worker holds', byWorker),
    cpu: gauge('weir_pod_worker_cpu_cores', 'Part of a core in use over the last lease interval', byWorker),
    loopLag: gauge('weir_pod_worker_event_loop_lag_milliseconds', '99th percentile over 5 s', byWorker),
    heap: gauge('weir_pod_worker_heap_bytes', 'JavaScript objects of this media worker', byWorker),
    external: gauge('weir_pod_worker_external_bytes', 'What those hold outside of the heap', byWorker),
    resources: gauge('weir_pod_worker_active_resources', 'Sockets, timers and the like', byWorker),
    collections: counter('weir_pod_worker_gc_total', 'Garbage collections of this media worker', byWorker),
    collectionSeconds: counter(
      'weir_pod_worker_gc_seconds_total',
      'Time for which they stopped it',
      byWorker,
    ),
    drops: counter(
      'weir_pod_worker_kernel_socket_drops_total',
      'Datagrams the kernel dropped at this media socket',
      byWorker,
    ),
  };
  const buffers = gauge('weir_pod_socket_buffer_bytes', 'Granted to this media socket by the kernel', [
    'worker',
    'direction',
  ]);
  const wantedBuffers = gauge(
    'weir_pod_socket_buffer_wanted_bytes',
    'What the settings ask for; if more than is granted, raise net.core.rmem_max and wmem_max',
    ['direction'],
  );
  wantedBuffers.set({ direction: 'receive' }, source.wantedBuffers.receiveBytes);
  wantedBuffers.set({ direction: 'send' }, source.wantedBuffers.sendBytes);
  const media = createMediaMetrics(registry);
  const leaseAge = gauge(
    'weir_pod_lease_age_seconds',
    'Since the newest lease that signaling acknowledged; -1 = none yet',
  );
  const placeable = gauge('weir_pod_placeable', '1 = may get rooms');
  const draining = gauge('weir_pod_draining', '1 = being emptied');
  const used = gauge(
    'weir_pod_capacity_used_ratio',
    'Greatest of weir_pod_resource_used_ratio; scale up before 0.6',
  );
  const usedOf = gauge(
    'weir_pod_resource_used_ratio',
    'Part in use: transports, CPU of the busiest media worker, datagrams and bits per second, event loop lag',
    ['resource'],
  );
  const version = gauge('weir_pod_info', 'Always 1', ['version']);
  version.set({ version: source.version }, 1);
  const shed = counter(
    'weir_pod_happenings_shed_total',
    'Happenings given up while signaling was away too long',
  );
  const refused = counter('weir_pod_happenings_refused_total', 'Happenings that signaling refused for good');

  return {
    contentType: registry.contentType,
    async text() {
      const [statuses, kernelCounted] = await Promise.all([
        source.statuses(),
        readKernelCounters(source.ports),
      ]);
      for (const { key, pod, worker } of names) {
        worker.reset();
        for (const [index, { counters }] of statuses.entries()) worker.inc({ worker: index }, counters[key]);
        setCounter(pod, sumOf(statuses.map(({ counters }) => counters[key])));
      }
      const { socketDrops, ...kernelTotals } = kernelCounted;
      for (const name of keysOf(kernel)) {
        const total = name === 'socketDrops' ? sumOf(socketDrops) : kernelTotals[name];
        setCounter(kernel[name], total ?? 0);
      }
      for (const name of keysOf(conntrack)) conntrack[name].set(kernelCounted[name] ?? 0);
      const now = source.snapshot();
      for (const name of keysOf(gauges)) gauges[name].set(now[name]);
      worker.restarts.reset();
      worker.drops.reset();
      worker.up.reset();
      worker.collections.reset();
      worker.collectionSeconds.reset();
      for (const [index, facts] of now.workers.entries()) {
        const at = { worker: index };
        const status = statuses[index]!;
        worker.up.set({ ...at, engine: facts.engine }, facts.up ? 1 : 0);
        worker.restarts.inc(at, facts.restarts);
        worker.rooms.set(at, facts.rooms);
        worker.cpu.set(at, facts.cpu);
        worker.loopLag.set(at, status.loopLagMs);
        worker.heap.set(at, status.heapBytes);
        worker.external.set(at, status.externalBytes);
        worker.resources.set(at, status.activeResources);
        worker.drops.inc(at, socketDrops[index] ?? 0);
        worker.collections.inc(at, status.collections);
        worker.collectionSeconds.inc(at, status.collectionMs / 1000);
        buffers.set({ ...at, direction: 'receive' }, status.receiveBufferBytes);
        buffers.set({ ...at, direction: 'send' }, status.sendBufferBytes);
      }
      leaseAge.set(now.leaseAgeSeconds ?? -1);
      placeable.set(now.placeable ? 1 : 0);
      draining.set(now.draining ? 1 : 0);
      const busiestCpu = Math.max(0, ...now.workers.map(({ cpu }) => cpu));
      const ratios = usedRatios({ ...now, busiestCpu }, source.limits);
      for (const resource of keysOf(ratios)) usedOf.set({ resource }, ratios[resource]);
      used.set(Math.max(...Object.values(ratios)));
      const overviews = statuses.map(({ media }) => media);
      media.set(overviews);
      setCounter(shed, now.happeningsShed);
      setCounter(refused, now.happeningsRefused);
      return `${await registry.metrics()}\n${media.histogramText(overviews)}`;
    },
  };
}

/** The totals are kept elsewhere; the metric only shows them. */
function setCounter(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}

function sumOf(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function keysOf<T extends object>(value: T): (keyof T)[] {
  return Object.keys(value) as (keyof T)[];
}

const byWorker = ['worker'] as const;

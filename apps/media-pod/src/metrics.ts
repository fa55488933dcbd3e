import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { readKernelCounters } from './kernel.ts';
import type { WorkerCounters } from './worker.ts';

/** What the pod knows at the moment somebody asks. */
export interface MetricsSource {
  readonly mediaPort: number;
  readonly capacity: number;
  counters(): Promise<WorkerCounters>;
  snapshot(): {
    readonly rooms: number;
    readonly transports: number;
    readonly receivers: number;
    readonly senders: number;
    readonly cpu: number;
    readonly egressPps: number;
    readonly egressBps: number;
    readonly loopLagMs: number;
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

export interface Metrics {
  readonly contentType: string;
  /** The Prometheus text of this moment. */
  text(): Promise<string>;
}

/** Prometheus metrics, read when scraped: nothing is counted twice and nothing costs time in between. */
export function createMetrics(source: MetricsSource): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const packets = {
    receivedPackets: counter('weir_pod_received_packets_total', 'Datagrams received on the media port'),
    receivedBytes: counter('weir_pod_received_bytes_total', 'Bytes received on the media port'),
    sentPackets: counter('weir_pod_sent_packets_total', 'Datagrams sent from the media port'),
    sentBytes: counter('weir_pod_sent_bytes_total', 'Bytes sent from the media port'),
    authenticationFailures: counter(
      'weir_pod_srtp_authentication_failures_total',
      'SRTP packets that failed authentication',
    ),
    replays: counter('weir_pod_srtp_replays_total', 'SRTP packets that were replayed'),
    sendErrors: counter('weir_pod_send_errors_total', 'Datagrams the kernel did not take'),
    oversized: counter('weir_pod_oversized_datagrams_total', 'Datagrams too long for a slot, dropped'),
    faults: counter('weir_pod_worker_faults_total', 'Times the media worker threw; each is a defect'),
  } satisfies Record<keyof WorkerCounters, Counter>;
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
      'Datagrams the kernel dropped at the media socket',
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
    cpu: gauge('weir_pod_cpu_cores', 'Cores in use over the last lease interval'),
    egressPps: gauge('weir_pod_egress_packets_per_second', 'Over the last lease interval'),
    egressBps: gauge('weir_pod_egress_bits_per_second', 'Over the last lease interval'),
    loopLagMs: gauge('weir_pod_event_loop_lag_milliseconds', '99th percentile over the last lease interval'),
    reportsQueued: gauge('weir_pod_report_queue', 'Happenings that signaling has not heard of'),
    reportFailures: gauge('weir_pod_report_failures', 'Failed attempts since signaling last answered'),
  };
  const leaseAge = gauge(
    'weir_pod_lease_age_seconds',
    'Since the newest lease that signaling acknowledged; -1 = none yet',
  );
  const placeable = gauge('weir_pod_placeable', '1 = may get rooms');
  const draining = gauge('weir_pod_draining', '1 = being emptied');
  const used = gauge(
    'weir_pod_capacity_used_ratio',
    'Greatest of transports / capacity and CPU; scale up before 0.6',
  );
  const shed = counter(
    'weir_pod_happenings_shed_total',
    'Happenings given up while signaling was away too long',
  );
  const refused = counter('weir_pod_happenings_refused_total', 'Happenings that signaling refused for good');

  return {
    contentType: registry.contentType,
    async text() {
      const [counted, kernelCounted] = await Promise.all([
        source.counters(),
        readKernelCounters(source.mediaPort),
      ]);
      for (const name of keysOf(packets)) setCounter(packets[name], counted[name]);
      for (const name of keysOf(kernel)) setCounter(kernel[name], kernelCounted[name] ?? 0);
      for (const name of keysOf(conntrack)) conntrack[name].set(kernelCounted[name] ?? 0);
      const now = source.snapshot();
      for (const name of keysOf(gauges)) gauges[name].set(now[name]);
      leaseAge.set(now.leaseAgeSeconds ?? -1);
      placeable.set(now.placeable ? 1 : 0);
      draining.set(now.draining ? 1 : 0);
      used.set(Math.max(now.transports / source.capacity, now.cpu));
      setCounter(shed, now.happeningsShed);
      setCounter(refused, now.happeningsRefused);
      return await registry.metrics();
    },
  };
}

/** The totals are kept elsewhere; the metric only shows them. */
function setCounter(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}

function keysOf<T extends object>(value: T): (keyof T)[] {
  return Object.keys(value) as (keyof T)[];
}

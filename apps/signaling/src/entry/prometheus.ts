import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../metrics.ts';

/** Metrics for Prometheus, with those of the process. */
export function prometheusMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Histogram({
    name: 'weir_http_request_seconds',
    help: 'Time to answer; of event streams, until their first byte',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers,
  });
  const readers = new Gauge({
    name: 'weir_event_readers',
    help: 'Open event streams and held polls',
    labelNames: ['kind'],
    registers,
  });
  const events = new Counter({
    name: 'weir_events_appended_total',
    help: 'Events appended to logs',
    registers,
  });
  const commits = new Histogram({
    name: 'weir_commit_seconds',
    help: 'Time of a change from its first attempt on',
    labelNames: ['outcome'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    registers,
  });
  const deliveries = new Histogram({
    name: 'weir_media_delivery_seconds',
    help: 'Time to tell a pod of a change',
    labelNames: ['outcome'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    registers,
  });
  const reports = new Counter({
    name: 'weir_pod_reports_total',
    help: 'Reports of media pods',
    labelNames: ['outcome'],
    registers,
  });
  const happenings = new Counter({
    name: 'weir_pod_happenings_total',
    help: 'Happenings in applied reports',
    registers,
  });
  const closed = new Counter({
    name: 'weir_peers_closed_total',
    help: 'Peers that left',
    labelNames: ['reason'],
    registers,
  });
  const webhooks = new Histogram({
    name: 'weir_webhook_seconds',
    help: 'Time of a call of a webhook',
    labelNames: ['outcome'],
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers,
  });
  const webhookLag = new Histogram({
    name: 'weir_webhook_lag_seconds',
    help: 'Time from an event to its acknowledgement by a webhook',
    buckets: [0.03, 0.1, 0.3, 1, 3, 10, 60, 600, 3600],
    registers,
  });
  return {
    request: ({ method, route, status }, seconds) => requests.observe({ method, route, status }, seconds),
    readers: (kind, change) => readers.inc({ kind }, change),
    eventsAppended: (count) => events.inc(count),
    commit: (outcome, seconds) => commits.observe({ outcome }, seconds),
    mediaDelivery: (outcome, seconds) => deliveries.observe({ outcome }, seconds),
    report: (outcome, count) => {
      reports.inc({ outcome });
      if (outcome === 'applied') happenings.inc(count);
    },
    peersClosed: (reason, count) => closed.inc({ reason }, count),
    webhook: (outcome, seconds, lagSeconds) => {
      webhooks.observe({ outcome }, seconds);
      if (lagSeconds !== undefined) webhookLag.observe(lagSeconds);
    },
    render: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}

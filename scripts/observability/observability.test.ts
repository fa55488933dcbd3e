import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { idle } from '../../apps/media-pod/src/idle-status.ts';
import { createMetrics } from '../../apps/media-pod/src/metrics.ts';
import { prometheusMetrics } from '../../apps/signaling/src/entry/prometheus.ts';
import { root } from '../stages.ts';
import { dashboards } from './dashboards.ts';
import { derivedFiles } from './derived.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

const { groups } = parse(readFileSync(join(root, 'infra/observability/alerts.yaml'), 'utf8')) as {
  groups: { rules: Rule[] }[];
};
const alerts = groups.flatMap(({ rules }) => rules);

/** What the programs export, as Prometheus would read it. */
async function exported(): Promise<string> {
  const worker = { cpu: 0, egressPps: 0, egressBps: 0, restarts: 0, engine: 'node', up: true, rooms: 0 };
  const pod = createMetrics({
    ports: [1],
    version: '0',
    limits: { transports: 1, egressPps: undefined, egressBps: undefined },
    wantedBuffers: { receiveBytes: 1, sendBytes: 1 },
    statuses: async () => [idle],
    snapshot: () => ({
      rooms: 0,
      transports: 0,
      receivers: 0,
      senders: 0,
      cpu: 0,
      egressPps: 0,
      egressBps: 0,
      loopLagMs: 0,
      workers: [worker],
      leaseAgeSeconds: undefined,
      placeable: true,
      draining: false,
      reportsQueued: 0,
      reportFailures: 0,
      happeningsShed: 0,
      happeningsRefused: 0,
    }),
  });
  const signaling = await prometheusMetrics().render()!;
  return `${await pod.text()}\n${signaling.text}`;
}

/** Names of series, those of histograms spelled out. */
function seriesNames(text: string): Set<string> {
  const names = new Set(['up']);
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    names.add(name!);
    if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) names.add(`${name}_${part}`);
  }
  return names;
}

/** Names that look like a series in a query: not a function, not a label, not inside of quotes. */
function namesIn(query: string): string[] {
  const bare = query
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/\b([a-z_][a-z0-9_]*)\b(?!\s*\()/g)]
    .map(([, name]) => name!)
    .filter((name) => !/^(or|and|unless|by|on|group_left|group_right)$/.test(name));
}

const queries = [
  ...alerts.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
  ...Object.values(dashboards).flatMap(({ title, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap((panel) => panel.lines.map(([expr]) => [`${title}: ${panel.title}`, expr] as const)),
    ),
  ),
];

describe('dashboards and alerts', () => {
  it('ask for nothing that the programs do not export', async () => {
    const names = seriesNames(await exported());
    expect(names.size).toBeGreaterThan(80);
    const unknown = queries.flatMap(([where, query]) =>
      namesIn(query)
        .filter((name) => !names.has(name))
        .map((name) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('would notice a name that is not exported', () => {
    expect(
      namesIn('sum by (le) (rate(weir_a_bucket{x="weir_b"}[5m])) / on (c) weir_d > 0.5 or weir_e'),
    ).toEqual(['weir_a_bucket', 'weir_d', 'weir_e']);
  });

  it('ask for label values that exist', async () => {
    const text = await exported();
    for (const [where, query] of queries) {
      for (const [, name, label, value] of query.matchAll(
        /(weir_pod_\w+)\{(state|phase|side|resource)="(\w+)"/g,
      )) {
        expect(text, where).toMatch(new RegExp(`^${name}{.*${label}="${value}"`, 'm'));
      }
    }
  });

  it('cover what rule 37 of docs/kubernetes-rules.md lists', async () => {
    const text = await exported();
    for (const phase of ['ice', 'dtls', 'first_rtp', 'first_key_frame']) {
      expect(text).toMatch(
        new RegExp(`^weir_pod_join_phase_seconds_bucket{phase="${phase}",le="0.1"} 0$`, 'm'),
      );
    }
    for (const direction of ['up', 'down', 'stop']) {
      expect(text).toContain(`weir_pod_layer_switches_total{direction="${direction}",reason="bandwidth"} 0`);
    }
    for (const name of [
      'weir_pod_received_bytes_total',
      'weir_pod_nacked_packets_received_total',
      'weir_pod_plis_sent_total',
      'weir_pod_estimated_bits_per_second',
      'weir_pod_worker_event_loop_lag_milliseconds',
      'weir_pod_worker_gc_seconds_total',
      'weir_pod_lease_age_seconds',
      'weir_pod_draining',
      'weir_pod_kernel_socket_drops_total',
      'weir_pod_conntrack_entries',
      'weir_pod_cpu_throttled_periods_total',
      'weir_pod_socket_buffer_bytes',
    ]) {
      expect(text).toMatch(new RegExp(`^${name}[ {]`, 'm'));
    }
  });

  it('have a section in docs/operations.md for every alert, and none for others', () => {
    const docs = readFileSync(join(root, 'docs/operations.md'), 'utf8');
    const sections = [...docs.matchAll(/^### (Weir\w+)$/gm)].map(([, name]) => name);
    expect(sections.toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  });

  it('name a severity and a summary for every alert', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(labels.severity, alert).toMatch(/^(info|warning|critical)$/);
      expect(annotations.summary, alert).toMatch(/\.$/);
    }
  });

  it('are the same wherever they stand twice (else: npm run manifests -- --sync)', () => {
    for (const [path, text] of Object.entries(derivedFiles())) {
      expect(readFileSync(join(root, path), 'utf8'), path).toBe(text);
    }
  });
});

/** The dashboards of infra/observability, as the lists of panels that they are. */

export interface Panel {
  readonly title: string;
  /** Grafana's name. Default: short (a plain number). */
  readonly unit?: 's' | 'ms' | 'bps' | 'pps' | 'bytes' | 'percentunit' | 'reqps' | 'short' | 'decbytes';
  /** Query and legend. */
  readonly lines: readonly (readonly [expression: string, legend: string])[];
  /** A single figure instead of a graph. */
  readonly figure?: boolean;
  readonly stacked?: boolean;
  readonly description?: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

const rate = (name: string, by = 'instance') => `sum by (${by}) (rate(${name}[$__rate_interval]))`;
const total = (name: string) => `sum(rate(${name}[$__rate_interval]))`;
const quantile = (q: number, name: string, by = '') =>
  `histogram_quantile(${q}, sum by (${by === '' ? '' : `${by}, `}le) (rate(${name}_bucket[$__rate_interval])))`;

const pods: Dashboard = {
  uid: 'weir-pods',
  title: 'Weir: media pods',
  rows: [
    {
      title: 'Fleet',
      panels: [
        { title: 'Pods', figure: true, lines: [['count(weir_pod_info)', 'pods']] },
        { title: 'Placeable', figure: true, lines: [['sum(weir_pod_placeable)', 'placeable']] },
        { title: 'Draining', figure: true, lines: [['sum(weir_pod_draining)', 'draining']] },
        { title: 'Rooms', figure: true, lines: [['sum(weir_pod_rooms)', 'rooms']] },
        { title: 'Transports', figure: true, lines: [['sum(weir_pod_transports)', 'transports']] },
        { title: 'Versions', figure: true, lines: [['count by (version) (weir_pod_info)', '{{version}}']] },
        {
          title: 'How full',
          unit: 'percentunit',
          description: 'The greatest of the resources; new pods are wanted before 60 %.',
          lines: [['weir_pod_capacity_used_ratio', '{{instance}}']],
        },
        {
          title: 'By resource, fullest pod',
          unit: 'percentunit',
          lines: [['max by (resource) (weir_pod_resource_used_ratio)', '{{resource}}']],
        },
        { title: 'Transports', lines: [['weir_pod_transports', '{{instance}}']] },
        {
          title: 'Streams',
          lines: [
            ['sum(weir_pod_receivers)', 'receivers'],
            ['sum(weir_pod_senders)', 'senders'],
          ],
        },
      ],
    },
    {
      title: 'Traffic',
      panels: [
        {
          title: 'Datagrams sent',
          unit: 'pps',
          lines: [[rate('weir_pod_sent_packets_total'), '{{instance}}']],
        },
        {
          title: 'Datagrams received',
          unit: 'pps',
          lines: [[rate('weir_pod_received_packets_total'), '{{instance}}']],
        },
        {
          title: 'Bits sent',
          unit: 'bps',
          lines: [[`8 * ${rate('weir_pod_sent_bytes_total')}`, '{{instance}}']],
        },
        {
          title: 'Bits received',
          unit: 'bps',
          lines: [[`8 * ${rate('weir_pod_received_bytes_total')}`, '{{instance}}']],
        },
        {
          title: 'Dropped datagrams, by reason',
          unit: 'pps',
          stacked: true,
          lines: [
            [total('weir_pod_kernel_socket_drops_total'), 'receive buffer full'],
            [total('weir_pod_kernel_udp_send_buffer_errors_total'), 'send buffer full'],
            [total('weir_pod_send_errors_total'), 'kernel refused'],
            [total('weir_pod_srtp_authentication_failures_total'), 'not authentic'],
            [total('weir_pod_srtp_replays_total'), 'replayed'],
            [total('weir_pod_stray_packets_total'), 'of nobody'],
            [total('weir_pod_oversized_datagrams_total'), 'too long'],
          ],
        },
        {
          title: 'Socket buffers granted',
          unit: 'bytes',
          lines: [
            ['min by (instance, direction) (weir_pod_socket_buffer_bytes)', '{{instance}} {{direction}}'],
            ['max by (direction) (weir_pod_socket_buffer_wanted_bytes)', 'wanted {{direction}}'],
          ],
        },
      ],
    },
    {
      title: 'Workers',
      panels: [
        {
          title: 'CPU',
          unit: 'percentunit',
          lines: [['weir_pod_worker_cpu_cores', '{{instance}} {{worker}}']],
        },
        {
          title: 'Event loop lag, 99th percentile',
          unit: 'ms',
          lines: [['weir_pod_worker_event_loop_lag_milliseconds', '{{instance}} {{worker}}']],
        },
        {
          title: 'Time in garbage collection',
          unit: 'percentunit',
          lines: [[rate('weir_pod_worker_gc_seconds_total', 'instance, worker'), '{{instance}} {{worker}}']],
        },
        {
          title: 'Memory',
          unit: 'bytes',
          lines: [
            ['process_resident_memory_bytes{job=~".*weir-media-pod.*"}', '{{instance}} process'],
            ['sum by (instance) (weir_pod_worker_heap_bytes)', '{{instance}} heaps'],
          ],
        },
        {
          title: 'Restarts and faults',
          lines: [
            [
              'increase(weir_pod_worker_restarts_total[$__rate_interval])',
              '{{instance}} {{worker}} restarts',
            ],
            ['increase(weir_pod_faults_total[$__rate_interval])', '{{instance}} faults'],
          ],
        },
        {
          title: 'Stopped by the CPU limit',
          unit: 'percentunit',
          lines: [[rate('weir_pod_cpu_throttled_seconds_total'), '{{instance}}']],
        },
      ],
    },
    {
      title: 'Ties to signaling and the node',
      panels: [
        { title: 'Age of the lease', unit: 's', lines: [['weir_pod_lease_age_seconds', '{{instance}}']] },
        { title: 'Happenings not yet reported', lines: [['weir_pod_report_queue', '{{instance}}']] },
        {
          title: 'Failed reports in a row',
          lines: [['weir_pod_report_failures', '{{instance}}']],
        },
        {
          title: 'Connection table',
          unit: 'percentunit',
          lines: [['weir_pod_conntrack_entries / (weir_pod_conntrack_limit > 0)', '{{instance}}']],
        },
      ],
    },
  ],
};

const quality: Dashboard = {
  uid: 'weir-quality',
  title: 'Weir: media quality',
  rows: [
    {
      title: 'Joining',
      panels: [
        {
          title: 'Steps, median',
          unit: 's',
          lines: [[quantile(0.5, 'weir_pod_join_phase_seconds', 'phase'), '{{phase}}']],
        },
        {
          title: 'Steps, 95th percentile',
          unit: 's',
          lines: [[quantile(0.95, 'weir_pod_join_phase_seconds', 'phase'), '{{phase}}']],
        },
        {
          title: 'Request to join, 95th percentile',
          unit: 's',
          description: 'The HTTP part: from the request to its answer, by route.',
          lines: [
            [
              'histogram_quantile(0.95, sum by (route, le) (rate(weir_http_request_seconds_bucket{method="POST"}[$__rate_interval])))',
              '{{route}}',
            ],
          ],
        },
        {
          title: 'Transports without connection',
          lines: [['sum by (state) (weir_pod_transports_by_state)', '{{state}}']],
        },
      ],
    },
    {
      title: 'Pictures',
      panels: [
        {
          title: 'Video of viewers',
          stacked: true,
          lines: [['sum by (state) (weir_pod_video_senders)', '{{state}}']],
        },
        {
          title: 'Streams with a bad score',
          lines: [['sum by (side) (weir_pod_poor_streams)', '{{side}}']],
        },
        {
          title: 'Layer switches',
          lines: [
            [
              total('weir_pod_layer_switches_total').replace('sum', 'sum by (direction, reason) '),
              '{{direction}}: {{reason}}',
            ],
          ],
        },
        {
          title: 'Estimated bandwidth of viewers',
          unit: 'bps',
          lines: [
            ['sum(weir_pod_estimated_bits_per_second) / sum(weir_pod_estimated_transports)', 'mean'],
            ['min(weir_pod_lowest_estimate_bits_per_second > 0)', 'lowest'],
          ],
        },
      ],
    },
    {
      title: 'Repair',
      panels: [
        {
          title: 'Packets that viewers lacked',
          unit: 'pps',
          lines: [
            [total('weir_pod_nacked_packets_received_total'), 'asked for'],
            [total('weir_pod_rtx_packets_sent_total'), 'sent again'],
            [total('weir_pod_rtx_packets_missed_total'), 'not sent again'],
          ],
        },
        {
          title: 'Of all packets to viewers',
          unit: 'percentunit',
          lines: [
            [
              `${total('weir_pod_nacked_packets_received_total')} / ${total('weir_pod_sent_packets_total')}`,
              'asked for again',
            ],
          ],
        },
        {
          title: 'Packets that publishers were asked for',
          unit: 'pps',
          lines: [
            [total('weir_pod_nacked_packets_sent_total'), 'packets'],
            [total('weir_pod_nacks_sent_total'), 'messages'],
          ],
        },
        {
          title: 'Key frame requests',
          unit: 'pps',
          lines: [
            [
              `${total('weir_pod_plis_received_total')} + ${total('weir_pod_firs_received_total')}`,
              'of viewers',
            ],
            [`${total('weir_pod_plis_sent_total')} + ${total('weir_pod_firs_sent_total')}`, 'to publishers'],
          ],
        },
      ],
    },
  ],
};

const signaling: Dashboard = {
  uid: 'weir-signaling',
  title: 'Weir: signaling',
  rows: [
    {
      title: 'Requests',
      panels: [
        {
          title: 'Requests',
          unit: 'reqps',
          lines: [[rate('weir_http_request_seconds_count', 'method, route'), '{{method}} {{route}}']],
        },
        {
          title: 'Answers with 5xx',
          unit: 'reqps',
          lines: [
            [
              'sum by (route, status) (rate(weir_http_request_seconds_count{status=~"5.."}[$__rate_interval]))',
              '{{status}} {{route}}',
            ],
          ],
        },
        {
          title: 'Changes: time to answer',
          unit: 's',
          lines: [0.5, 0.95, 0.99].map(
            (q) =>
              [
                `histogram_quantile(${q}, sum by (le) (rate(weir_http_request_seconds_bucket{method!="GET"}[$__rate_interval])))`,
                `${q * 100} %`,
              ] as const,
          ),
        },
        {
          title: 'Readers of events',
          lines: [['sum by (kind) (weir_event_readers)', '{{kind}}']],
        },
      ],
    },
    {
      title: 'State',
      panels: [
        {
          title: 'Changes by outcome',
          unit: 'reqps',
          lines: [[rate('weir_commit_seconds_count', 'outcome'), '{{outcome}}']],
        },
        {
          title: 'Changes: time until stored',
          unit: 's',
          lines: [[quantile(0.95, 'weir_commit_seconds', 'outcome'), '{{outcome}}']],
        },
        { title: 'Events appended', unit: 'reqps', lines: [[total('weir_events_appended_total'), 'events']] },
        {
          title: 'Peers that left',
          unit: 'reqps',
          lines: [[rate('weir_peers_closed_total', 'reason'), '{{reason}}']],
        },
      ],
    },
    {
      title: 'Media pods',
      panels: [
        {
          title: 'Orders to pods by outcome',
          unit: 'reqps',
          lines: [[rate('weir_media_delivery_seconds_count', 'outcome'), '{{outcome}}']],
        },
        {
          title: 'Orders: time until the pod has them',
          unit: 's',
          lines: [[quantile(0.95, 'weir_media_delivery_seconds', 'outcome'), '{{outcome}}']],
        },
        {
          title: 'Reports of pods',
          unit: 'reqps',
          lines: [[rate('weir_pod_reports_total', 'outcome'), '{{outcome}}']],
        },
        { title: 'Happenings', unit: 'reqps', lines: [[total('weir_pod_happenings_total'), 'happenings']] },
      ],
    },
    {
      title: 'Process',
      panels: [
        {
          title: 'CPU',
          unit: 'percentunit',
          lines: [
            ['rate(process_cpu_seconds_total{job=~".*weir-signaling.*"}[$__rate_interval])', '{{instance}}'],
          ],
        },
        {
          title: 'Memory',
          unit: 'bytes',
          lines: [['process_resident_memory_bytes{job=~".*weir-signaling.*"}', '{{instance}}']],
        },
        {
          title: 'Event loop lag, 99th percentile',
          unit: 's',
          lines: [['nodejs_eventloop_lag_p99_seconds{job=~".*weir-signaling.*"}', '{{instance}}']],
        },
        {
          title: 'Time in garbage collection',
          unit: 'percentunit',
          lines: [
            [
              'sum by (instance) (rate(nodejs_gc_duration_seconds_sum{job=~".*weir-signaling.*"}[$__rate_interval]))',
              '{{instance}}',
            ],
          ],
        },
      ],
    },
  ],
};

/** By name of the file, without ending. */
export const dashboards: Readonly<Record<string, Dashboard>> = { pods, quality, signaling };

/** What Grafana reads, as an object. */
export function grafanaJson({ uid, title, rows }: Dashboard): Record<string, unknown> {
  const panels: Record<string, unknown>[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const [w, h] = panel.figure ? [4, 4] : [12, 8];
      if (x + w > 24 || (height > 0 && height !== h)) {
        x = 0;
        y += height;
      }
      height = h;
      panels.push(grafanaPanel(panel, panels.length + 1, { x, y, w, h }));
      x += w;
    }
    y += height;
  }
  return {
    uid,
    title,
    tags: ['weir'],
    timezone: 'browser',
    editable: true,
    refresh: '15s',
    schemaVersion: 39,
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        {
          name: 'datasource',
          label: 'Data source',
          type: 'datasource',
          query: 'prometheus',
          hide: 0,
          current: {},
        },
      ],
    },
    panels,
  };
}

function grafanaPanel(panel: Panel, id: number, gridPos: object): Record<string, unknown> {
  const datasource = { type: 'prometheus', uid: '$' + '{datasource}' };
  return {
    id,
    type: panel.figure ? 'stat' : 'timeseries',
    title: panel.title,
    ...(panel.description === undefined ? {} : { description: panel.description }),
    datasource,
    gridPos,
    targets: panel.lines.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      legendFormat,
    })),
    fieldConfig: {
      defaults: {
        unit: panel.unit ?? 'short',
        min: 0,
        ...(panel.figure
          ? {}
          : {
              custom: {
                lineWidth: 1,
                fillOpacity: panel.stacked ? 40 : 10,
                showPoints: 'never',
                stacking: { mode: panel.stacked ? 'normal' : 'none' },
              },
            }),
      },
      overrides: [],
    },
    options: panel.figure
      ? { reduceOptions: { calcs: ['lastNotNull'] }, textMode: 'value_and_name' }
      : {
          legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
          tooltip: { mode: 'multi', sort: 'desc' },
        },
  };
}

import { type JoinLatencies, latencyBoundsMs, type MediaTotals } from '@weir/forwarding';
import type { MediaOverview } from '@weir/media-worker';
import { Counter, Gauge, type Registry } from 'prom-client';

type TotalName = Exclude<keyof MediaTotals, 'noteSwitch'>;

const totals: Readonly<Record<Exclude<TotalName, `layer${string}`>, readonly [name: string, help: string]>> =
  {
    nacksReceived: ['nacks_received_total', 'NACK messages of viewers'],
    packetsAskedFor: ['nacked_packets_received_total', 'Packets that viewers asked for again'],
    packetsSentAgain: ['rtx_packets_sent_total', 'Packets sent again because viewers asked'],
    packetsNotSentAgain: [
      'rtx_packets_missed_total',
      'Packets asked for again that were too old, never came, or are over the budget',
    ],
    plisReceived: ['plis_received_total', 'PLIs of viewers'],
    firsReceived: ['firs_received_total', 'FIRs of viewers'],
    nacksSent: ['nacks_sent_total', 'NACK messages to publishers'],
    packetsAskedOfPublishers: ['nacked_packets_sent_total', 'Packets that publishers were asked for again'],
    plisSent: ['plis_sent_total', 'PLIs to publishers'],
    firsSent: ['firs_sent_total', 'FIRs to publishers'],
    loudestSwitches: [
      'loudest_switches_total',
      'Times that sound which was held back became one of the loudest of its room',
    ],
  };

const switches: Readonly<
  Record<Extract<TotalName, `layer${string}`>, readonly [way: string, reason: string]>
> = {
  layerUpBandwidth: ['up', 'bandwidth'],
  layerUpPreference: ['up', 'preference'],
  layerUpSource: ['up', 'source'],
  layerDownBandwidth: ['down', 'bandwidth'],
  layerDownPreference: ['down', 'preference'],
  layerDownSource: ['down', 'source'],
  layerPaused: ['stop', 'bandwidth'],
  layerResumed: ['go', 'bandwidth'],
};

const phases: Readonly<Record<keyof JoinLatencies, string>> = {
  ice: 'ice',
  dtls: 'dtls',
  firstRtp: 'first_rtp',
  firstKeyFrame: 'first_key_frame',
};

/** What joining and repairing look like from the pod, summed over its workers. */
export function createMediaMetrics(registry: Registry): {
  set(overviews: readonly MediaOverview[]): void;
  /** prom-client's histograms only take single values, and these come counted. */
  histogramText(overviews: readonly MediaOverview[]): string;
} {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const counters = keysOf(totals).map((key) => {
    const [name, help] = totals[key];
    return { key, counter: new Counter({ name: `weir_pod_${name}`, help, registers }) };
  });
  const layers = new Counter({
    name: 'weir_pod_layer_switches_total',
    help: 'Viewers that got another encoding; reason = what bounds the new one',
    labelNames: ['direction', 'reason'],
    registers,
  });
  const stray = new Counter({
    name: 'weir_pod_stray_packets_total',
    help: 'RTP and RTCP that belonged to no transport with keys, dropped',
    registers,
  });
  const transports = gauge('weir_pod_transports_by_state', 'Transports with keys and path, and without', [
    'state',
  ]);
  const video = gauge('weir_pod_video_senders', 'Video of viewers that are connected: what it does', [
    'state',
  ]);
  const poor = gauge('weir_pod_poor_streams', 'Streams with a score of at most 5 of 10', ['side']);
  const estimated = gauge('weir_pod_estimated_transports', 'Transports whose bandwidth is estimated');
  const estimate = gauge('weir_pod_estimated_bits_per_second', 'Sum of the estimates');
  const lowest = gauge('weir_pod_lowest_estimate_bits_per_second', 'The lowest of them; 0 = there is none');

  return {
    set(overviews) {
      const sum = (of: (overview: MediaOverview) => number) =>
        overviews.reduce((total, one) => total + of(one), 0);
      for (const { key, counter } of counters) {
        counter.reset();
        counter.inc(sum((one) => one.totals[key]));
      }
      layers.reset();
      for (const key of keysOf(switches)) {
        const [direction, reason] = switches[key];
        layers.inc(
          { direction, reason },
          sum((one) => one.totals[key]),
        );
      }
      stray.reset();
      stray.inc(sum((one) => one.strayPackets));
      transports.set(
        { state: 'connected' },
        sum((one) => one.connectedTransports),
      );
      transports.set(
        { state: 'unconnected' },
        sum((one) => one.unconnectedTransports),
      );
      video.set(
        { state: 'forwarding' },
        sum((one) => one.videoForwarding),
      );
      video.set(
        { state: 'stopped_by_bandwidth' },
        sum((one) => one.videoStopped),
      );
      video.set(
        { state: 'waiting' },
        sum((one) => one.videoWaiting),
      );
      poor.set(
        { side: 'viewer' },
        sum((one) => one.poorSenders),
      );
      poor.set(
        { side: 'publisher' },
        sum((one) => one.poorReceivers),
      );
      estimated.set(sum((one) => one.estimates));
      estimate.set(sum((one) => one.estimatesSumBps));
      const lows = overviews.filter(({ estimates }) => estimates > 0).map((one) => one.lowestEstimateBps);
      lowest.set(lows.length === 0 ? 0 : Math.min(...lows));
    },
    histogramText(overviews) {
      const name = 'weir_pod_join_phase_seconds';
      const lines = [
        `# HELP ${name} Steps of joining: ice from the order on, dtls and first_rtp each from the step before, first_key_frame from when video could go out`,
        `# TYPE ${name} histogram`,
      ];
      for (const key of keysOf(phases)) {
        const phase = phases[key];
        const histograms = overviews.map(({ latencies }) => latencies[key]);
        let cumulative = 0;
        for (const [bucket, bound] of [...latencyBoundsMs, Number.POSITIVE_INFINITY].entries()) {
          for (const { counts } of histograms) cumulative += counts[bucket]!;
          const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound / 1000);
          lines.push(`${name}_bucket{phase="${phase}",le="${le}"} ${cumulative}`);
        }
        const sumMs = histograms.reduce((total, one) => total + one.sumMs, 0);
        lines.push(`${name}_sum{phase="${phase}"} ${sumMs / 1000}`);
        lines.push(`${name}_count{phase="${phase}"} ${cumulative}`);
      }
      return `${lines.join('\n')}\n`;
    },
  };
}

function keysOf<T extends object>(value: T): (keyof T)[] {
  return Object.keys(value) as (keyof T)[];
}

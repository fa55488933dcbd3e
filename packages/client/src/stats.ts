/** Media of one direction between two looks. */
export interface DirectionStats {
  /** Bits per second on the wire, without IP and UDP headers. */
  bitrateBps: number;
  /** Share of packets that got lost, 0 to 1. */
  loss: number;
  /** Seconds there and back; undefined until measured. */
  rttMs: number | undefined;
  /** Of the media path: `udp` or `tcp`. */
  protocol: string | undefined;
  /** What the browser believes it may send. Only up. */
  availableBps: number | undefined;
  packets: number;
  lost: number;
}

export interface TrackStats {
  /** Of the publication or the subscription. */
  id: string;
  kind: 'audio' | 'video';
  bitrateBps: number;
  /** 0 to 1. */
  loss: number;
  /** Of the video as it travels; the largest layer. */
  width: number | undefined;
  height: number | undefined;
  framesPerSecond: number | undefined;
  codec: string | undefined;
}

export interface SessionStats {
  /** Milliseconds since 1970. */
  time: number;
  up: DirectionStats;
  down: DirectionStats;
  publications: TrackStats[];
  subscriptions: TrackStats[];
}

/** Counters of one look at a report, to be compared with those of the next look. */
export interface Counters {
  timeMs: number;
  bytes: number;
  packets: number;
  lost: number;
}

type Stat = Record<string, unknown> & { type: string };

/** The sums of one direction in a report. */
export function readCounters(report: RTCStatsReport, direction: 'up' | 'down', timeMs: number): Counters {
  const counters: Counters = { timeMs, bytes: 0, packets: 0, lost: 0 };
  for (const stat of entries(report)) {
    if (direction === 'up' && stat.type === 'outbound-rtp') {
      counters.bytes += number(stat.bytesSent) + number(stat.headerBytesSent);
      counters.packets += number(stat.packetsSent);
    }
    if (direction === 'up' && stat.type === 'remote-inbound-rtp') counters.lost += number(stat.packetsLost);
    if (direction === 'down' && stat.type === 'inbound-rtp') {
      counters.bytes += number(stat.bytesReceived) + number(stat.headerBytesReceived);
      counters.packets += number(stat.packetsReceived);
      counters.lost += number(stat.packetsLost);
    }
  }
  return counters;
}

/** Bitrate and loss between two looks. Zero when counters went back, as after a move to another server. */
export function rates(
  before: Counters | undefined,
  after: Counters,
): { bitrateBps: number; loss: number; packets: number; lost: number } {
  const none = { bitrateBps: 0, loss: 0, packets: 0, lost: 0 };
  if (!before || after.timeMs <= before.timeMs || after.bytes < before.bytes) return none;
  const packets = Math.max(0, after.packets - before.packets);
  const lost = Math.max(0, after.lost - before.lost);
  const sum = packets + lost;
  return {
    bitrateBps: Math.round(((after.bytes - before.bytes) * 8000) / (after.timeMs - before.timeMs)),
    loss: sum === 0 ? 0 : Math.min(1, lost / sum),
    packets,
    lost,
  };
}

/** The path that ICE has chosen. */
export function readPath(
  report: RTCStatsReport,
): Pick<DirectionStats, 'rttMs' | 'protocol' | 'availableBps'> {
  let selected: unknown;
  const pairs: Stat[] = [];
  for (const stat of entries(report)) {
    if (stat.type === 'transport') selected = stat.selectedCandidatePairId;
    if (stat.type === 'candidate-pair') pairs.push(stat);
  }
  const pair =
    pairs.find((stat) => stat.id === selected) ??
    pairs.find((stat) => stat.selected === true || (stat.nominated === true && stat.state === 'succeeded'));
  if (!pair) return { rttMs: undefined, protocol: undefined, availableBps: undefined };
  const rtt = pair.currentRoundTripTime;
  const local = get(report, pair.localCandidateId);
  return {
    rttMs: typeof rtt === 'number' ? Math.round(rtt * 1000) : undefined,
    protocol: typeof local?.protocol === 'string' ? local.protocol : undefined,
    availableBps:
      typeof pair.availableOutgoingBitrate === 'number' ? pair.availableOutgoingBitrate : undefined,
  };
}

/** Picture and codec of one track's report; of the largest layer if there are several. */
export function readPicture(
  report: RTCStatsReport,
): Pick<TrackStats, 'width' | 'height' | 'framesPerSecond' | 'codec'> {
  let best: Stat | undefined;
  for (const stat of entries(report)) {
    if (stat.type !== 'outbound-rtp' && stat.type !== 'inbound-rtp') continue;
    if (!best || number(stat.frameWidth) > number(best.frameWidth)) best = stat;
  }
  const codec = best && get(report, best.codecId);
  return {
    width: optional(best?.frameWidth),
    height: optional(best?.frameHeight),
    framesPerSecond: optional(best?.framesPerSecond),
    codec: typeof codec?.mimeType === 'string' ? codec.mimeType : undefined,
  };
}

function* entries(report: RTCStatsReport): Iterable<Stat> {
  for (const stat of report.values()) yield stat as Stat;
}

function get(report: RTCStatsReport, id: unknown): Stat | undefined {
  return typeof id === 'string' ? (report.get(id) as Stat | undefined) : undefined;
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function optional(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

import {
  type Counters,
  type DirectionStats,
  rates,
  readCounters,
  readPath,
  readPicture,
  type SessionStats,
  type TrackStats,
} from './stats.ts';

/** Something whose statistics are looked at. */
export interface StatsSource {
  id: string;
  kind: 'audio' | 'video';
  getStats(): Promise<RTCStatsReport> | undefined;
}

export interface StatsTargets {
  up: () => Promise<RTCStatsReport | undefined>;
  down: () => Promise<RTCStatsReport | undefined>;
  publications: () => StatsSource[];
  subscriptions: () => StatsSource[];
}

/** Looks that come closer together get the same answer: rates of a few packets say nothing. */
const minIntervalMs = 250;

/** Turns the browser's counters into rates between this look and the one before. */
export class StatsSampler {
  readonly #targets: StatsTargets;
  #counters = new Map<string, Counters>();
  #last: SessionStats | undefined;
  #running: Promise<SessionStats> | undefined;

  constructor(targets: StatsTargets) {
    this.#targets = targets;
  }

  look(): Promise<SessionStats> {
    if (this.#last && Date.now() - this.#last.time < minIntervalMs) return Promise.resolve(this.#last);
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #look(): Promise<SessionStats> {
    const next = new Map<string, Counters>();
    const [up, down, publications, subscriptions] = await Promise.all([
      this.#direction('up', next),
      this.#direction('down', next),
      this.#tracks(this.#targets.publications(), 'up', next),
      this.#tracks(this.#targets.subscriptions(), 'down', next),
    ]);
    this.#counters = next;
    this.#last = { time: Date.now(), up, down, publications, subscriptions };
    return this.#last;
  }

  async #direction(direction: 'up' | 'down', next: Map<string, Counters>): Promise<DirectionStats> {
    const report = await attempt(this.#targets[direction]());
    if (!report) return { ...rates(undefined, nothing), ...noPath };
    const counters = readCounters(report, direction, Date.now());
    next.set(direction, counters);
    return { ...rates(this.#counters.get(direction), counters), ...readPath(report) };
  }

  async #tracks(
    sources: StatsSource[],
    direction: 'up' | 'down',
    next: Map<string, Counters>,
  ): Promise<TrackStats[]> {
    const all = await Promise.all(
      sources.map(async (source): Promise<TrackStats | undefined> => {
        const report = await attempt(source.getStats());
        if (!report) return undefined;
        const counters = readCounters(report, direction, Date.now());
        const key = `${direction}/${source.id}`;
        next.set(key, counters);
        const { bitrateBps, loss } = rates(this.#counters.get(key), counters);
        return { id: source.id, kind: source.kind, bitrateBps, loss, ...readPicture(report) };
      }),
    );
    return all.filter((stats) => stats !== undefined);
  }
}

const nothing: Counters = { timeMs: 0, bytes: 0, packets: 0, lost: 0 };
const noPath = { rttMs: undefined, protocol: undefined, availableBps: undefined };

/** A transport that closed while we looked has no statistics; that is no error. */
async function attempt(
  report: Promise<RTCStatsReport | undefined> | undefined,
): Promise<RTCStatsReport | undefined> {
  try {
    return await report;
  } catch {
    return undefined;
  }
}

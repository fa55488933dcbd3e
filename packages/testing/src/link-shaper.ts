import type { Random } from './random.ts';

/** How a one-way link treats datagrams. What is left out does no harm. */
export interface LinkPolicy {
  /** Probability of loss, 0 to 1. */
  readonly loss?: number;
  /** Mean number of datagrams lost in a row (Gilbert model); 1 = independent losses. */
  readonly lossBurst?: number;
  readonly delayMs?: number;
  /** Added to the delay, uniformly from 0 to this. Keeps the order unless `reorder` is given. */
  readonly jitterMs?: number;
  /** Probability that a datagram is held back and overtaken. */
  readonly reorder?: number;
  /** How long such a one is held back at most; default 20 ms. */
  readonly reorderMs?: number;
  /** Probability that a datagram arrives twice. */
  readonly duplicate?: number;
  /** Bits per second that pass; 0 or undefined = no limit. */
  readonly rateBps?: number;
  /** Bytes that wait for a limited rate; beyond that they are dropped. Default 250 ms of `rateBps`. */
  readonly queueBytes?: number;
  /** Datagrams longer than this are lost (a path with a small MTU). */
  readonly maxBytes?: number;
}

export interface LinkCounters {
  offered: number;
  offeredBytes: number;
  delivered: number;
  deliveredBytes: number;
  /** By chance, or over `maxBytes`. */
  lost: number;
  /** For want of queue. */
  overflowed: number;
  duplicated: number;
  reordered: number;
}

/** Decides when each datagram of one direction arrives, if at all. Same seed, same fate. */
export class LinkShaper {
  policy: LinkPolicy;
  readonly counters: LinkCounters = {
    offered: 0,
    offeredBytes: 0,
    delivered: 0,
    deliveredBytes: 0,
    lost: 0,
    overflowed: 0,
    duplicated: 0,
    reordered: 0,
  };
  readonly #random: Random;
  #losing = false;
  /** When the last byte queued so far will have left. */
  #freeAt = 0;
  #lastArrival = 0;

  constructor(policy: LinkPolicy, random: Random) {
    this.policy = policy;
    this.#random = random;
  }

  /** Arrival times of a datagram that is sent now: none, one, or two. */
  offer(bytes: number, now: number): number[] {
    const { policy, counters } = this;
    counters.offered++;
    counters.offeredBytes += bytes;
    if (this.#loses() || bytes > (policy.maxBytes ?? Number.POSITIVE_INFINITY)) {
      counters.lost++;
      return [];
    }
    const departure = this.#depart(bytes, now);
    if (departure === undefined) {
      counters.overflowed++;
      return [];
    }
    const arrivals = [this.#arrive(departure, bytes)];
    if (this.#random.chance(policy.duplicate ?? 0)) {
      counters.duplicated++;
      arrivals.push(this.#arrive(departure, bytes));
    }
    return arrivals;
  }

  /** Bytes that wait for the rate limit. */
  queuedBytes(now: number): number {
    const rate = this.policy.rateBps ?? 0;
    return rate > 0 ? (Math.max(0, this.#freeAt - now) * rate) / 8000 : 0;
  }

  #loses(): boolean {
    const loss = this.policy.loss ?? 0;
    const burst = Math.max(1, this.policy.lossBurst ?? 1);
    if (burst === 1 || loss >= 1) return this.#random.chance(loss);
    // Two states: in the bad one all is lost. Their lengths give the wanted mean and share.
    const leave = 1 / burst;
    const enter = (loss * leave) / (1 - loss);
    this.#losing = this.#random.chance(this.#losing ? 1 - leave : enter);
    return this.#losing;
  }

  #depart(bytes: number, now: number): number | undefined {
    const rate = this.policy.rateBps ?? 0;
    if (rate <= 0) return now;
    const limit = this.policy.queueBytes ?? (rate / 8) * 0.25;
    if (this.queuedBytes(now) + bytes > Math.max(limit, bytes)) return undefined;
    this.#freeAt = Math.max(now, this.#freeAt) + (bytes * 8000) / rate;
    return this.#freeAt;
  }

  #arrive(departure: number, bytes: number): number {
    const { delayMs = 0, jitterMs = 0, reorder = 0, reorderMs = 20 } = this.policy;
    this.counters.delivered++;
    this.counters.deliveredBytes += bytes;
    const arrival = departure + delayMs + (jitterMs > 0 ? this.#random.next() * jitterMs : 0);
    if (this.#random.chance(reorder)) {
      this.counters.reordered++;
      return Math.max(arrival, this.#lastArrival) + this.#random.next() * reorderMs;
    }
    this.#lastArrival = Math.max(arrival, this.#lastArrival);
    return this.#lastArrival;
  }
}

import type { MediaHappening, PodLease, PodReport, PodReportAnswer } from '@weir/protocol';
import { ReportQueue } from './report-queue.ts';

export interface ReporterOptions {
  readonly podId: string;
  /** Milliseconds since 1970 at the start of the pod; `restart()` may have to take a later one. */
  readonly epoch: number;
  /** 0 ≤ n < 1, for the jitter of back-off. */
  readonly random: () => number;
  /** Happenings per report; the protocol allows 1000. */
  readonly maxBatch?: number;
  /** Happenings kept while signaling is away. */
  readonly maxQueued?: number;
  /** How long a state change waits for company, in milliseconds. */
  readonly lingerMs?: number;
  /** The same for values that change all the time (scores, levels). */
  readonly passingLingerMs?: number;
  /** First and greatest delay between attempts while signaling is away, in milliseconds. */
  readonly backoffMs?: { readonly first: number; readonly greatest: number };
}

/**
 * What a pod tells signaling, as a machine: it queues happenings and lease renewals, numbers reports
 * 1, 2, 3 … within the epoch, has one in flight at a time and gives it out again, unchanged, until it is
 * acknowledged. Signaling applies each (epoch, seq) once, so nothing is lost and nothing happens twice.
 *
 * All times are milliseconds of one clock that never goes back.
 */
export class Reporter {
  readonly #options: Required<ReporterOptions>;
  readonly #queue: ReportQueue;
  /** Parts of a refused report, to be sent before the queue and without a lease. */
  readonly #parts: MediaHappening[][] = [];
  #lease: PodLease | undefined;
  #leaseAt = 0;
  #epoch: number;
  #seq = 0;
  #inFlight: { report: PodReport; leaseAt: number } | undefined;
  #sending = false;
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  #dueAt = Number.POSITIVE_INFINITY;
  #leaseSeconds: number | undefined;
  #leaseAcknowledgedAt: number | undefined;
  #refused = 0;

  constructor(options: ReporterOptions) {
    this.#options = {
      maxBatch: 1000,
      maxQueued: 50_000,
      lingerMs: 4,
      passingLingerMs: 200,
      backoffMs: { first: 200, greatest: 5000 },
      ...options,
    };
    this.#epoch = options.epoch;
    this.#queue = new ReportQueue(this.#options.maxQueued);
  }

  /** Queues one happening. */
  push(happening: MediaHappening, now: number): void {
    this.#queue.push(happening);
    const linger = isPassing(happening) ? this.#options.passingLingerMs : this.#options.lingerMs;
    this.#dueAt = Math.min(this.#dueAt, now + linger);
  }

  /** The lease as it is now; goes out with the next report, at once. A newer one takes its place. */
  renew(lease: PodLease, now: number): void {
    this.#lease = lease;
    this.#leaseAt = now;
    this.#dueAt = Math.min(this.#dueAt, now);
  }

  /**
   * The report to send now, if one is due. After it, exactly one of acknowledge(), fail() and refuse() must
   * come before another is given.
   */
  next(now: number): PodReport | undefined {
    if (this.#sending || now < this.#notBefore) return undefined;
    if (this.#inFlight === undefined) {
      if (now < this.#dueAt) return undefined;
      const part = this.#parts.shift();
      const lease = part === undefined ? this.#lease : undefined;
      const happenings = part ?? this.#queue.take(this.#options.maxBatch);
      if (lease !== undefined) this.#lease = undefined;
      this.#inFlight = {
        report: {
          podId: this.#options.podId as PodReport['podId'],
          epoch: this.#epoch,
          seq: this.#seq + 1,
          ...(lease === undefined ? {} : { lease }),
          happenings,
        },
        leaseAt: this.#leaseAt,
      };
      const more = this.#parts.length > 0 || this.#queue.size > 0 || this.#lease !== undefined;
      this.#dueAt = more ? now : Number.POSITIVE_INFINITY;
    }
    this.#sending = true;
    return this.#inFlight.report;
  }

  /** Signaling has applied the report. An answer to an older one changes nothing and counts as a failure. */
  acknowledge(answer: PodReportAnswer, now: number): void {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || answer.seq < inFlight.report.seq) {
      this.fail(now);
      return;
    }
    this.#seq = Math.max(answer.seq, inFlight.report.seq);
    this.#leaseSeconds = answer.leaseSeconds;
    if (inFlight.report.lease !== undefined) this.#leaseAcknowledgedAt = inFlight.leaseAt;
    this.#inFlight = undefined;
    this.#sending = false;
    this.#failures = 0;
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  /** No answer, or signaling cannot take reports now: the same report comes again after a while. */
  fail(now: number): void {
    this.#sending = false;
    const { first, greatest } = this.#options.backoffMs;
    const ceiling = Math.min(greatest, first * 2 ** Math.min(this.#failures, 30));
    // Half fixed, half random: a thousand pods must not come back in the same moment.
    this.#notBefore = now + ceiling / 2 + (ceiling / 2) * this.#options.random();
    this.#failures += 1;
  }

  /**
   * Signaling will never take this report (its content is at fault; it was not applied). It is cut until
   * only the part at fault is dropped, so that one bad happening does not hold up the rest for ever.
   */
  refuse(now: number): void {
    this.#sending = false;
    const report = this.#inFlight?.report;
    this.#inFlight = undefined;
    if (report === undefined) return;
    const { happenings, lease } = report;
    if (lease !== undefined && happenings.length > 0) {
      this.#lease ??= lease;
      this.#parts.unshift(happenings);
    } else if (happenings.length > 1) {
      const half = happenings.length >> 1;
      this.#parts.unshift(happenings.slice(0, half), happenings.slice(half));
    } else {
      this.#refused += 1;
    }
    const more = this.#parts.length > 0 || this.#queue.size > 0 || this.#lease !== undefined;
    if (more) this.#dueAt = Math.min(this.#dueAt, now);
  }

  /** The epoch of the next report. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Begins a new epoch: what was to be told of the one before is dropped, and so is the report in flight. The
   * next lease, which `renew()` must bring, is its first report.
   */
  restart(epoch: number): void {
    this.#epoch = epoch;
    this.#seq = 0;
    this.#inFlight = undefined;
    this.#sending = false;
    this.#parts.length = 0;
    this.#queue.take(Number.POSITIVE_INFINITY);
    this.#lease = undefined;
    this.#leaseAcknowledgedAt = undefined;
    this.#failures = 0;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** When next() has something to give; undefined while one is in flight or nothing waits. */
  nextTimeout(): { at: number; reason: 'report' | 'again' } | undefined {
    if (this.#sending) return undefined;
    if (this.#inFlight !== undefined) return { at: this.#notBefore, reason: 'again' };
    if (this.#dueAt === Number.POSITIVE_INFINITY) return undefined;
    return { at: Math.max(this.#dueAt, this.#notBefore), reason: 'report' };
  }

  /** Everything told is acknowledged. */
  get settled(): boolean {
    return (
      this.#inFlight === undefined &&
      this.#parts.length === 0 &&
      this.#queue.size === 0 &&
      this.#lease === undefined
    );
  }

  get status(): ReporterStatus {
    return {
      seq: this.#seq,
      queued: this.#queue.size + this.#parts.reduce((sum, part) => sum + part.length, 0),
      failures: this.#failures,
      shed: this.#queue.shed,
      refused: this.#refused,
      leaseSeconds: this.#leaseSeconds,
      leaseAcknowledgedAt: this.#leaseAcknowledgedAt,
    };
  }
}

export interface ReporterStatus {
  /** Highest acknowledged. */
  readonly seq: number;
  /** Happenings that are not in a report yet. */
  readonly queued: number;
  /** Failed attempts since the last acknowledgement. */
  readonly failures: number;
  /** Happenings given up because too many waited. */
  readonly shed: number;
  /** Happenings or leases that signaling refused for good. */
  readonly refused: number;
  /** As signaling said it last. */
  readonly leaseSeconds: number | undefined;
  /** When the newest acknowledged lease was made. */
  readonly leaseAcknowledgedAt: number | undefined;
}

function isPassing(happening: MediaHappening): boolean {
  return (
    happening.type === 'receiver.score' ||
    happening.type === 'sender.score' ||
    happening.type === 'audio.levels'
  );
}

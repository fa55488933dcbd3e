import type { TransportFeedback } from '@weir/rtp';
import { AcknowledgedRate } from './acknowledged-rate.ts';
import { FirstTrain } from './first-train.ts';
import { InterArrival } from './inter-arrival.ts';
import { LossBound } from './loss-bound.ts';
import { Probe } from './probe.ts';
import { QueueSurge } from './queue-surge.ts';
import { RateControl } from './rate-control.ts';
import { PacketFate, SentHistory } from './sent-history.ts';
import { Trendline } from './trendline.ts';

/** What holds the estimate where it is. */
export type EstimateLimit = 'initial' | 'delay' | 'loss' | 'silence' | 'minimum';

export interface EstimatorOptions {
  /** Bits per second believed before anything is known. */
  readonly initialBps: number;
  /** The estimate never goes below; 0 = the least that makes sense. */
  readonly minBps?: number;
}

const leastBps = 30_000;
/** No word for so long while packets go out: the path is dead or nearly so. */
const silenceMs = 1000;
const silenceStepMs = 500;
/** So much of what was sent into a silence may be missing when the path counts as held up, not broken. */
const heldUpLoss = 0.1;
/** Feedback on the receiver's clock wraps at 2^24 × 64 ms. */
const arrivalWrapMs = 2 ** 24 * 64;

/**
 * Send-side bandwidth estimation of one transport from transport-wide feedback: delay and loss each give a rate,
 * the lower one counts; probes find out about rates that are not used yet. Nothing is allocated per packet.
 */
export class SendSideEstimator {
  readonly history = new SentHistory();
  readonly probe = new Probe();
  readonly acknowledged = new AcknowledgedRate();
  readonly trendline = new Trendline();
  readonly surge = new QueueSurge();
  readonly loss = new LossBound();
  readonly rate: RateControl;
  rttMs = 100;
  /** Of the newest feedback, 0…1. */
  lossFraction = 0;
  /** The last probe came back; for whoever plans the next one. */
  onProbe: ((resultBps: number, carried: boolean) => void) | undefined = undefined;
  /** Feedback has come at all. */
  heard = false;
  minBps: number;
  readonly #interArrival = new InterArrival();
  readonly #firstTrain = new FirstTrain();
  #limit: EstimateLimit = 'initial';
  #highest = -1;
  #heardAt = Number.NaN;
  #sentSince = Number.NaN;
  #silenceAt = 0;
  #silent = false;
  /** Believed when the silence began. */
  #bpsBefore = 0;
  #arrivalOffset = 0;
  #lastArrival = Number.NaN;

  constructor(options: EstimatorOptions) {
    this.rate = new RateControl(Math.max(leastBps, options.initialBps));
    this.minBps = options.minBps ?? 0;
    this.history.mayGrow = false;
  }

  /** Bits per second that the path is believed to carry. */
  get bps(): number {
    return Math.max(this.minBps, leastBps, Math.min(this.rate.bps, this.loss.bps));
  }

  get limit(): EstimateLimit {
    if (this.#silent) return 'silence';
    if (!this.heard) return 'initial';
    const free = Math.min(this.rate.bps, this.loss.bps);
    if (free < Math.max(this.minBps, leastBps)) return 'minimum';
    return this.loss.bps < this.rate.bps ? 'loss' : this.#limit;
  }

  /** Bits per second that arrive; 0 = unknown. */
  get acknowledgedBps(): number {
    return this.acknowledged.bps;
  }

  /** The queue of the path grows. */
  get overused(): boolean {
    return this.trendline.usage === 'over' || this.surge.surging;
  }

  /** Nothing was heard for a while though packets go out. */
  get silent(): boolean {
    return this.#silent;
  }

  /** Packet with this transport-wide number went out, `bytes` long on the wire. */
  sent(sequence: number, bytes: number, now: number): void {
    const probing = this.probe.running(now);
    this.history.add(sequence, bytes, now, probing ? this.probe.cluster : 0);
    if (probing) this.probe.sent(bytes);
    if (Number.isNaN(this.#sentSince)) this.#sentSince = now;
  }

  /** Works off one feedback packet. */
  feedback(feedback: TransportFeedback, now: number): void {
    const { history } = this;
    const base = history.unwrap(feedback.baseSequence);
    if (base < 0) return;
    let lost = 0;
    let total = 0;
    const newest = base + feedback.count - 1;
    // Numbers that lie before this feedback and were never spoken of are lost, or late.
    const from = this.#highest < 0 ? base : Math.min(base, this.#highest + 1);
    for (let n = Math.max(from, newest - 8192); n <= newest; n++) {
      const i = n - base;
      const fate = history.fate(n);
      if (fate === PacketFate.unknown || fate === PacketFate.received) continue;
      if (i < 0 || feedback.received[i] !== 1) {
        if (fate === PacketFate.lost) continue;
        history.setFate(n, PacketFate.lost);
        lost++;
        total++;
        if (history.cluster(n) !== 0 && history.cluster(n) === this.probe.cluster) this.probe.lost();
        continue;
      }
      if (fate === PacketFate.lost) lost--;
      else total++;
      history.setFate(n, PacketFate.received);
      this.#received(n, this.#arrival(feedback.arrivalMs[i]!));
    }
    if (newest > this.#highest) {
      this.#highest = newest;
      if (history.has(newest)) {
        const rtt = Math.max(0, now - history.sentAt(newest));
        // The least of late is the path; what is more was feedback waiting to be sent.
        this.rttMs = rtt < this.rttMs || !this.heard ? rtt : this.rttMs + (rtt - this.rttMs) * 0.05;
      }
    }
    this.lossFraction = feedback.count > 0 ? 1 - feedback.receivedCount / feedback.count : 0;
    if (feedback.receivedCount > 0) {
      const sentAt = history.has(newest) ? history.sentAt(newest) : Number.NaN;
      const heldUp = sentAt >= this.#sentSince + silenceMs && lost <= total * heldUpLoss;
      this.#heard(heldUp, now);
    }
    this.#decide(lost, total, now);
  }

  /** Time passes without feedback. Call a few times per second; true when the estimate fell. */
  tick(now: number): boolean {
    this.#judgeProbe(now);
    // Before the first word it is not known whether feedback will come at all.
    if (!this.heard || Number.isNaN(this.#sentSince)) return false;
    const quietFor = now - Math.max(this.#heardAt, this.#sentSince);
    if (quietFor < silenceMs + this.rttMs || now < this.#silenceAt) return false;
    this.#silenceAt = now + silenceStepMs;
    if (!this.#silent) this.#bpsBefore = this.rate.bps;
    this.#silent = true;
    this.rate.set(Math.max(leastBps, this.rate.bps / 2));
    return true;
  }

  /** The path is another one: what was learnt about delay and loss is void, the rate is kept as a start. */
  pathChanged(): void {
    this.#interArrival.reset();
    this.trendline.reset();
    this.surge.reset();
    this.loss.reset();
    this.acknowledged.reset();
    this.probe.abort();
  }

  #received(number: number, arrivalMs: number): void {
    const { history } = this;
    const bytes = history.bytes(number);
    const sentAt = history.sentAt(number);
    this.acknowledged.add(bytes, arrivalMs);
    if (this.#limit === 'initial') this.#firstTrain.add(bytes, sentAt, arrivalMs);
    const cluster = history.cluster(number);
    if (cluster !== 0 && cluster === this.probe.cluster) this.probe.received(bytes, sentAt, arrivalMs);
    if (this.#interArrival.add(sentAt, arrivalMs)) {
      const { arrivalDeltaMs, sendDeltaMs, arrivalMs: at } = this.#interArrival;
      this.trendline.update(arrivalDeltaMs, sendDeltaMs, at);
      this.surge.update(this.trendline.queueMs, at);
    }
  }

  /** Arrival on a time line without wraps. */
  #arrival(arrivalMs: number): number {
    let at = arrivalMs + this.#arrivalOffset;
    if (!Number.isNaN(this.#lastArrival)) {
      if (at < this.#lastArrival - arrivalWrapMs / 2) {
        this.#arrivalOffset += arrivalWrapMs;
        at += arrivalWrapMs;
      } else if (at > this.#lastArrival + arrivalWrapMs / 2) {
        at -= arrivalWrapMs;
      }
    }
    this.#lastArrival = at;
    return at;
  }

  /** `heldUp`: what went out during a silence has arrived, late; a browser too busy to answer looks like that. */
  #heard(heldUp: boolean, now: number): void {
    this.heard = true;
    this.history.mayGrow = true;
    this.#heardAt = now;
    this.#sentSince = Number.NaN;
    if (!this.#silent) return;
    this.#silent = false;
    // The queue that stood before the silence says nothing about the path after it.
    this.pathChanged();
    if (heldUp) this.rate.set(Math.max(this.rate.bps, this.#bpsBefore));
  }

  #decide(lost: number, total: number, now: number): void {
    const { acknowledgedBps } = this;
    const trainBps = this.#firstTrain.bps;
    if (this.#limit === 'initial' && trainBps > 0 && trainBps < this.rate.bps) this.rate.set(trainBps);
    const over = this.overused;
    const fell = this.rate.update(
      over ? 'over' : this.trendline.usage,
      this.surge.surging ? this.acknowledged.drainBps : over ? this.acknowledged.burstBps : acknowledgedBps,
      this.rttMs,
      now,
    );
    if (fell) {
      this.#limit = 'delay';
      if (this.probe.pending) {
        this.probe.abort();
        this.onProbe?.(0, false);
      }
    }
    this.loss.update(lost, total, acknowledgedBps, this.bps, this.rttMs, over, now);
    this.#judgeProbe(now);
  }

  #judgeProbe(now: number): void {
    const { probe } = this;
    if (!probe.judge(this.loss.ownLoss, now)) return;
    const { resultBps, carried } = probe;
    if (resultBps > this.rate.bps) {
      this.rate.set(resultBps);
      if (carried) this.rate.protect(resultBps, now);
      this.#limit = 'delay';
      if (carried && this.loss.bps < resultBps) this.loss.bps = resultBps;
    }
    this.onProbe?.(resultBps, carried);
  }
}

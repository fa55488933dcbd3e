import {
  type AllocationMember,
  BitrateAllocator,
  type LayerOption,
  ProbePlanner,
  RembBound,
  SendSideEstimator,
} from '@weir/bwe';
import type { TransportFeedback } from '@weir/rtp';
import { candidatesOf } from './layer-candidates.ts';
import type { ReceiveStream } from './receive-stream.ts';
import type { Sender } from './sender.ts';
import type { Transport } from './transport.ts';

const defaultInitialBps = 600_000;
/** Tag of SRTP; what the path carries on top of the packets that we count. */
const sealBytes = 16;
/** Feedback may come with every few packets; layers need not be thought over so often. */
const minIntervalMs = 40;
/** While a probe runs packets are added so often. */
const probeStepMs = 5;
/** Packets of at most this age are sent again as probes. */
const maxProbeAgeMs = 1500;
const probeReach = 64;
/** An endpoint that agreed on feedback but gave none for so long is not limited by it. */
const maxWaitMs = 5000;
/** Loss and round trip from which on repairs are sent in several copies. */
const repeatLoss = 0.015;
const repeatRttMs = 70;
const presumedLoss = 0.07;
/** What loses so much is full: copies would make it fuller. */
const floodedLoss = 0.35;
const untestedFactor = 1.25;
/** Replays on paths that nothing limits, and those of sources without layers, times their rate. */
const freePaceBps = 10_000_000;
const unknownPaceFactor = 2.5;
const knownPaceFactor = 1.5;

/** Limits of a transport, bits per second; absent or 0 = none. */
export interface OutgoingLimits {
  readonly maxOutgoingBitrate?: number;
  readonly minOutgoingBitrate?: number;
  readonly initialOutgoingBitrate?: number;
}

/** Why a transport sends what it sends. */
export interface OutgoingExplanation {
  /** Infinity = nothing is known and nothing is limited. */
  readonly availableBps: number;
  readonly estimateBps: number | undefined;
  readonly acknowledgedBps: number;
  readonly queueMs: number;
  readonly lossFraction: number;
  /** Loss of the path at any rate. */
  readonly ownLoss: number;
  readonly rttMs: number;
  /** What sets `availableBps`. */
  readonly limit: string;
  readonly wantedBps: number;
  readonly allocatedBps: number;
  readonly probes: number;
}

/** Why a sender forwards the layers that it forwards. */
export interface SenderExplanation {
  readonly wantedSpatialLayer: number;
  readonly allocatedSpatialLayer: number;
  readonly allocatedTemporalLayer: number;
  readonly currentSpatialLayer: number;
  readonly allocatedBps: number;
  readonly limit: string;
}

/** What one transport may send: estimate, ceiling, probes, and the layers of its senders. */
export class OutgoingBandwidth {
  /** When handleTimeout() wants to be called. */
  nextAt = Number.POSITIVE_INFINITY;
  probes = 0;
  readonly #transport: Transport;
  readonly #allocator = new BitrateAllocator();
  readonly #planner = new ProbePlanner();
  readonly #remb = new RembBound();
  readonly #members = new Map<Sender, AllocationMember>();
  #estimator: SendSideEstimator | undefined = undefined;
  #maxBps = 0;
  #minBps = 0;
  #initialBps = defaultInitialBps;
  #decidedAt = Number.NEGATIVE_INFINITY;
  #now = 0;
  /** When the first packet went out that feedback should speak of. */
  #firstSentAt = Number.NaN;
  #limited = false;
  #wasSilent = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  configure(limits: OutgoingLimits, now: number): void {
    const max = limits.maxOutgoingBitrate ?? 0;
    const min = limits.minOutgoingBitrate ?? 0;
    this.#initialBps = limits.initialOutgoingBitrate || defaultInitialBps;
    if (max === this.#maxBps && min === this.#minBps) return;
    this.#maxBps = max;
    this.#minBps = min;
    if (this.#estimator !== undefined) this.#estimator.minBps = min;
    this.decide(now);
  }

  addSender(sender: Sender, now: number): void {
    if (sender.video && !this.#members.has(sender)) {
      this.#members.set(sender, sender.allocation);
      this.#allocator.add(sender.allocation);
    }
    this.decide(now);
  }

  removeSender(sender: Sender): void {
    const member = this.#members.get(sender);
    if (member === undefined) return;
    this.#members.delete(sender);
    this.#allocator.remove(member);
  }

  /** A packet with a transport-wide number goes out. */
  sent(sequence: number, bytes: number, now: number): void {
    if (this.#estimator === undefined) {
      this.#estimator = this.#makeEstimator();
      this.#firstSentAt = now;
    }
    this.#estimator.sent(sequence, bytes + sealBytes, now);
  }

  handleFeedback(feedback: TransportFeedback, now: number): void {
    if (this.#estimator === undefined) return;
    this.#now = now;
    this.#estimator.feedback(feedback, now);
    if (now - this.#decidedAt >= minIntervalMs || this.#estimator.overused) this.decide(now);
  }

  handleRemb(bps: number, now: number): void {
    this.#remb.told(bps, this.#transport.sentBps, now);
    this.decide(now);
  }

  /** About twice a second. */
  tick(now: number): void {
    this.#now = now;
    this.#estimator?.tick(now);
    this.#remb.check(now);
    this.decide(now);
  }

  /** Keys or path changed. */
  pathChanged(): void {
    this.#estimator?.pathChanged();
  }

  /** Sends what a running probe still needs, or begins one. */
  handleTimeout(now: number): void {
    const estimator = this.#estimator;
    this.nextAt = Number.POSITIVE_INFINITY;
    if (estimator === undefined || !this.#transport.ready) return;
    this.#now = now;
    if (!estimator.probe.running(now)) {
      this.decide(now);
      return;
    }
    this.#feedProbe(estimator, now);
    this.#wake(now + probeStepMs);
  }

  /**
   * How often a packet that the viewer misses is sent again at once. Where a repair is likely to be lost too, and
   * another round would take too long to go unseen, several copies are the only way to keep pictures moving.
   */
  get repairCopies(): number {
    const estimator = this.#estimator;
    if (estimator === undefined) return 1;
    if (!estimator.loss.known && estimator.lossFraction > floodedLoss) return 1;
    // As long as nothing is known, whoever misses something is taken for somebody on a bad path.
    const loss = estimator.loss.known ? estimator.loss.ownLoss : presumedLoss;
    if (loss < repeatLoss) return 1;
    const far = estimator.rttMs > repeatRttMs;
    const many = (loss > 2 * repeatLoss ? 1 : 0) + (loss > 4 * repeatLoss ? 1 : 0);
    let copies = (far ? 2 : 1) + many;
    // Copies are for what is to spare; an estimate that nothing has tested yet is mostly less than the path carries.
    const mediaBps = Math.max(0, this.#transport.sentBps - this.#transport.rtxSentBps);
    const spare = this.availableBps * (estimator.overused ? 1 : untestedFactor);
    while (copies > 1 && mediaBps * (1 + loss * copies) > spare) copies--;
    return copies;
  }

  /** What is left for repairs beside media, bits per second; Infinity = nothing is known to be short. */
  get repairBps(): number {
    const available = this.availableBps;
    if (available === Number.POSITIVE_INFINITY) return available;
    return available - Math.max(0, this.#transport.sentBps - this.#transport.rtxSentBps);
  }

  /** Until something sent now is heard of, milliseconds: the round trip, and the queue that stands. NaN = unknown. */
  get wordAfterMs(): number {
    const estimator = this.#estimator;
    return estimator?.heard === true ? estimator.rttMs + estimator.trendline.queueMs : Number.NaN;
  }

  /** Bits per second that may go out; Infinity = nothing is known and nothing is limited. */
  get availableBps(): number {
    return this.#maxBps > 0 ? Math.min(this.#maxBps, this.#pathBps) : this.#pathBps;
  }

  /**
   * Bits per second at which `sender` may replay a source of `liveBps`: what the estimate leaves beside other traffic.
   * A source without layers flows whatever the estimate says; its replay goes ahead by a factor.
   */
  replayBps(sender: Sender, layered: boolean, liveBps: number): number {
    const available = this.availableBps;
    if (available === Number.POSITIVE_INFINITY) return freePaceBps;
    const known = this.#known;
    const others = Math.max(0, this.#transport.sentBps - sender.bitrateBps);
    let replays = 1;
    for (const other of this.#transport.senders) if (other !== sender && other.replaying) replays++;
    const pace = (known ? available - others : available) / replays;
    if (layered) return pace;
    return Math.max(pace, (known ? knownPaceFactor : unknownPaceFactor) * liveBps);
  }

  /** Goes over layers and probes. */
  decide(now: number): void {
    this.#decidedAt = now;
    this.#now = now;
    const pathBps = this.#known ? this.availableBps : Number.POSITIVE_INFINITY;
    this.#transport.pace.set(pathBps, this.#transport.room.forwarder.paceFactor);
    if (this.#members.size === 0) return;
    const available = this.availableBps;
    if (available === Number.POSITIVE_INFINITY && !this.#preferences) {
      if (this.#limited || this.#behind) this.#unlimit();
      return;
    }
    this.#limited = true;
    const reserved = this.#readMembers();
    const estimator = this.#estimator;
    const loss = Math.min(0.3, estimator === undefined ? 0 : estimator.loss.ownLoss);
    const ceiling = this.#maxBps > 0 && this.#maxBps <= this.#pathBps;
    this.#allocator.allocate(available, reserved, loss, ceiling, now);
    for (const [sender, member] of this.#members) this.#apply(sender, member);
    if (estimator !== undefined) this.#planProbe(estimator, now);
  }

  explain(): OutgoingExplanation {
    const estimator = this.#estimator;
    return {
      availableBps: this.availableBps,
      estimateBps: estimator?.bps,
      acknowledgedBps: estimator?.acknowledgedBps ?? 0,
      queueMs: estimator?.trendline.queueMs ?? 0,
      lossFraction: estimator?.loss.fraction ?? 0,
      ownLoss: estimator?.loss.ownLoss ?? 0,
      rttMs: estimator?.rttMs ?? this.#transport.rttMs,
      limit: this.#limit,
      wantedBps: this.#allocator.wantedBps,
      allocatedBps: this.#allocator.allocatedBps,
      probes: this.probes,
    };
  }

  /** Layers are chosen by bitrate or preference; otherwise everything goes out. */
  get limited(): boolean {
    return this.#limited;
  }

  explainSender(sender: Sender): SenderExplanation | undefined {
    const member = this.#members.get(sender);
    if (member === undefined) return undefined;
    return {
      wantedSpatialLayer: member.options[member.wanted]?.spatialLayer ?? -1,
      allocatedSpatialLayer: this.#limited ? member.spatialLayer : sender.selector.target,
      allocatedTemporalLayer: member.temporalLayer,
      currentSpatialLayer: sender.openStream === undefined ? -1 : sender.currentSpatialLayer,
      allocatedBps: Math.round(member.bps),
      limit: this.#limited && member.options.length > 0 ? member.limit : 'none',
    };
  }

  /** The path has been heard of: what it carries is no mere assumption. */
  get #known(): boolean {
    return this.#estimator?.heard === true || this.#remb.bps !== Number.POSITIVE_INFINITY;
  }

  get #limit(): string {
    const path = this.#pathBps;
    if (this.#maxBps > 0 && this.#maxBps <= path) return 'maximum';
    if (path === Number.POSITIVE_INFINITY) return 'none';
    const estimator = this.#estimator;
    return estimator?.heard === true ? estimator.limit : this.#remb.bps <= path ? 'remb' : 'initial';
  }

  /** What the path is believed to carry. */
  get #pathBps(): number {
    const estimator = this.#estimator;
    if (estimator?.heard === true) return estimator.bps;
    if (this.#remb.bps !== Number.POSITIVE_INFINITY) return Math.max(this.#minBps, this.#remb.bps);
    return this.#expectsFeedback ? Math.max(this.#minBps, this.#initialBps) : Number.POSITIVE_INFINITY;
  }

  /** A viewer prefers layers within a stream, which need the filter even where nothing is short. */
  get #preferences(): boolean {
    for (const { spec, receiver } of this.#members.keys()) {
      const preferred = spec.preferredLayers;
      if (preferred === undefined) continue;
      if (preferred.temporalLayer !== undefined || receiver?.layered === false) return true;
    }
    return false;
  }

  /** Transport-wide feedback was agreed on, and it is not clear yet that none comes. */
  get #expectsFeedback(): boolean {
    if (this.#now - this.#firstSentAt > maxWaitMs) return false;
    for (const sender of this.#members.keys()) {
      if (sender.profile !== undefined && sender.profile.transportSequenceId !== 0) return true;
    }
    return false;
  }

  #makeEstimator(): SendSideEstimator {
    const initial = this.#maxBps > 0 ? Math.min(this.#initialBps, this.#maxBps) : this.#initialBps;
    const estimator = new SendSideEstimator({ initialBps: initial, minBps: this.#minBps });
    estimator.onProbe = (_, carried) => this.#planner.result(carried, this.#now);
    return estimator;
  }

  get #behind(): boolean {
    for (const sender of this.#members.keys()) if (sender.behind) return true;
    return false;
  }

  #unlimit(): void {
    this.#limited = false;
    for (const sender of this.#members.keys()) {
      sender.limitLayers(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    }
  }

  /** Brings members up to date; answers what audio and streams without layers take. */
  #readMembers(): number {
    let reserved = 0;
    for (const sender of this.#transport.senders) {
      const member = this.#members.get(sender);
      if (member === undefined) {
        if (sender.forwards) reserved += sender.bitrateBps;
        continue;
      }
      member.priority = sender.spec.priority;
      member.hysteresis = sender.hysteresis;
      member.options = sender.forwards && sender.receiver?.paused === false ? candidatesOf(sender) : [];
      member.wanted = wantedOf(sender, member.options);
      if (member.options.length === 1 && sender.receiver?.layered !== true) {
        // Without layers there is no choice: it flows as it is.
        reserved += member.options[0]!.bps;
        sender.capLayers();
        member.options = [];
        member.wanted = -1;
      }
    }
    return reserved;
  }

  #apply(sender: Sender, member: AllocationMember): void {
    const option = member.options[member.allocated];
    if (member.options.length === 0) return;
    const spatial = option?.spatialLayer ?? -1;
    const streams = sender.receiver?.streams;
    const highest = option === undefined ? 0 : highestTemporal(sender, streams?.[option.spatialLayer]);
    const temporal =
      option === undefined || option.temporalLayer >= highest
        ? Number.POSITIVE_INFINITY
        : option.temporalLayer;
    sender.limitLayers(spatial, temporal, member.urgent);
  }

  #planProbe(estimator: SendSideEstimator, now: number): void {
    if (!estimator.heard || estimator.probe.pending) return;
    if (estimator.overused || estimator.silent) {
      this.#wasSilent ||= estimator.silent;
      this.#planner.postpone(now);
      return;
    }
    if (this.#wasSilent) {
      this.#wasSilent = false;
      this.#planner.restart(now);
    }
    const ceiling = this.#maxBps > 0 ? this.#maxBps : Number.POSITIVE_INFINITY;
    const next = this.#allocator.nextBps;
    // Beyond the application's ceiling nothing is worth knowing.
    if (next > ceiling) return;
    const wanted = Math.min(ceiling, this.#allocator.wantedBps);
    const target = this.#planner.plan(estimator.bps, next, wanted, now);
    if (target > 0 && this.#probeSender() !== undefined) {
      this.probes++;
      estimator.probe.start(target, now);
      this.#feedProbe(estimator, now);
      this.#wake(now + probeStepMs);
    } else if (!Number.isNaN(this.#planner.nextAt)) {
      this.#wake(this.#planner.nextAt);
    }
  }

  /** Adds packets on a retransmission stream: what the viewer has got once it throws away. */
  #feedProbe(estimator: SendSideEstimator, now: number): void {
    const sender = this.#probeSender();
    if (sender === undefined) return;
    const { fanOut } = this.#transport.room.forwarder;
    let out = sender.lastOut;
    const last = out - probeReach;
    for (let tries = 0; tries < 2 * probeReach && estimator.probe.deficit(now) > 0; tries++) {
      // Nothing to send again: the probe says what it can with what it has.
      if (!fanOut.resend(sender, out, maxProbeAgeMs, now, true) && out === sender.lastOut) return;
      out = out - 1 > last ? out - 1 : sender.lastOut;
    }
  }

  #probeSender(): Sender | undefined {
    for (const sender of this.#members.keys()) {
      if (sender.forwards && sender.openStream !== undefined && sender.canProbe) return sender;
    }
    return undefined;
  }

  #wake(at: number): void {
    if (at >= this.nextAt) return;
    this.nextAt = at;
    this.#transport.room.forwarder.schedule(at);
  }
}

function highestTemporal(sender: Sender, stream: ReceiveStream | undefined): number {
  const taken = sender.receiver?.layered === true ? stream : sender.receiver?.streams[0];
  return taken?.layerRates.maxTemporal ?? 0;
}

/** Index of the best option within the viewer's preference. */
function wantedOf(sender: Sender, options: readonly LayerOption[]): number {
  const preferred = sender.spec.preferredLayers;
  if (preferred === undefined) return options.length - 1;
  let wanted = Math.min(0, options.length - 1);
  for (let i = 0; i < options.length; i++) {
    const { spatialLayer, temporalLayer } = options[i]!;
    const within =
      spatialLayer < preferred.spatialLayer ||
      (spatialLayer === preferred.spatialLayer &&
        (preferred.temporalLayer === undefined || temporalLayer <= preferred.temporalLayer));
    if (within) wanted = i;
  }
  return wanted;
}

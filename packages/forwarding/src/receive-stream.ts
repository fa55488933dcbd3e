import type { CodecSpec, FeedbackSpec } from '@weir/protocol';
import {
  compactNtp,
  type DependencyDescriptor,
  dlsrFromMs,
  JitterEstimator,
  NackGenerator,
  type ReportBlock,
  type RtpHeader,
  SequenceValidator,
  SequenceVerdict,
  seqDiff,
  timestampNewer,
  unixMsFromNtp,
} from '@weir/rtp';
import { ChainWatch } from './chain-watch.ts';
import { KeyFrameCache } from './key-frame-cache.ts';
import { KeyFrameRequester } from './key-frame-requester.ts';
import { LayerRates } from './layer-rates.ts';
import { PacketCache } from './packet-cache.ts';
import { NewestPicture } from './picture-numbers.ts';
import type { SourceClock } from './source-clock.ts';
import { StreamScore } from './stream-score.ts';

/** A stream without packets for so long is not live: layers are chosen without it, its score is 0. */
const inactivityMs = 1500;
const inactivityDtxMs = 5000;
/** A publisher that is asked for a stream that it had turned off sends it within this, or can't. */
const returnMs = 5000;
/** A sender report that is this far from what arrival says is nonsense. */
const maxReportErrorMs = 5000;

const videoCachePackets = 1024;
const audioCachePackets = 256;
const emptyCache = new PacketCache(2);

/** What receive() made of a packet. */
export const Reception = {
  /** Late beyond use, a jump, or seen already. */
  dropped: 0,
  accepted: 1,
} as const;
export type Reception = (typeof Reception)[keyof typeof Reception];

/** One encoding of a receiver: validation, statistics, loss repair and clock of its packets. */
export class ReceiveStream {
  /** Place among the receiver's encodings, low to high. */
  readonly encodingIdx: number;
  readonly video: boolean;
  readonly rid: string | undefined;
  readonly declaredSsrc: number | undefined;
  readonly declaredRtxSsrc: number | undefined;
  readonly clockRate: number;
  readonly mimeType: string;
  readonly payloadType: number;
  readonly feedback: FeedbackSpec;
  readonly dtx: boolean;
  /** Both are made when the first packet comes: a declared stream that never comes costs little. */
  cache = emptyCache;
  nack: NackGenerator | undefined = undefined;
  readonly keyFrames = new KeyFrameRequester();
  /** Where a viewer that comes late may begin. */
  readonly keyFrame = new KeyFrameCache();
  readonly score = new StreamScore(0);
  readonly clock: SourceClock;
  readonly layerRates = new LayerRates();
  /** Made when the first dependency descriptor comes. */
  descriptor: DependencyDescriptor | undefined = undefined;
  readonly chains = new ChainWatch();

  /** 0 until declared or learnt. */
  ssrc: number;
  rtxSsrc: number;
  /** Grows when the source began anew: extended numbers of before are void. */
  generation = 0;
  started = false;
  /** Packets came lately. */
  live = false;
  /** The publisher was told that somebody has a use for it, or was told nothing. */
  wanted = true;
  /** When it was wanted again. */
  wantedAt = Number.NEGATIVE_INFINITY;
  /** Number of the packet taken by the last receive(): extended, never repeated, never below 65536. */
  extended = 0;

  /** The newest timestamp and when its first packet came. */
  newestTimestamp = 0;
  newestArrivalMs = 0;
  lastPacketAt = Number.NEGATIVE_INFINITY;
  /** Kept for layer switches: numbers are to go on. */
  readonly newestPicture = new NewestPicture();
  /** Called before the numbers and times of the old generation are lost. */
  onRestart: (() => void) | undefined = undefined;

  packets = 0;
  bytes = 0;
  discarded = 0;
  /** Arrived by retransmission, and how many of these filled a gap. */
  retransmitted = 0;
  repaired = 0;
  rtxBytes = 0;
  nackCount = 0;
  nackPackets = 0;
  pliCount = 0;
  firCount = 0;
  firSequence = 0;
  keyFrameCount = 0;
  bitrateBps = 0;
  lastSenderReportAt = Number.NEGATIVE_INFINITY;
  lastReportSentAt = Number.NEGATIVE_INFINITY;

  #validator = new SequenceValidator();
  readonly #jitter: JitterEstimator;
  #highest = 0;
  #timed = false;
  #keyFrameTimestamp = 0;
  #compactNtp = 0;
  #reportUnixMs = 0;
  #reportTimestamp = 0;
  #reportEpoch = -1;
  /** Repairs that came too late for the validator to count them. */
  #lateRepairs = 0;
  #expectedAtScore = 0;
  #receivedAtScore = 0;
  #repairedAtScore = 0;
  #bytesAtRate = 0;
  #rateAt = 0;

  constructor(options: {
    encodingIdx: number;
    video: boolean;
    rid: string | undefined;
    ssrc: number | undefined;
    rtxSsrc: number | undefined;
    dtx: boolean;
    codec: CodecSpec;
    keyFrameRequestDelayMs: number;
    clock: SourceClock;
  }) {
    const { codec } = options;
    this.encodingIdx = options.encodingIdx;
    this.video = options.video;
    this.rid = options.rid;
    this.declaredSsrc = options.ssrc;
    this.declaredRtxSsrc = options.rtxSsrc;
    this.ssrc = options.ssrc ?? 0;
    this.rtxSsrc = options.rtxSsrc ?? 0;
    this.dtx = options.dtx;
    this.clock = options.clock;
    this.clockRate = codec.clockRate;
    this.mimeType = codec.mimeType;
    this.payloadType = codec.payloadType;
    this.feedback = codec.feedback;
    this.keyFrames.setDelay(options.keyFrameRequestDelayMs);
    this.#jitter = new JitterEstimator(codec.clockRate);
  }

  /**
   * Judges and counts a plain packet that lies in arena slot `serial`. `recovered` says that it came as a
   * retransmission on the RTX stream. `extended` is its number if it is accepted.
   */
  receive(
    header: RtpHeader,
    serial: number,
    isKeyFrame: boolean,
    recovered: boolean,
    now: number,
  ): Reception {
    const seq = header.sequenceNumber;
    let extended: number;
    if (!this.started) {
      // A repair of something from before our time tells nothing about where the stream is.
      if (recovered) return this.#discard();
      this.started = true;
      if (this.cache === emptyCache) {
        this.cache = new PacketCache(this.video ? videoCachePackets : audioCachePackets);
        if (this.feedback.nack) this.nack = new NackGenerator();
      }
      this.#validator.update(seq);
      extended = this.#renumber(seq);
    } else {
      const distance = seqDiff(seq, this.#highest & 0xffff);
      extended = this.#highest + distance;
      if (distance <= 0 && this.cache.has(extended)) return this.#discard();
      const late = distance < 0 && distance > -this.cache.capacity;
      if (late && (recovered || distance < -SequenceValidator.maxMisorder)) {
        // Too late for plain reordering: welcome only if it was asked for, or came as a repair.
        const asked = this.nack?.receive(seq, isKeyFrame, recovered, now) ?? false;
        if (!asked && !recovered) return this.#discard();
        if (asked) this.repaired++;
        this.#lateRepairs++;
        return this.#take(extended, header, serial, recovered, now);
      }
      const verdict = this.#validator.update(seq);
      if (verdict === SequenceVerdict.jump) return this.#discard();
      if (verdict === SequenceVerdict.restart) {
        this.restart();
        this.started = true;
        this.#validator.update(seq);
        extended = this.#renumber(seq);
      } else if (extended > this.#highest) {
        this.#highest = extended;
      }
    }
    if (this.nack?.receive(seq, isKeyFrame, recovered, now)) this.repaired++;
    // Jitter counts packets as they were sent; late ones would look like a clock that jumps.
    if (extended === this.#highest) this.#jitter.update(header.timestamp, now);
    return this.#take(extended, header, serial, recovered, now);
  }

  /** Silent because nobody wanted it: it can be had, and comes back soon after it is wanted. */
  dormant(now: number): boolean {
    return !this.live && this.layerRates.known && (!this.wanted || now - this.wantedAt < returnMs);
  }

  /** Highest extended number so far. */
  get highest(): number {
    return this.#highest;
  }

  /** Forgets where the stream was: its next packet begins a new generation. */
  restart(): void {
    this.onRestart?.();
    this.generation++;
    this.started = false;
    this.nack?.reset();
    this.#validator = new SequenceValidator();
    this.#lateRepairs = 0;
    this.#jitter.reset();
    this.#reportEpoch = -1;
    this.#timed = false;
    this.newestPicture.reset();
    this.chains.reset();
    this.keyFrame.forget();
    this.descriptor?.reset();
    this.layerRates.reset();
    this.#expectedAtScore = 0;
    this.#receivedAtScore = 0;
    this.#repairedAtScore = this.repaired;
  }

  /** The receiver left its transport: what was learnt there is void. */
  unbind(): void {
    this.restart();
    this.ssrc = this.declaredSsrc ?? 0;
    this.rtxSsrc = this.declaredRtxSsrc ?? 0;
    this.lastPacketAt = Number.NEGATIVE_INFINITY;
  }

  /** A sender report of this stream (RFC 3550 §6.4.1). Times in milliseconds; `unixMs` is our wall clock. */
  handleSenderReport(
    ntpSeconds: number,
    ntpFraction: number,
    rtpTimestamp: number,
    now: number,
    unixMs: number,
  ): void {
    this.#compactNtp = compactNtp(ntpSeconds, ntpFraction);
    this.lastSenderReportAt = now;
    // Without a clock some senders write 0: then there is nothing to relate.
    if (ntpSeconds === 0) return;
    this.#reportUnixMs = unixMsFromNtp(ntpSeconds, ntpFraction);
    this.#reportTimestamp = rtpTimestamp;
    this.#reportEpoch = this.clock.note(this.#reportUnixMs, unixMs);
  }

  /** True when timestamps of this stream can be placed on the publisher's clock. */
  get hasClock(): boolean {
    return this.#reportEpoch === this.clock.epoch;
  }

  /**
   * The RTP timestamp that belongs to our wall-clock time `unixMs`, not rounded and not wrapped: by the
   * publisher's sender report, or by the arrival of the newest packet while there is none.
   */
  timestampAt(unixMs: number, now: number): number {
    const byArrival = this.newestTimestamp + ((now - this.newestArrivalMs) * this.clockRate) / 1000;
    if (!this.hasClock) return byArrival;
    const elapsedMs = this.clock.toSource(unixMs) - this.#reportUnixMs;
    const byReport = this.#reportTimestamp + (elapsedMs * this.clockRate) / 1000;
    // Both are near each other but may lie on different turns of the 32-bit timestamp.
    const difference = Math.round(byReport - byArrival) | 0;
    if (Math.abs(difference) > (maxReportErrorMs * this.clockRate) / 1000) return byArrival;
    return byArrival + difference;
  }

  /** Milliseconds on the publisher's clock of an RTP timestamp; only while hasClock. */
  sourceMsOf(timestamp: number): number {
    return this.#reportUnixMs + (((timestamp - this.#reportTimestamp) | 0) * 1000) / this.clockRate;
  }

  /** The RTP timestamp of milliseconds on the publisher's clock, not wrapped; only while hasClock. */
  timestampOfSourceMs(sourceMs: number): number {
    return this.#reportTimestamp + ((sourceMs - this.#reportUnixMs) * this.clockRate) / 1000;
  }

  /** A report block about this stream; call once per report sent. */
  takeReport(now: number): ReportBlock {
    const sinceReport = now - this.lastSenderReportAt;
    return {
      ssrc: this.ssrc,
      fractionLost: this.#validator.takeFractionLost(),
      totalLost: Math.max(0, this.#validator.lost),
      extendedHighestSequence: this.#validator.extendedHighest >>> 0,
      jitter: this.#jitter.value,
      lastSenderReport: Number.isFinite(sinceReport) ? this.#compactNtp : 0,
      delaySinceLastSenderReport: Number.isFinite(sinceReport) ? dlsrFromMs(sinceReport) : 0,
    };
  }

  /** The packet taken last begins a key frame, or (H.264) is one of several that do. */
  noteKeyFrame(timestamp: number): void {
    this.keyFrames.received();
    if (this.keyFrameCount > 0 && timestamp === this.#keyFrameTimestamp) return;
    this.#keyFrameTimestamp = timestamp;
    this.keyFrameCount++;
  }

  /** Packets that should have come since the start or restart. */
  get expectedPackets(): number {
    return this.#validator.expected;
  }

  /** Those that came without repair: what the path carries. */
  get countedPackets(): number {
    return this.#validator.received;
  }

  /** Goes over activity, score and bit rate, about twice a second. True when the score changed. */
  tick(now: number): boolean {
    if (now > this.#rateAt) {
      this.bitrateBps = Math.round(((this.bytes - this.#bytesAtRate) * 8000) / (now - this.#rateAt));
      this.#bytesAtRate = this.bytes;
      this.#rateAt = now;
    }
    if (!this.live) return false;
    this.layerRates.tick(now);
    if (now - this.lastPacketAt > (this.dtx ? inactivityDtxMs : inactivityMs)) {
      this.live = false;
      if (this.wanted) this.layerRates.reset();
      else this.layerRates.rest();
      this.keyFrames.cancel();
      return this.score.reset(0);
    }
    const { expected } = this.#validator;
    const received = this.#validator.received + this.#lateRepairs;
    const interval = expected - this.#expectedAtScore;
    // A handful of packets says nothing about loss.
    if (interval < 10) return false;
    const repaired = this.repaired - this.#repairedAtScore;
    const lost = interval - (received - this.#receivedAtScore);
    this.#expectedAtScore = expected;
    this.#receivedAtScore = received;
    this.#repairedAtScore = this.repaired;
    return this.score.update(interval, lost, repaired);
  }

  /** Packets that never came, repaired ones not counted. */
  get packetsLost(): number {
    return Math.max(0, this.#validator.lost - this.#lateRepairs);
  }

  get jitter(): number {
    return this.#jitter.value;
  }

  /** Relative transit time of the newest frame in timestamp units (RFC 3550 A.8), signed 32 bits. */
  get transit(): number {
    return (Math.round((this.newestArrivalMs * this.clockRate) / 1000) - this.newestTimestamp) | 0;
  }

  get fractionLost(): number {
    const { expected } = this.#validator;
    return expected === 0 ? 0 : this.packetsLost / expected;
  }

  #take(extended: number, header: RtpHeader, serial: number, recovered: boolean, now: number): Reception {
    this.extended = extended;
    this.cache.put(extended, serial, header.length, now);
    this.packets++;
    this.bytes += header.length;
    if (recovered) this.retransmitted++;
    this.lastPacketAt = now;
    if (!this.#timed || timestampNewer(header.timestamp, this.newestTimestamp)) {
      this.#timed = true;
      this.newestTimestamp = header.timestamp;
      this.newestArrivalMs = now;
    }
    return Reception.accepted;
  }

  /** Extended numbers go up over restarts too, so that none of them ever means two packets. */
  #renumber(seq: number): number {
    this.#highest = (Math.floor(this.#highest / 65536) + (this.#highest === 0 ? 1 : 2)) * 65536 + seq;
    return this.#highest;
  }

  #discard(): Reception {
    this.discarded++;
    return Reception.dropped;
  }
}

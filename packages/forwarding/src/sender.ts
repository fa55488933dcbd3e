import { AllocationMember } from '@weir/bwe';
import { hysteresisOf, type SenderSpec } from '@weir/protocol';
import { extensionUri, roundTripMs } from '@weir/rtp';
import { noPayloadType, SendCodecs } from './codec-table.ts';
import type { ExtensionProfile } from './extension-profile.ts';
import { catchUpMs } from './key-frame-replay.ts';
import { allLayers, LayerFilter } from './layer-filter.ts';
import { LayerSelector } from './layer-selector.ts';
import { observeLatency } from './media-totals.ts';
import { deltaAfter, NewestPicture, type PictureNumbers } from './picture-numbers.ts';
import type { ReceiveStream } from './receive-stream.ts';
import type { Receiver } from './receiver.ts';
import { ResendBudget } from './resend-budget.ts';
import type { ForwardingRoom } from './room.ts';
import { Segment } from './segment.ts';
import { SentCopies } from './sent-copies.ts';
import { StreamScore } from './stream-score.ts';
import type { Transport } from './transport.ts';

const defaultRttMs = 100;
/** An exact timestamp at a switch may differ so far from what the clock on the wall says. */
const maxTimestampErrorSeconds = 10;
/** Key frames that a viewer may cause in `pliWindowMs`; what it asks for beyond is not passed on. */
const maxPlisPerWindow = 10;
const pliWindowMs = 10_000;
/** A viewer that sees something already is put back in time by no more than this to spare the publisher a request. */
const maxStepBackMs = 250;
/** What a viewer asks for while a replay is on its way to it is on its way to it. */
const replayGraceMs = 150;
/** So long after a replay an order of the room may still mean the beginning that the replay has answered. */
const orderGraceMs = 1500;
/** Nothing that was replayed is sent again after so long. */
const compressedMs = 60_000;

/** One viewer's copy of a receiver: own SSRC, numbers without gaps, and the layer it gets. */
export class Sender {
  readonly room: ForwardingRoom;
  readonly id: number;
  readonly video: boolean;
  readonly selector = new LayerSelector();
  readonly filter = new LayerFilter();
  /** Its share of the transport's bitrate. */
  allocation = new AllocationMember();
  readonly score = new StreamScore(10);
  spec: SenderSpec;
  hysteresis = hysteresisOf();
  codecs: SendCodecs;
  receiver: Receiver | undefined = undefined;
  transport: Transport | undefined = undefined;
  profile: ExtensionProfile | undefined = undefined;

  /** The stream whose packets are forwarded now; the only thing looked at for each packet of others. */
  openStream: ReceiveStream | undefined = undefined;
  /** Given up as far too much for the path: what is missing of it is not sent again until it is taken up again. */
  shedStream: ReceiveStream | undefined = undefined;
  segment = new Segment();
  /** Next packet of the open stream that a replay sends; Infinity = packets go out as they come. */
  replayNext = Number.POSITIVE_INFINITY;
  /** What a replay sent last, if it did not come to its end: the stream is further than the viewer. */
  readonly replayed = new NewestPicture();
  /** The one before: retransmissions reach back into it. */
  previous = new Segment();
  /** Highest number sent, extended; its upper bits are the rollover counter. */
  lastOut: number;
  lastRtxOut: number;
  /** Only where packets may have to go out again without RTX. */
  copies: SentCopies | undefined = undefined;

  packets = 0;
  bytes = 0;
  payloadBytes = 0;
  lastSentAt = 0;
  rtxPackets = 0;
  rtxBytes = 0;
  nackCount = 0;
  nackedPackets = 0;
  /** Asked for, but no longer in the arena, too old, or never received. */
  resendMisses = 0;
  pliCount = 0;
  firCount = 0;
  /** Times that it began with a cached key frame. */
  replays = 0;
  bitrateBps = 0;
  rttMs = defaultRttMs;
  hasRtt = false;
  remoteFractionLost = 0;
  remotePacketsLost = 0;
  remoteJitter = 0;
  lastReportAt = Number.NEGATIVE_INFINITY;
  /** Spatial layer last told; -1 = none. */
  announcedLayer = -1;
  announcedScore = -1;
  announcedReceiverScore = -1;

  /** Since when video could go out and the viewer has seen none; NaN = not yet, or it has. */
  #blankSince = Number.NaN;
  #seen = false;
  /** That our numbers belong to, also while unbound; -1 = none. */
  #association = -1;
  /** The MID goes out until the viewer has reported on the stream (as RFC 8843 §9.2 asks). */
  #sendsMid = true;
  /** Timestamp and time where the last segment ended; NaN = nothing was sent yet. */
  #endTimestamp = Number.NaN;
  #endAt = 0;
  readonly #resends = new ResendBudget();
  #pliWindowAt = Number.NEGATIVE_INFINITY;
  #plisInWindow = 0;
  #replayedAt = Number.NEGATIVE_INFINITY;
  /** The viewer waits for the first picture of a lower layer: it has seen what was shed. */
  #shed = false;
  #bytesAtRate = 0;
  #rateAt = 0;
  #packetsAtScore = 0;
  #lostAtScore = 0;
  #rtxAtScore = 0;

  constructor(room: ForwardingRoom, spec: SenderSpec) {
    this.room = room;
    this.id = spec.id;
    this.spec = spec;
    this.video = spec.kind !== 'audio';
    this.codecs = new SendCodecs(spec.codecs);
    this.lastOut = this.#randomStart();
    this.lastRtxOut = this.#randomStart();
    this.#readLayers();
    this.#keepCopies();
  }

  /** Packets can go out. */
  get forwards(): boolean {
    return this.spec.active && this.transport?.ready === true && this.profile !== undefined;
  }

  /** Takes changed parameters; the caller handles a change of transport or receiver. */
  update(spec: SenderSpec): void {
    const before = this.spec;
    const renamed = before.ssrc !== spec.ssrc || before.rtxSsrc !== spec.rtxSsrc;
    if (renamed) this.#leaveNumbers();
    this.spec = spec;
    this.codecs = new SendCodecs(spec.codecs);
    this.#readLayers();
    this.#keepCopies();
    if (renamed) this.#restart();
    if (before.mid !== spec.mid) this.#sendsMid = true;
    this.chooseProfile();
    this.#refresh();
    if (!spec.active && before.active) this.endSegment();
    this.chooseLayer();
    if (spec.active && !before.active) this.requestKeyFrame();
  }

  setReceiver(receiver: Receiver | undefined): void {
    if (this.receiver === receiver) return;
    this.endSegment();
    this.receiver?.removeSender(this);
    this.receiver = receiver;
    this.chooseProfile();
    receiver?.addSender(this);
    this.chooseLayer();
    this.requestKeyFrame();
  }

  setTransport(transport: Transport | undefined, now: number): void {
    if (this.transport === transport) return;
    this.endSegment();
    this.#leaveNumbers();
    this.transport?.removeSender(this);
    this.transport = transport;
    this.allocation = new AllocationMember();
    this.limitLayers(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    this.#sendsMid = true;
    this.chooseProfile();
    transport?.addSender(this, now);
    this.transportChanged();
    this.requestKeyFrame();
  }

  /** The transport got or lost its keys or path. */
  transportChanged(): void {
    const { transport } = this;
    // Back under the same keys, numbers go on where they were.
    if (transport !== undefined && transport.association !== this.#association) this.#restart();
    this.#refresh();
    this.#decide();
    if (!this.forwards) this.endSegment();
  }

  chooseProfile(): void {
    const { receiver, spec } = this;
    const mid = this.#sendsMid ? spec.mid : undefined;
    this.profile = receiver?.profile(spec, this.codecs.transportCc, mid);
  }

  /** Chooses the encoding to take again, and asks for a key frame where a switch needs one. */
  chooseLayer(): void {
    this.#decide();
    this.#select();
  }

  /** What may be chosen from changed: the transport shares its bitrate out anew. */
  #decide(): void {
    if (this.video) this.transport?.outgoing.decide(this.room.forwarder.now);
  }

  #select(): void {
    const { receiver } = this;
    if (receiver === undefined) return;
    if (this.selector.update(receiver.streams)) this.requestKeyFrame();
    if (this.video) receiver.need(this.neededLayer, this.room.forwarder.now);
  }

  /**
   * Highest spatial layer that it has a use for: what its bitrate gives it, or would if the source sent it. -1 = it
   * takes nothing at all.
   */
  get neededLayer(): number {
    const { receiver, selector } = this;
    if (!this.spec.active || receiver === undefined) return -1;
    const preferred = this.spec.preferredLayers?.spatialLayer ?? Number.POSITIVE_INFINITY;
    const most = Math.max(0, Math.min(preferred, receiver.spatialLayers - 1));
    if (selector.paused) return 0;
    if (!receiver.layered) return Math.min(most, this.filter.spatialTarget);
    let layer = Math.min(most, selector.maxSpatialLayer);
    // Where the source itself is what is missing, it is not to be told that nobody wants it.
    const { now } = this.room.forwarder;
    for (; layer < most; layer++) {
      const above = receiver.streams[layer + 1]!;
      if (above.live || !above.wanted || above.dormant(now)) break;
    }
    return layer;
  }

  /**
   * What the bitrate allows: the highest spatial layer (-1 = nothing at all) and the highest temporal one. For
   * simulcast the spatial layer names the encoding, otherwise the layer within the one stream.
   */
  limitLayers(spatial: number, temporal: number, urgent = false): void {
    const { selector, receiver } = this;
    const paused = spatial < 0;
    const simulcast = receiver === undefined || receiver.layered;
    selector.maxSpatialLayer = simulcast && !paused ? spatial : Number.POSITIVE_INFINITY;
    if (selector.paused !== paused) {
      selector.paused = paused;
      const { totals } = this.room.forwarder;
      if (paused) {
        totals.layerPaused++;
        this.endSegment();
      } else {
        totals.layerResumed++;
      }
    }
    const within = simulcast || !Number.isFinite(spatial) ? allLayers : spatial;
    const raises = !paused && !simulcast && within > this.filter.spatial;
    this.filter.limit(paused ? allLayers : within, Number.isFinite(temporal) ? temporal : allLayers);
    this.#select();
    if (urgent) this.#shedOpen();
    // Spatial layers of one stream mostly begin at key frames only.
    if (raises) this.requestKeyFrame();
  }

  /** Stops a layer that the path carries no more, before the lower one can begin. */
  #shedOpen(): void {
    const { openStream, targetStream } = this;
    if (openStream === undefined || targetStream === undefined) return;
    if (targetStream.encodingIdx >= openStream.encodingIdx) return;
    this.endSegment();
    this.shedStream = openStream;
    this.#shed = true;
  }

  /** The stream that the sender wants to take. */
  get targetStream(): ReceiveStream | undefined {
    return this.receiver?.streams[this.selector.target];
  }

  /** Gets this sender a key frame if it could use one: the cached one, or else the source is asked. */
  requestKeyFrame(): void {
    const stream = this.targetStream;
    if (!this.video || stream === undefined || !stream.live) return;
    if (!this.forwards || this.receiver?.paused !== false) return;
    const { forwarder } = this.room;
    // While a lower layer is replayed the wanted one can wait: it is asked for when that is through.
    if (this.openStream !== stream && this.replayNext !== Number.POSITIVE_INFINITY) return;
    if (this.openStream !== stream && this.replayFrom(forwarder.now) !== undefined) {
      forwarder.noteReplay(this);
      return;
    }
    this.askForKeyFrame();
  }

  /**
   * An order of the room. It orders a key frame for every sender that can begin (D-23), after the fact: one that
   * began with the cached key frame meanwhile, or is about to, must not cost the publisher another.
   */
  orderKeyFrame(): void {
    if (this.openStream !== this.targetStream) this.requestKeyFrame();
    else if (!(this.room.forwarder.now - this.segment.replayedAt <= orderGraceMs)) this.askForKeyFrame();
  }

  /** Asks the source for a key frame, whatever is cached. */
  askForKeyFrame(): void {
    const stream = this.targetStream;
    if (!this.video || stream === undefined || !stream.live) return;
    if (!this.forwards || this.receiver?.paused !== false) return;
    stream.keyFrames.want(this.room.forwarder.now);
    this.room.forwarder.noteKeyFrameWish(stream, this.receiver);
  }

  /**
   * The stream that a replay may begin with: the wanted one, or for a viewer that sees nothing yet the nearest below
   * it. Undefined when no cached key frame can be used.
   */
  replayFrom(now: number): ReceiveStream | undefined {
    const target = this.targetStream;
    const { receiver } = this;
    if (target === undefined || receiver === undefined || this.openStream === target) return undefined;
    if (this.#replayable(target, now)) return target;
    if (this.openStream !== undefined || this.#shed) return undefined;
    for (let i = this.selector.target - 1; i >= 0; i--) {
      const stream = receiver.streams[i]!;
      if (stream.live && this.#replayable(stream, now)) return stream;
    }
    return undefined;
  }

  #replayable(stream: ReceiveStream, now: number): boolean {
    return !Number.isNaN(this.#catchUpMs(stream, now));
  }

  #catchUpMs(stream: ReceiveStream, now: number): number {
    if (stream.keyFrame.start < 0) return Number.NaN;
    // Pictures that it had already are not shown twice.
    if (this.segment.reached(stream, stream.keyFrame.start)) return Number.NaN;
    if (this.previous.reached(stream, stream.keyFrame.start)) return Number.NaN;
    const blank = this.openStream === undefined && !this.#shed;
    const maxAgeMs = blank ? Number.POSITIVE_INFINITY : maxStepBackMs;
    return catchUpMs(stream, this, maxAgeMs, now);
  }

  /** Begins with the cached key frame of `stream`, as replayFrom() gave it. */
  beginReplay(stream: ReceiveStream, now: number): void {
    const { keyFrame } = stream;
    const catchUp = Math.ceil((this.#catchUpMs(stream, now) * stream.clockRate) / 1000);
    this.#open(stream, keyFrame.start, stream.newestTimestamp, keyFrame, now, false);
    this.segment.replayedAt = now;
    this.segment.compress(keyFrame.timestamp, stream.newestTimestamp, catchUp);
    this.replays++;
    this.#replayedAt = now;
  }

  /** A replay of `stream` is over: what comes now is live. */
  endReplay(stream: ReceiveStream): void {
    if (this.openStream === stream) {
      this.replayNext = Number.POSITIVE_INFINITY;
      this.replayed.reset();
    }
    // A lower layer filled in; the wanted one was asked for.
    if (this.openStream !== this.targetStream) this.askForKeyFrame();
  }

  /** The cache lost what the replay still needed: only the publisher can help. */
  breakReplay(): void {
    this.endSegment();
    this.askForKeyFrame();
  }

  /** A PLI or FIR of the viewer. */
  handleKeyFrameRequest(now: number): void {
    // Joining a wish of others costs the publisher nothing.
    if (this.targetStream?.keyFrames.wanted) return;
    const replaying = this.replayNext !== Number.POSITIVE_INFINITY;
    if (replaying || now - this.#replayedAt < replayGraceMs + this.rttMs) return;
    // Nor does it know of a key frame that waits in the queue of its path.
    const sentFor = now - (this.openStream?.keyFrame.arrivedAt ?? Number.NEGATIVE_INFINITY);
    if (sentFor < (this.transport?.outgoing.wordAfterMs ?? 0)) return;
    if (now - this.#pliWindowAt > pliWindowMs) {
      this.#pliWindowAt = now;
      this.#plisInWindow = 0;
    }
    if (++this.#plisInWindow <= maxPlisPerWindow) this.askForKeyFrame();
  }

  /**
   * A packet of a stream that is not the open one: may it begin a new segment? Video begins with a key frame
   * only. Numbers go on without a gap, timestamps without a jump.
   */
  admit(
    stream: ReceiveStream,
    isKeyFrame: boolean,
    mustBeKeyFrame: boolean,
    extended: number,
    timestamp: number,
    now: number,
  ): boolean {
    if (stream !== this.targetStream) return false;
    if (mustBeKeyFrame && !isKeyFrame) {
      if (!stream.keyFrames.wanted) this.requestKeyFrame();
      return false;
    }
    const last = this.segment;
    const continues = last.stream === stream && last.generation === stream.generation;
    this.#open(stream, extended, timestamp, stream.newestPicture, now, continues);
    return true;
  }

  /**
   * Begins a segment with packet `extended`, of that `picture`. `timestamp` is that of the source now.
   * `continues` says that numbers within pictures go on as they were.
   */
  #open(
    stream: ReceiveStream,
    extended: number,
    timestamp: number,
    picture: PictureNumbers,
    now: number,
    continues: boolean,
  ): void {
    const before = this.openStream;
    const last = this.segment;
    const { replayed } = this;
    let { timestampOffset, pictureIdDelta, tl0PictureIndexDelta, frameNumberDelta } = last;
    if (!continues) {
      timestampOffset = this.#timestampOffset(before, stream, timestamp, now);
      const shown: PictureNumbers | undefined = replayed.known ? replayed : last.stream?.newestPicture;
      if (shown !== undefined) {
        pictureIdDelta = deltaAfter(shown.pictureId, pictureIdDelta, picture.pictureId, 0x7fff);
        const { tl0PictureIndex } = shown;
        tl0PictureIndexDelta = deltaAfter(
          tl0PictureIndex,
          tl0PictureIndexDelta,
          picture.tl0PictureIndex,
          0xff,
        );
        frameNumberDelta = deltaAfter(shown.frameNumber, frameNumberDelta, picture.frameNumber, 0xffff);
      }
    }
    this.segment = this.previous;
    this.previous = last;
    this.segment.begin(stream, stream.generation, extended, this.lastOut + 1);
    this.segment.timestampOffset = timestampOffset;
    this.segment.pictureIdDelta = pictureIdDelta;
    this.segment.tl0PictureIndexDelta = tl0PictureIndexDelta;
    this.segment.frameNumberDelta = frameNumberDelta;
    this.segment.rewrites = pictureIdDelta !== 0 || tl0PictureIndexDelta !== 0;
    this.replayNext = Number.POSITIVE_INFINITY;
    replayed.reset();
    this.openStream = stream;
    this.#shed = false;
    if (this.shedStream === stream) this.shedStream = undefined;
    this.filter.begin();
    if (this.video && !this.#seen) {
      this.#seen = true;
      observeLatency(this.room.forwarder.latencies.firstKeyFrame, now - this.#blankSince);
    }
    if (this.receiver?.layered && this.announcedLayer !== stream.encodingIdx) {
      const { streams } = this.receiver;
      this.room.forwarder.totals.noteSwitch(
        this.selector,
        streams.length,
        this.announcedLayer,
        stream.encodingIdx,
      );
      this.announcedLayer = stream.encodingIdx;
      this.room.emit({
        type: 'sender.layers',
        roomId: this.room.id,
        senderId: this.id,
        layers: { spatialLayer: stream.encodingIdx },
      });
    }
  }

  /** Packets of the open stream stop here; what comes next continues its numbers and time. */
  endSegment(): void {
    const stream = this.openStream;
    if (stream === undefined) return;
    this.openStream = undefined;
    this.replayNext = Number.POSITIVE_INFINITY;
    this.#noteEnd(stream);
    if (this.announcedLayer >= 0 && !this.forwards) {
      this.announcedLayer = -1;
      this.room.emit({ type: 'sender.layers', roomId: this.room.id, senderId: this.id, layers: null });
    }
  }

  /** The stream that it forwarded until its source was held back, and will go on with. */
  get heldStream(): ReceiveStream | undefined {
    const { stream, generation } = this.segment;
    if (this.receiver?.heldBack !== true || stream?.generation !== generation) return undefined;
    return stream === this.targetStream && stream.live ? stream : undefined;
  }

  /** True when packet `out` of `bytes` bytes may be sent again now; it then counts as sent. */
  takeResend(out: number, bytes: number, now: number): boolean {
    const spareBps = this.transport?.outgoing.repairBps ?? Number.POSITIVE_INFINITY;
    return this.#resends.take(out, bytes, this.bitrateBps, spareBps, this.rttMs, now);
  }

  /** Packets can be sent again without being taken for replays. */
  get canProbe(): boolean {
    return this.spec.rtxSsrc !== undefined && this.codecs.hasRtx && this.codecs.transportCc;
  }

  /** Spatial layer that goes out now: the encoding, or the highest layer within the one stream. */
  get currentSpatialLayer(): number {
    const stream = this.openStream;
    if (stream === undefined) return -1;
    if (this.receiver?.layered === true) return stream.encodingIdx;
    return Math.min(this.filter.spatial, stream.layerRates.maxSpatial);
  }

  /** RTX payload type for a media one; -1 = retransmissions are plain copies. */
  rtxPayloadType(payloadType: number): number {
    const pt = this.codecs.rtxPayloadType[payloadType]!;
    return this.spec.rtxSsrc === undefined || pt === noPayloadType ? -1 : pt;
  }

  /** A report block of the viewer about our stream. */
  handleReport(
    fractionLost: number,
    totalLost: number,
    jitter: number,
    compactNow: number,
    lastSenderReport: number,
    delay: number,
  ): void {
    const rtt = roundTripMs(compactNow, lastSenderReport, delay);
    // More than that is a broken or hostile report.
    if (rtt !== undefined && rtt < 10_000) {
      this.rttMs = this.hasRtt ? this.rttMs * 0.75 + rtt * 0.25 : rtt;
      this.hasRtt = true;
      if (this.transport !== undefined) this.transport.rttMs = this.rttMs;
    }
    this.remoteFractionLost = fractionLost / 256;
    this.remoteJitter = jitter;
    this.#updateScore(totalLost);
    this.remotePacketsLost = totalLost;
    if (this.#sendsMid) {
      this.#sendsMid = false;
      this.chooseProfile();
    }
  }

  /** Goes over bit rate and layers, about twice a second. */
  tick(now: number): void {
    if (now <= this.#rateAt) return;
    // Timestamps wrap: what is told by them must be forgotten in time.
    if (now - this.segment.replayedAt > compressedMs) this.segment.compresses = false;
    this.bitrateBps = Math.round(((this.bytes - this.#bytesAtRate) * 8000) / (now - this.#rateAt));
    this.#bytesAtRate = this.bytes;
    this.#rateAt = now;
  }

  /** The name that goes into SDES: at most 255 bytes of UTF-8 (RFC 3550 §6.5). */
  get cname(): string {
    let { cname } = this.spec;
    while (Buffer.byteLength(cname) > 255) cname = cname.slice(0, Math.min(255, cname.length - 1));
    return cname;
  }

  /** Id of the audio level extension as the viewer has it; 0 = none. */
  get audioLevelId(): number {
    return this.spec.headerExtensions.find(({ uri }) => uri === extensionUri.audioLevel)?.id ?? 0;
  }

  /** Loss seen by the viewer minus what it got again; a score is only made from real traffic. */
  #updateScore(totalLost: number): void {
    const expected = this.packets - this.#packetsAtScore;
    if (expected < 10) return;
    const lost = Math.max(0, totalLost - this.#lostAtScore);
    // Reports don't count what came by RTX; what was asked for and sent again mostly arrived.
    const repaired = Math.min(lost, this.rtxPackets - this.#rtxAtScore);
    this.#packetsAtScore = this.packets;
    this.#lostAtScore = totalLost;
    this.#rtxAtScore = this.rtxPackets;
    this.score.update(expected, lost - repaired, repaired);
  }

  #refresh(): void {
    if (!this.#seen && Number.isNaN(this.#blankSince) && this.forwards) {
      this.#blankSince = this.room.forwarder.now;
    }
    this.receiver?.refreshLive();
  }

  #readLayers(): void {
    this.hysteresis = hysteresisOf(this.spec.hysteresis);
    this.selector.preferredSpatialLayer = this.spec.preferredLayers?.spatialLayer ?? Number.POSITIVE_INFINITY;
  }

  /** SSRCs that this sender uses, or may use again. */
  addSsrcs(to: Set<number>): void {
    to.add(this.spec.ssrc);
    if (this.spec.rtxSsrc !== undefined) to.add(this.spec.rtxSsrc);
  }

  /** The transport remembers how far we got: under its keys no number is ever used again. */
  #leaveNumbers(): void {
    const { transport, spec } = this;
    if (transport === undefined || transport.association !== this.#association) return;
    const living = () => this.room.senderSsrcs();
    transport.sentNumbers.keep(spec.ssrc, this.lastOut, living);
    if (spec.rtxSsrc !== undefined) transport.sentNumbers.keep(spec.rtxSsrc, this.lastRtxOut, living);
  }

  #keepCopies(): void {
    if (!this.codecs.nack || this.codecs.allHaveRtx(this.spec.rtxSsrc !== undefined)) this.copies = undefined;
    else this.copies ??= new SentCopies();
  }

  /**
   * New keys or a new SSRC: the receiver of SRTP begins with rollover counter 0 (RFC 3711 §3.3.1), unless these
   * keys have sealed packets of the SSRC before.
   */
  #restart(): void {
    const { transport, spec } = this;
    const sent = transport?.sentNumbers;
    // Without a transport nothing is known of the next one's keys.
    this.#association = transport?.association ?? -1;
    this.endSegment();
    this.segment.begin(undefined, -1, 0, 0);
    this.replayed.reset();
    this.previous.begin(undefined, -1, 0, 0);
    this.lastOut = sent?.last(spec.ssrc) ?? this.#randomStart();
    const rtx = spec.rtxSsrc === undefined ? undefined : sent?.last(spec.rtxSsrc);
    this.lastRtxOut = rtx ?? this.#randomStart();
    this.#resends.restart();
    this.copies?.clear();
  }

  /** In the lower half, so that the first packets can't be taken for ones before a wrap. */
  #randomStart(): number {
    return this.room.forwarder.random() & 0x7fff;
  }

  #noteEnd(stream: ReceiveStream): void {
    this.#endTimestamp = stream.newestTimestamp + this.segment.timestampOffset;
    this.#endAt = stream.newestArrivalMs;
  }

  /** What to add to the timestamps of `stream` so that they go on from what was sent. */
  #timestampOffset(
    before: ReceiveStream | undefined,
    stream: ReceiveStream,
    timestamp: number,
    now: number,
  ): number {
    if (before !== undefined) this.#noteEnd(before);
    // Nothing was sent yet: the source's own timestamps are as good as any.
    if (Number.isNaN(this.#endTimestamp)) return 0;
    const elapsed = Math.max(1, Math.round(((now - this.#endAt) * stream.clockRate) / 1000));
    let target = this.#endTimestamp + elapsed;
    const old = this.segment.stream;
    if (
      old !== undefined &&
      old !== stream &&
      old.generation === this.segment.generation &&
      old.clock === stream.clock &&
      old.hasClock &&
      stream.hasClock
    ) {
      // Both are on the publisher's clock, so the switch can be exact.
      const exact = old.timestampOfSourceMs(stream.sourceMsOf(timestamp)) + this.segment.timestampOffset;
      const difference = Math.round(exact - target) | 0;
      if (Math.abs(difference) < maxTimestampErrorSeconds * stream.clockRate) target += difference;
      if (((target - this.#endTimestamp) | 0) <= 0) target = this.#endTimestamp + 1;
    }
    return (target - timestamp) | 0;
  }
}

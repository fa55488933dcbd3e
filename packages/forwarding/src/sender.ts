import { AllocationMember } from '@weir/bwe';
import { hysteresisOf, type SenderSpec } from '@weir/protocol';
import { extensionUri, roundTripMs } from '@weir/rtp';
import { noPayloadType, SendCodecs } from './codec-table.ts';
import type { ExtensionProfile } from './extension-profile.ts';
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
import { TimestampLine } from './timestamp-line.ts';
import type { Transport } from './transport.ts';
import { ViewerKeyFrames } from './viewer-key-frames.ts';

const defaultRttMs = 100;
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
  /** The viewer waits for the first picture of a lower layer: it has seen what was shed. */
  shed = false;
  readonly keyFrames = new ViewerKeyFrames(this);
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
  /** Numbers of packets that wait for the pace of the transport; undefined = none ever did. */
  held: Set<number> | undefined = undefined;
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
  readonly #timestamps = new TimestampLine();
  readonly #resends = new ResendBudget();
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
    if (spec.active && !before.active) this.keyFrames.request();
  }

  setReceiver(receiver: Receiver | undefined): void {
    if (this.receiver === receiver) return;
    this.endSegment();
    this.receiver?.removeSender(this);
    this.receiver = receiver;
    this.chooseProfile();
    receiver?.addSender(this);
    this.chooseLayer();
    this.keyFrames.request();
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
    this.keyFrames.request();
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
    if (this.selector.update(receiver.streams)) this.keyFrames.request();
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
    if (raises) this.keyFrames.request();
  }

  /**
   * While a stream has no layers to choose from: none above the preferred one, for the next key frame may bring them.
   * Raising waits until there are some.
   */
  capLayers(): void {
    const { filter, spec } = this;
    const preferred = spec.preferredLayers?.spatialLayer ?? allLayers;
    if (preferred < filter.spatialTarget) filter.limit(preferred, filter.temporalTarget);
  }

  /** Spatial layers of the one stream that it may have do not come: the key frame they begin at was lost, in part. */
  get behind(): boolean {
    const { receiver, filter } = this;
    if (receiver?.layered !== false || !this.forwards) return false;
    return Math.min(filter.spatialTarget, receiver.streams[0]?.layerRates.maxSpatial ?? 0) > filter.spatial;
  }

  /** Stops a layer that the path carries no more, before the lower one can begin. */
  #shedOpen(): void {
    const { openStream, targetStream } = this;
    if (openStream === undefined || targetStream === undefined) return;
    if (targetStream.encodingIdx >= openStream.encodingIdx) return;
    this.endSegment();
    this.shedStream = openStream;
    this.shed = true;
  }

  /** The stream that the sender wants to take. */
  get targetStream(): ReceiveStream | undefined {
    return this.receiver?.streams[this.selector.target];
  }

  /** A replay is bringing the viewer to what is live. */
  get replaying(): boolean {
    return this.replayNext !== Number.POSITIVE_INFINITY;
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
      if (!stream.keyFrames.wanted) this.keyFrames.request();
      return false;
    }
    const last = this.segment;
    const continues = last.stream === stream && last.generation === stream.generation;
    this.open(stream, extended, timestamp, stream.newestPicture, now, continues);
    return true;
  }

  /**
   * Begins a segment with packet `extended`, of that `picture`. `timestamp` is that of the source now.
   * `continues` says that numbers within pictures go on as they were.
   */
  open(
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
      if (before !== undefined) this.#timestamps.end(before, last);
      timestampOffset = this.#timestamps.offset(last, stream, timestamp, now);
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
    this.shed = false;
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
    this.#timestamps.end(stream, this.segment);
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
}

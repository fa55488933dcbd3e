import type { ReceiverSpec, SenderSpec } from '@weir/protocol';
import { extensionUri } from '@weir/rtp';
import { isRtx, ReceiveCodecs } from './codec-table.ts';
import { ExtensionProfile } from './extension-profile.ts';
import { LoudSource } from './loudest-sources.ts';
import type { PreRoll } from './pre-roll.ts';
import { ReceiveStream } from './receive-stream.ts';
import type { ForwardingRoom } from './room.ts';
import type { Sender } from './sender.ts';
import type { SourceClock } from './source-clock.ts';
import type { Transport } from './transport.ts';
import { WantedLayers } from './wanted-layers.ts';

const maxSharedProfiles = 64;

/** Media that one endpoint publishes: its streams and the senders that take from them. */
export class Receiver {
  readonly room: ForwardingRoom;
  readonly id: number;
  spec: ReceiverSpec;
  codecs: ReceiveCodecs;
  streams: ReceiveStream[] = [];
  transport: Transport | undefined = undefined;
  /** All senders, and those of them that can get packets now. */
  readonly senders = new Set<Sender>();
  live: Sender[] = [];

  audioLevelId = 0;
  absSendTimeId = 0;
  videoOrientationId = 0;
  dependencyDescriptorId = 0;
  /** -dBov summed since the last report of levels. */
  levelSum = 0;
  levelCount = 0;
  /** The last orientation byte; -1 = none yet. */
  orientation = -1;
  /** Watches plain packets. */
  tap: ((packet: Uint8Array) => void) | undefined = undefined;

  /** Its part in the choice of the loudest; undefined = it takes no part and is always forwarded. */
  loudness: LoudSource<Receiver> | undefined = undefined;
  /** Not among the loudest: its packets are for nobody. */
  heldBack = false;
  /** It is heard again, and its listeners are still being given what came before. */
  preRoll: PreRoll | undefined = undefined;
  /** Packets that nobody was sent because it was not among the loudest. */
  packetsHeldBack = 0;
  /** Number of the last packet before it was held back. */
  #heldAfter = -1;

  readonly wanted = new WantedLayers();
  /** Spatial layers that the publisher was told to be wanted; -1 = it must be told, whatever it heard elsewhere. */
  #toldLayers = -1;
  readonly #profiles = new Map<string, ExtensionProfile>();
  readonly #clock: SourceClock;

  constructor(room: ForwardingRoom, spec: ReceiverSpec, clock: SourceClock) {
    this.room = room;
    this.id = spec.id;
    this.#clock = clock;
    this.spec = spec;
    this.codecs = new ReceiveCodecs(spec.codecs);
    this.#readExtensions();
    this.#makeStreams();
  }

  get video(): boolean {
    return this.spec.kind !== 'audio';
  }

  get paused(): boolean {
    return this.spec.paused;
  }

  /** More than one encoding: senders choose among them. */
  get layered(): boolean {
    return this.streams.length > 1;
  }

  /** Spatial layers there are: encodings, or layers seen within the one stream. */
  get spatialLayers(): number {
    if (this.layered) return this.streams.length;
    return this.streams.length === 0 ? 0 : this.streams[0]!.layerRates.maxSpatial + 1;
  }

  /** As spatialLayers, but also those that the one stream announces and has not sent yet. */
  get #announcedLayers(): number {
    if (this.layered) return this.spatialLayers;
    const [, announced = '1'] = /^[LS]([1-9])T/.exec(this.spec.encodings[0]?.scalabilityMode ?? '') ?? [];
    return Math.max(this.spatialLayers, this.streams.length === 0 ? 0 : Number(announced));
  }

  /**
   * It is received over a transport. Over another one than before, or with other streams, its publisher is told that
   * everything is wanted: what it heard before may be the last word of another pod, which can't take it back.
   */
  bound(over: Transport, now: number): void {
    const before = this.transport;
    this.transport = over;
    if (!this.video || this.streams.length === 0 || (before === over && this.#toldLayers >= 0)) return;
    this.wanted.reset();
    this.#tellWanted(now);
  }

  /** A sender has a use for everything up to this layer; -1 = for nothing. */
  need(layer: number, now: number): void {
    if (!this.paused && this.wanted.raise(layer)) this.#tellWanted(now);
  }

  /** Looks at the needs of all senders again, about twice a second. */
  tickWanted(now: number): void {
    const top = this.spatialLayers - 1;
    let most = this.tap === undefined ? -1 : top;
    if (!this.paused) {
      for (const sender of this.senders) {
        if (most >= top) break;
        most = Math.max(most, sender.neededLayer);
      }
    }
    if (this.wanted.update(most, top, now)) this.#tellWanted(now);
    // More layers came than were announced.
    else if (this.#toldLayers >= 0 && this.#wantedCount > this.#toldLayers) this.#tellWanted(now);
  }

  get #wantedCount(): number {
    return Math.max(0, Math.min(this.#announcedLayers, this.wanted.highest + 1));
  }

  #tellWanted(now: number): void {
    const { highest } = this.wanted;
    for (const stream of this.streams) {
      const wanted = this.layered ? stream.encodingIdx <= highest : highest >= 0;
      if (wanted && !stream.wanted) stream.wantedAt = now;
      stream.wanted = wanted;
    }
    this.#toldLayers = this.#wantedCount;
    const spatialLayers = Array.from({ length: this.#toldLayers }, (_, layer) => layer);
    this.room.emit({
      type: 'receiver.wantedlayers',
      roomId: this.room.id,
      receiverId: this.id,
      spatialLayers,
    });
  }

  /**
   * Takes changed parameters. Streams whose encoding is as before go on; others begin anew. The caller has
   * removed the receiver from its transport's tables and adds it again.
   */
  update(spec: ReceiverSpec): void {
    const before = this.spec;
    const same = (key: 'codecs' | 'headerExtensions') =>
      JSON.stringify(before[key]) === JSON.stringify(spec[key]);
    const sameCodecs = same('codecs');
    const sameExtensions = same('headerExtensions');
    this.spec = spec;
    if (!sameCodecs) this.codecs = new ReceiveCodecs(spec.codecs);
    if (!sameExtensions) {
      this.#readExtensions();
      this.#profiles.clear();
      for (const sender of this.senders) sender.chooseProfile();
    }
    this.#makeStreams(sameCodecs);
    if (spec.paused !== before.paused) this.#dropPast();
    if (spec.paused && !before.paused) {
      for (const sender of this.senders) sender.endSegment();
      for (const stream of this.streams) {
        stream.keyFrames.cancel();
        stream.keyFrame.forget();
      }
    } else if (!spec.paused && before.paused) {
      this.requestKeyFrames();
    }
    this.chooseLayers();
  }

  /** The shared profile for a sender's extensions. */
  profile(spec: SenderSpec, transportCc: boolean, mid: string | undefined): ExtensionProfile {
    const key = ExtensionProfile.key(spec.headerExtensions, transportCc, mid);
    let profile = this.#profiles.get(key);
    if (profile === undefined) {
      profile = new ExtensionProfile(this.spec.headerExtensions, spec.headerExtensions, transportCc, mid);
      // Every viewer may have MIDs of its own, but sends them only for a while: they must not pile up.
      if (mid === undefined || this.#profiles.size < maxSharedProfiles) this.#profiles.set(key, profile);
    }
    return profile;
  }

  addSender(sender: Sender): void {
    this.senders.add(sender);
    this.refreshLive();
  }

  removeSender(sender: Sender): void {
    this.senders.delete(sender);
    this.refreshLive();
  }

  /** Finds out again which senders can get packets. */
  refreshLive(): void {
    this.live = [...this.senders].filter((sender) => sender.forwards);
  }

  /** A stream began or fell silent, or parameters changed: every sender chooses again. */
  chooseLayers(): void {
    for (const sender of this.senders) sender.chooseLayer();
  }

  /** A packet says how loud it is, in dBov; may change what is forwarded of this and of other receivers. */
  hearLevel(dbov: number, now: number): void {
    const { loudest } = this.room;
    // Streams of one sound at several rates are not what browsers send; who does is not judged.
    if (loudest === undefined || this.spec.alwaysForward || this.streams.length !== 1) return;
    if (this.loudness === undefined) {
      this.loudness = new LoudSource<Receiver>(this);
      loudest.hear(this.loudness, dbov, now);
      const [stream] = this.streams;
      // The packet at hand is not to go out.
      if (!this.loudness.chosen)
        this.holdBack(stream!.highest - (stream!.extended === stream!.highest ? 1 : 0));
      return;
    }
    loudest.hear(this.loudness, dbov, now);
  }

  /** Its place among the loudest came or went. */
  loudnessChanged(now: number): void {
    if (this.loudness?.chosen !== true) this.holdBack(this.#lastForwarded());
    else if (this.heldBack) this.room.forwarder.letIn(this, this.streams[0]!, this.#heldAfter, now);
  }

  /** Nothing goes out any more; `after` is the number of the last packet that did. */
  holdBack(after: number): void {
    if (this.heldBack) return;
    this.heldBack = true;
    this.#heldAfter = after;
    this.room.forwarder.endPreRoll(this);
    for (const sender of this.senders) sender.endSegment();
  }

  /** Paused, or its packets stay away: others may have its place. */
  rest(): void {
    if (this.loudness !== undefined) this.room.loudest?.release(this.loudness);
  }

  /** Takes no part in the choice of the loudest any more. */
  leaveLoudest(): void {
    const { loudness } = this;
    if (loudness === undefined) return;
    this.room.loudest?.release(loudness);
    this.loudness = undefined;
    this.heldBack = false;
  }

  /** What came until now is for nobody, should it be heard again. */
  #dropPast(): void {
    this.room.forwarder.endPreRoll(this);
    this.#heldAfter = this.streams[0]?.highest ?? -1;
  }

  #lastForwarded(): number {
    if (this.preRoll !== undefined) return this.preRoll.next - 1;
    return this.streams[0]?.highest ?? -1;
  }

  /** Asks for key frames for all senders that wait for one. */
  requestKeyFrames(): void {
    for (const sender of this.live) sender.keyFrames.request();
  }

  /** Everything sent so far came from numbers and times that are void now. */
  endSegments(stream: ReceiveStream): void {
    for (const sender of this.senders) if (sender.openStream === stream) sender.endSegment();
  }

  #readExtensions(): void {
    const idOf = (uri: string) => this.spec.headerExtensions.find((e) => e.uri === uri)?.id ?? 0;
    this.audioLevelId = this.spec.kind === 'audio' ? idOf(extensionUri.audioLevel) : 0;
    this.absSendTimeId = idOf(extensionUri.absSendTime);
    this.videoOrientationId = this.video ? idOf(extensionUri.videoOrientation) : 0;
    this.dependencyDescriptorId = this.video ? idOf(extensionUri.dependencyDescriptor) : 0;
  }

  #makeStreams(keep = false): void {
    const { spec } = this;
    const encodings = spec.encodings.length > 0 ? spec.encodings : [{}];
    const old = this.streams;
    const media = spec.codecs.some((codec) => !isRtx(codec));
    this.streams = (media ? encodings : []).map((encoding, encodingIdx) => {
      const codec = this.codecs.media(encoding.codecPayloadType)!;
      const before = old[encodingIdx];
      const same =
        keep &&
        before !== undefined &&
        before.declaredSsrc === encoding.ssrc &&
        before.rid === encoding.rid &&
        before.payloadType === codec.payloadType &&
        before.dtx === (encoding.dtx ?? false) &&
        before.declaredRtxSsrc === encoding.rtxSsrc;
      if (same) {
        before.keyFrames.setDelay(spec.keyFrameRequestDelayMs);
        return before;
      }
      const stream = new ReceiveStream({
        encodingIdx,
        video: this.video,
        rid: encoding.rid,
        ssrc: encoding.ssrc,
        rtxSsrc: encoding.rtxSsrc,
        dtx: encoding.dtx ?? false,
        codec,
        keyFrameRequestDelayMs: spec.keyFrameRequestDelayMs,
        clock: this.#clock,
      });
      stream.onRestart = () => this.endSegments(stream);
      return stream;
    });
    for (const stream of old) if (!this.streams.includes(stream)) this.endSegments(stream);
    if (old.length === this.streams.length && this.streams.every((stream, i) => stream === old[i])) return;
    this.#dropPast();
    this.wanted.reset();
    this.#toldLayers = -1;
    for (const stream of this.streams) stream.wanted = true;
  }
}

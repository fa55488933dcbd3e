import {
  absSendTimeFromMs,
  type DependencyDescriptor,
  ExtensionTable,
  ExtensionWriter,
  RedPayload,
  RtpHeader,
  VideoCodec,
  Vp8Descriptor,
  Vp9Descriptor,
} from '@weir/rtp';
import type { PacketEngine, WorkList } from './engine.ts';
import { ExtensionProfile } from './extension-profile.ts';
import { HeldPackets } from './held-packets.ts';
import { allLayers, type LayerFilter } from './layer-filter.ts';
import { PacketLayers } from './packet-layers.ts';
import type { ReceiveStream } from './receive-stream.ts';
import type { Receiver } from './receiver.ts';
import type { Segment } from './segment.ts';
import type { SendPace } from './send-pace.ts';
import type { Sender } from './sender.ts';
import type { Transport } from './transport.ts';

/** Longest payload descriptor that is rewritten, and the two bytes of RTX. */
const maxDescriptor = 16;

/**
 * Writes work lists: one incoming packet becomes one item per sender. The header with its extensions is built
 * once per packet and extension profile; per sender only numbers are written. Nothing is allocated here.
 */
export class FanOut {
  readonly header = new RtpHeader();
  readonly extensions = new ExtensionTable();
  /** Of the video packet at hand. */
  readonly layers = new PacketLayers();
  /** What goes out later, at the pace of its path. */
  readonly held: HeldPackets;
  readonly #writer = new ExtensionWriter();
  readonly #engine: PacketEngine;
  readonly #work: WorkList;
  readonly #vp8 = new Vp8Descriptor();
  readonly #vp9 = new Vp9Descriptor();
  readonly #red = new RedPayload();
  /** Whether `#red` is that of the packet read last; undefined = not looked at. */
  #redRead: boolean | undefined = undefined;
  /** Grows with each packet and each emptied list: profiles built under another stamp are void. */
  #stamp = 0;
  #absSendTime = 0;

  constructor(engine: PacketEngine, work: WorkList) {
    this.#engine = engine;
    this.#work = work;
    this.held = new HeldPackets(work, this);
  }

  /** abs-send-time of everything written from now on: 24 bits, 6.18 seconds. */
  setTime(now: number): void {
    this.#absSendTime = absSendTimeFromMs(now);
  }

  /** Reads a plain packet; false when it is no RTP. */
  read(offset: number, length: number): boolean {
    const { arena } = this.#engine;
    this.#redRead = undefined;
    if (!this.header.parse(arena, offset, length)) return false;
    this.extensions.read(arena, this.header);
    return true;
  }

  /**
   * Forwards the packet read last, number `extended` of its stream, which lies in slot `serial` at `offset`, to
   * those of `senders` that take it.
   */
  forward(
    receiver: Receiver,
    stream: ReceiveStream,
    serial: number,
    offset: number,
    isKeyFrame: boolean,
    now: number,
    senders: readonly Sender[],
    extended: number,
  ): void {
    const { header } = this;
    const count = senders.length;
    if (count === 0) return;
    const wirePayloadType = header.payloadType;
    const payloadType = receiver.codecs.roomPayloadType[wirePayloadType]!;
    const videoCodec = receiver.codecs.videoCodec[wirePayloadType]!;
    const mustBeKeyFrame = receiver.video && videoCodec !== VideoCodec.none;
    const markerAndPayloadType = (header.marker ? 128 : 0) | payloadType;
    const bodyOffset = header.payloadOffset - offset;
    const bodyLength = header.payloadLength;
    const timestamp = header.timestamp;
    const absSendTime = this.#absSendTime;
    const work = this.#work;
    const empty = bodyLength === 0;
    const { layers } = this;
    const video = receiver.video;
    const described = video && this.#described(receiver);
    this.#stamp++;

    for (let k = 0; k < count; k++) {
      const sender = senders[k]!;
      if (sender.openStream !== stream) {
        if (empty || !sender.admit(stream, isKeyFrame, mustBeKeyFrame, extended, timestamp, now)) continue;
      } else if (extended >= sender.replayNext) {
        // The replay comes to it in its turn.
        continue;
      }
      const segment = sender.segment;
      const { filter } = sender;
      if (video && filter.active && !filter.passes(layers, extended > segment.newestIn)) {
        const pictures = extended > segment.newestIn ? filter.picturesDropped(layers) : 0;
        segment.drop(extended, pictures);
        continue;
      }
      let markerAndType = markerAndPayloadType;
      let skipped = 0;
      if (empty || sender.codecs.accepts[payloadType] === 0) {
        if (empty || !this.#unpackRed(receiver, sender)) {
          segment.drop(extended);
          continue;
        }
        skipped = this.#red.primaryOffset;
        markerAndType = (markerAndPayloadType & 128) | this.#red.primaryPayloadType;
      }
      const out = extended > segment.lastDropped ? extended + segment.offset : segment.map(extended);
      if (out < segment.firstOut) continue;
      const profile = sender.profile!;
      const redescribed = described && (filter.active || segment.frameNumberDelta !== 0);
      const ownPrefix = segment.rewrites || redescribed;
      if (
        profile.builtFor !== this.#stamp ||
        work.count === work.capacity ||
        (ownPrefix && work.prefixesUsed + profile.length + maxDescriptor > work.prefixes.length)
      ) {
        this.#prepare(profile);
      }

      const transport = sender.transport!;
      const { pace } = transport;
      const i = work.count++;
      let prefixLength = profile.length;
      let activeTargets = -1;
      if (ownPrefix) {
        const codec = segment.rewrites ? videoCodec : VideoCodec.none;
        const pictureDelta =
          extended > segment.lastDropped ? segment.pictureIdDelta : segment.pictureDelta(extended);
        skipped += this.#rewrite(i, profile, segment, codec, -1, pictureDelta);
        prefixLength = work.prefixLength[i]!;
        if (redescribed) activeTargets = this.#redescribe(i, profile, segment, filter, -1);
      } else {
        work.prefixOffset[i] = profile.offset;
        work.prefixLength[i] = prefixLength;
      }
      work.bodySerial[i] = serial;
      work.bodyOffset[i] = bodyOffset + skipped;
      work.bodyLength[i] = bodyLength - skipped;
      work.ssrc[i] = sender.spec.ssrc;
      const sequenceNumber = out & 0xffff;
      work.sequenceNumber[i] = sequenceNumber;
      work.rolloverCounter[i] = (out - sequenceNumber) / 65536;
      work.timestamp[i] = segment.compresses
        ? segment.timestamp(timestamp)
        : timestamp + segment.timestampOffset;
      // Where upper spatial layers are left out, the picture ends with the highest one that is not. (Of VP9 it need not
      // be known whether there are upper ones, and at the first that ever come it is not: without, the marker is there.)
      work.markerAndPayloadType[i] =
        video && layers.end && layers.spatialId === filter.spatial ? markerAndType | 128 : markerAndType;
      const size = prefixLength + bodyLength - skipped;
      work.transportSequenceOffset[i] = profile.transportSequenceOffset;
      // What waits has to go first, also when nothing is limited any more.
      const waits = (pace.limited || pace.waiting) && this.#mustWait(pace, video, size, now);
      if (!waits) this.number(i, transport, size, now);
      work.absSendTimeOffset[i] = profile.absSendTimeOffset;
      work.absSendTime[i] = absSendTime;
      const { copies } = sender;
      if (copies !== undefined) {
        const marked = work.markerAndPayloadType[i]!;
        if (activeTargets < 0 && profile.tellsTargets) activeTargets = layers.descriptor!.activeDecodeTargets;
        copies.note(out, profile, marked, activeTargets, absSendTime, transport.transportSequence);
      }
      work.session[i] = transport.session;
      work.path[i] = transport.path;

      if (out > sender.lastOut) {
        sender.lastOut = out;
        segment.newestIn = extended;
      }
      if (waits && !this.held.hold(transport, sender, out, now, absSendTime)) {
        pace.spend(size, now);
        this.number(i, transport, size, now);
        copies?.sent(out, absSendTime, transport.transportSequence);
      }
      sender.packets++;
      sender.bytes += size;
      sender.payloadBytes += bodyLength - skipped;
      sender.lastSentAt = now;
      transport.sentPackets++;
      transport.sentBytes += size;
    }
  }

  /**
   * Sends one packet again: number `out` of the sender, by RTX if negotiated, else as it was. False when it is
   * not there any more, too old, or was sent again just now. As a `probe` it goes out even so, and does not count
   * as a repair.
   */
  resend(sender: Sender, out: number, maxAgeMs: number, now: number, probe = false): boolean {
    const { receiver, transport } = sender;
    if (receiver === undefined || transport === undefined || !sender.forwards) return false;
    const segment = out >= sender.segment.firstOut ? sender.segment : sender.previous;
    const stream = segment.stream;
    const source = segment.source(out);
    if (out > sender.lastOut || stream === undefined || source < segment.firstIn) return false;
    // It has not left yet. Sealed now it would be another packet under the same number, once it does.
    if (sender.held?.has(out) === true) return false;
    if (stream.generation !== segment.generation || stream === sender.shedStream) return false;
    const serial = stream.cache.serial(source);
    if (serial < 0 || !this.inArena(serial)) return false;
    if (now - Math.max(stream.cache.arrivedAt(source), segment.replayedAt) > maxAgeMs) return false;
    const engine = this.#engine;
    const offset = (serial % engine.slotCount) * engine.slotSize;
    const { header } = this;
    if (!this.read(offset, stream.cache.packetLength(source))) return false;
    let payloadType = receiver.codecs.roomPayloadType[header.payloadType]!;
    if (header.payloadLength === 0 || payloadType > 127) return false;
    let unpacked = 0;
    if (sender.codecs.accepts[payloadType] === 0) {
      if (!this.#unpackRed(receiver, sender)) return false;
      payloadType = this.#red.primaryPayloadType;
      unpacked = this.#red.primaryOffset;
    }
    this.layers.descriptor = this.#describedBy(receiver, stream);
    const rtxPayloadType = sender.rtxPayloadType(payloadType);
    const rtx = rtxPayloadType >= 0;
    const marker = header.marker || this.#endsPicture(sender, receiver);
    const markerAndPayloadType = (marker ? 128 : 0) | (rtx ? rtxPayloadType : payloadType);
    const { copies } = sender;
    const copied = rtx ? -1 : (copies?.find(out, markerAndPayloadType) ?? -1);
    if (!rtx && copied < 0) return false;
    const profile = copied < 0 ? sender.profile! : copies!.profile(copied);
    const redescribed = this.#described(receiver);
    const activeTargets = copied < 0 ? -1 : copies!.activeTargets[copied]!;
    const tells = redescribed && (this.layers.descriptor?.structure.decodeTargetCount ?? 0) > 1;
    // What could not be told then would make another packet of it now.
    if (copied >= 0 && tells !== activeTargets >= 0) return false;
    if (!probe && !sender.takeResend(out, header.length, now)) return false;

    this.#stamp++;
    this.#prepare(profile);
    const work = this.#work;
    const i = work.count++;
    let skipped = unpacked;
    if (rtx || segment.rewrites || redescribed) {
      const codec = receiver.codecs.videoCodec[header.payloadType]!;
      skipped += this.#rewrite(
        i,
        profile,
        segment,
        segment.rewrites ? codec : VideoCodec.none,
        rtx ? out : -1,
        segment.pictureDelta(source),
      );
      if (redescribed) this.#redescribe(i, profile, segment, sender.filter, activeTargets);
    } else {
      work.prefixOffset[i] = profile.offset;
      work.prefixLength[i] = profile.length;
    }
    work.bodySerial[i] = serial;
    work.bodyOffset[i] = header.payloadOffset - offset + skipped;
    work.bodyLength[i] = header.payloadLength - skipped;
    const number = rtx ? ++sender.lastRtxOut : out;
    work.ssrc[i] = rtx ? sender.spec.rtxSsrc! : sender.spec.ssrc;
    work.sequenceNumber[i] = number & 0xffff;
    work.rolloverCounter[i] = Math.floor(number / 65536);
    work.timestamp[i] = segment.timestamp(header.timestamp);
    work.markerAndPayloadType[i] = markerAndPayloadType;
    work.transportSequenceOffset[i] = profile.transportSequenceOffset;
    work.absSendTimeOffset[i] = profile.absSendTimeOffset;
    if (copied >= 0) {
      work.transportSequence[i] = copies!.transportSequence[copied]!;
      work.absSendTime[i] = copies!.absSendTime[copied]!;
    } else {
      this.number(i, transport, work.prefixLength[i]! + work.bodyLength[i]!, now);
      work.absSendTime[i] = this.#absSendTime;
    }
    work.session[i] = transport.session;
    work.path[i] = transport.path;
    const size = work.prefixLength[i]! + work.bodyLength[i]!;
    if (probe) {
      transport.probeSentBytes += size;
    } else {
      sender.rtxPackets++;
      sender.rtxBytes += size;
      if (transport.pace.limited) transport.pace.spend(size, now);
    }
    transport.sentPackets++;
    transport.sentBytes += size;
    transport.rtxSentBytes += size;
    return true;
  }

  /**
   * The packet read last is RED whose newest frame the sender takes by itself: a viewer that does not know RED is
   * sent only that. Its blocks have the room's payload types by now.
   */
  #unpackRed(receiver: Receiver, sender: Sender): boolean {
    const { payloadOffset, payloadLength, payloadType } = this.header;
    if (receiver.codecs.red[payloadType] === 0) return false;
    // Once for all who don't know it.
    this.#redRead ??= this.#red.parse(this.#engine.arena, payloadOffset, payloadLength);
    if (!this.#redRead) return false;
    return this.#red.primaryLength > 0 && sender.codecs.accepts[this.#red.primaryPayloadType] === 1;
  }

  /** The packet read last ends the highest spatial layer that the sender forwards. */
  #endsPicture(sender: Sender, receiver: Receiver): boolean {
    const { spatial } = sender.filter;
    if (spatial === allLayers) return false;
    if (this.#described(receiver)) {
      const { descriptor } = this.layers;
      return descriptor?.endsSpatialLayer === true && descriptor.spatialId === spatial;
    }
    const { header } = this;
    const { arena } = this.#engine;
    return (
      receiver.codecs.videoCodec[header.payloadType] === VideoCodec.vp9 &&
      this.#vp9.parse(arena, header.payloadOffset, header.payloadLength) &&
      this.#vp9.endOfFrame &&
      this.#vp9.spatialId === spatial
    );
  }

  /** The packet read last has a dependency descriptor. */
  #described(receiver: Receiver): boolean {
    const id = receiver.dependencyDescriptorId;
    return id !== 0 && this.extensions.has(id);
  }

  /** What the dependency descriptor of an older packet, read last, says; undefined if there is none to be read. */
  #describedBy(receiver: Receiver, stream: ReceiveStream): DependencyDescriptor | undefined {
    const { descriptor } = stream;
    if (descriptor === undefined || !this.#described(receiver)) return undefined;
    const id = receiver.dependencyDescriptorId;
    const { extensions } = this;
    const read = descriptor.read(this.#engine.arena, extensions.offset(id), extensions.length(id));
    return read ? descriptor : undefined;
  }

  /**
   * Makes the dependency descriptor in the prefix of item `i` true for this viewer: frame numbers go on as sequence
   * numbers do (distances between frames stay), and only decode targets that it gets are active (AV1 RTP
   * specification, A.8.3.1), or `activeTargets` if they are to be as before. Answers them, -1 = not told.
   */
  #redescribe(
    i: number,
    profile: ExtensionProfile,
    segment: Segment,
    filter: LayerFilter,
    activeTargets: number,
  ): number {
    if (profile.descriptorOffset === 0) return -1;
    const { prefixes, prefixOffset } = this.#work;
    const at = prefixOffset[i]! + profile.descriptorOffset;
    const number = ((prefixes[at + 1]! << 8) | prefixes[at + 2]!) + segment.frameNumberDelta;
    prefixes[at + 1] = number >>> 8;
    prefixes[at + 2] = number;
    const { descriptor } = this.layers;
    if (!profile.tellsTargets || descriptor === undefined) return -1;
    const mask = activeTargets >= 0 ? activeTargets : filter.activeTargets(descriptor);
    descriptor.writeActiveTargets(prefixes, at, mask);
    return mask;
  }

  /**
   * True while the slot still holds the packet of that serial, and will while another `share` of the ring (2 = half
   * of it) is filled.
   */
  inArena(serial: number, share = Number.POSITIVE_INFINITY): boolean {
    const { nextSerial, slotCount } = this.#engine;
    // The margin keeps clear of slots that the next batch may already be landing in.
    return nextSerial - serial <= slotCount - Math.max(Math.min(256, slotCount >> 2), slotCount / share);
  }

  /** Where the slot of that serial begins in the arena. */
  offsetOf(serial: number): number {
    const { slotCount, slotSize } = this.#engine;
    return (serial % slotCount) * slotSize;
  }

  /** Sends what the list holds. */
  flush(): void {
    // A list may be empty and have used up its prefixes, if all its packets wait.
    if (this.#work.count > 0) this.#engine.send(this.#work);
    this.#work.count = 0;
    this.#work.prefixesUsed = 0;
    this.#stamp++;
  }

  /** Sends what waited and may go now. */
  releaseHeld(now: number): void {
    this.held.release(now, this.#absSendTime);
  }

  /** Sound goes at once; pictures behind those that wait already. */
  #mustWait(pace: SendPace, video: boolean, size: number, now: number): boolean {
    if (video) return !pace.take(size, now);
    pace.spend(size, now);
    return false;
  }

  /** Item `i` gets the next transport-wide number, where it has a place for one. */
  number(i: number, transport: Transport, size: number, now: number): void {
    const work = this.#work;
    if (work.transportSequenceOffset[i] === 0) return;
    transport.transportSequence = (transport.transportSequence + 1) & 0xffff;
    work.transportSequence[i] = transport.transportSequence;
    transport.outgoing.sent(transport.transportSequence, size, now);
  }

  /** Makes room for one more item and builds the profile's prefix for the packet at hand. */
  #prepare(profile: ExtensionProfile): void {
    const work = this.#work;
    // Once for the profile and once for a rewritten copy of it.
    const room = ExtensionProfile.room(this.header) * 2 + maxDescriptor;
    if (work.count === work.capacity || work.prefixesUsed + room > work.prefixes.length) this.flush();
    profile.build(
      work,
      this.#engine.arena,
      this.extensions,
      this.#writer,
      this.#stamp,
      this.layers.descriptor,
    );
  }

  /**
   * Writes a prefix of its own for item `i`: the profile's, then for RTX the original sequence number, then the
   * payload descriptor with picture id and TL0 index moved. Answers how many payload bytes it replaces.
   */
  #rewrite(
    i: number,
    profile: ExtensionProfile,
    segment: Segment,
    codec: number,
    original: number,
    pictureDelta: number,
  ): number {
    const work = this.#work;
    const { arena } = this.#engine;
    const { payloadOffset, payloadLength } = this.header;
    const out = work.prefixes;
    const start = work.prefixesUsed;
    let at = start;
    out.copyWithin(at, profile.offset, profile.offset + profile.length);
    at += profile.length;
    if (original >= 0) {
      out[at++] = original >>> 8;
      out[at++] = original;
    }
    let pictureIdOffset = -1;
    let pictureIdBits = 0;
    let tl0Offset = -1;
    if (codec === VideoCodec.vp8 && this.#vp8.parse(arena, payloadOffset, payloadLength)) {
      ({ pictureIdOffset, pictureIdBits, tl0PictureIndexOffset: tl0Offset } = this.#vp8);
    } else if (codec === VideoCodec.vp9 && this.#vp9.parse(arena, payloadOffset, payloadLength)) {
      ({ pictureIdOffset, pictureIdBits, tl0PictureIndexOffset: tl0Offset } = this.#vp9);
    }
    let skipped = 0;
    if (pictureIdOffset >= 0 || tl0Offset >= 0) {
      const pictureIdEnd = pictureIdOffset < 0 ? 0 : pictureIdOffset + (pictureIdBits === 15 ? 2 : 1);
      skipped = Math.max(pictureIdEnd, tl0Offset + 1) - payloadOffset;
      for (let k = 0; k < skipped; k++) out[at + k] = arena[payloadOffset + k]!;
      if (pictureIdOffset >= 0) {
        const place = at + pictureIdOffset - payloadOffset;
        if (pictureIdBits === 15) {
          const id = (((out[place]! & 0x7f) << 8) | out[place + 1]!) + pictureDelta;
          out[place] = 0x80 | ((id >>> 8) & 0x7f);
          out[place + 1] = id;
        } else {
          out[place] = (out[place]! + pictureDelta) & 0x7f;
        }
      }
      if (tl0Offset >= 0) {
        const place = at + tl0Offset - payloadOffset;
        out[place] = out[place]! + segment.tl0PictureIndexDelta;
      }
      at += skipped;
    }
    work.prefixOffset[i] = start;
    work.prefixLength[i] = at - start;
    work.prefixesUsed = at;
    return skipped;
  }
}

import {
  DependencyDescriptor,
  decodeRtx,
  isKeyFrame,
  RedPayload,
  readVideoOrientation,
  VideoCodec,
} from '@weir/rtp';
import { descriptorStartsKeyFrame } from './dependency-descriptor.ts';
import type { FanOut } from './fan-out.ts';
import type { Forwarder } from './forwarder.ts';
import { type ReceiveStream, Reception } from './receive-stream.ts';
import type { Receiver } from './receiver.ts';
import type { SsrcEntry } from './rtp-listener.ts';
import type { Transport } from './transport.ts';

const transportFeedbackIntervalMs = 100;

/** Takes plain RTP: finds its stream, undoes RTX, counts, looks at what it says, and hands it to the fan-out. */
export class RtpInput {
  readonly #forwarder: Forwarder;
  readonly #fanOut: FanOut;
  readonly #arena: Uint8Array;
  readonly #red = new RedPayload();

  constructor(forwarder: Forwarder) {
    this.#forwarder = forwarder;
    this.#fanOut = forwarder.fanOut;
    this.#arena = forwarder.engine.arena;
  }

  /** A packet of `length` bytes at `offset` of the arena, in slot `serial`. */
  handle(transport: Transport, serial: number, offset: number, length: number, now: number): void {
    const { header, extensions } = this.#fanOut;
    if (!this.#fanOut.read(offset, length)) {
      transport.unmatchedPackets++;
      return;
    }
    // Before the stream is known: feedback speaks of all packets, probes included.
    if (transport.feedback !== undefined) this.#noteArrival(transport, now);
    const entry = transport.listener.find(header, this.#arena, extensions, now);
    if (entry === undefined) {
      transport.unmatchedPackets++;
      return;
    }
    const { receiver, stream } = entry;
    if (entry.rtx && !this.#decodeRtx(transport, entry, offset)) return;

    const isKey = receiver.video && this.#isKeyFrame(receiver);
    if (stream.receive(header, serial, isKey, entry.rtx, now) === Reception.dropped) return;
    if (entry.rtx && stream.nack !== undefined) transport.noteRepair(stream.nack.repairMs);
    if (!stream.live) this.#forwarder.cameAlive(stream, receiver, isKey, now);
    if (isKey) stream.noteKeyFrame(header.timestamp);
    if (receiver.audioLevelId !== 0) this.#readLevel(receiver, now);
    if (receiver.videoOrientationId !== 0) this.#readOrientation(receiver);
    if (receiver.video) this.#readLayers(receiver, stream, isKey, now);
    receiver.tap?.(this.#arena.slice(offset, offset + header.length));
    if (receiver.codecs.red[header.payloadType] === 1) this.#renumberRed(receiver);
    if (stream.nack !== undefined && (stream.nack.missingCount > 0 || stream.nack.keyFrameNeeded)) {
      this.#forwarder.noteRepair(stream, receiver);
    }
    if (receiver.paused) return;
    if (receiver.heldBack) {
      receiver.packetsHeldBack++;
      return;
    }
    if (receiver.preRoll !== undefined) {
      // The packet is the last of what is still to go out.
      this.#forwarder.stepPreRoll(receiver.preRoll, now);
      return;
    }
    this.#fanOut.forward(receiver, stream, serial, offset, isKey, now, receiver.live, stream.extended);
  }

  /** Turns the RTX packet read last into the original and reads that. */
  #decodeRtx(transport: Transport, entry: SsrcEntry, offset: number): boolean {
    const { header } = this.#fanOut;
    const { stream, receiver } = entry;
    transport.rtxReceivedBytes += header.length;
    stream.rtxBytes += header.length;
    const apt = receiver.codecs.apt[header.payloadType]!;
    if (stream.ssrc === 0 || apt > 127) return false;
    const length = decodeRtx(this.#arena, offset, header.length, apt, stream.ssrc);
    return length >= 0 && this.#fanOut.read(offset, length);
  }

  /**
   * Blocks get the room's payload types where the packet lies, once for all viewers and all later uses. Where the
   * endpoint's are the same, as they must be if payloads are encrypted, nothing changes.
   */
  #renumberRed({ codecs }: Receiver): void {
    const { payloadOffset, payloadLength } = this.#fanOut.header;
    this.#red.renumber(this.#arena, payloadOffset, payloadLength, codecs.redBlocks);
  }

  #isKeyFrame(receiver: Receiver): boolean {
    const { header, extensions } = this.#fanOut;
    const id = receiver.dependencyDescriptorId;
    if (id !== 0 && extensions.has(id)) {
      return descriptorStartsKeyFrame(this.#arena, extensions.offset(id), extensions.length(id));
    }
    const codec = receiver.codecs.videoCodec[header.payloadType]!;
    return (
      codec !== VideoCodec.none && isKeyFrame(codec, this.#arena, header.payloadOffset, header.payloadLength)
    );
  }

  #noteArrival(transport: Transport, now: number): void {
    const { extensions } = this.#fanOut;
    const id = transport.transportSequenceId;
    const at = extensions.offset(id);
    if (at < 0 || extensions.length(id) < 2) return;
    transport.feedback!.record((this.#arena[at]! << 8) | this.#arena[at + 1]!, now);
    if (transport.nextFeedbackAt === Number.POSITIVE_INFINITY) {
      transport.nextFeedbackAt = now + transportFeedbackIntervalMs;
      this.#forwarder.schedule(transport.nextFeedbackAt);
    }
  }

  #readLevel(receiver: Receiver, now: number): void {
    const { extensions } = this.#fanOut;
    const at = extensions.offset(receiver.audioLevelId);
    if (at < 0 || extensions.length(receiver.audioLevelId) < 1) return;
    const level = this.#arena[at]! & 127;
    receiver.levelSum += level;
    receiver.levelCount++;
    if (receiver.paused) return;
    receiver.room.speakers.sample(receiver.id, -level, now);
    receiver.hearLevel(-level, now);
  }

  #readOrientation(receiver: Receiver): void {
    const { extensions } = this.#fanOut;
    const at = extensions.offset(receiver.videoOrientationId);
    if (at < 0) return;
    const length = extensions.length(receiver.videoOrientationId);
    if (length < 1 || this.#arena[at] === receiver.orientation) return;
    receiver.orientation = this.#arena[at]!;
    const orientation = readVideoOrientation(this.#arena, at, length)!;
    this.#forwarder.emit({
      type: 'receiver.videoorientation',
      roomId: receiver.room.id,
      receiverId: receiver.id,
      camera: orientation.backCamera,
      flip: orientation.flip,
      rotation: orientation.rotation,
    });
  }

  /**
   * Which layers the packet belongs to, and what they cost. Picture ids must go on without a jump when senders
   * change layers, so the newest of each is known.
   */
  #readLayers(receiver: Receiver, stream: ReceiveStream, isKey: boolean, now: number): void {
    const { header, layers } = this.#fanOut;
    const { layerReader } = this.#forwarder;
    if (layerReader.described(receiver)) stream.descriptor ??= new DependencyDescriptor();
    layerReader.read(receiver, stream.descriptor, isKey);
    stream.newestPicture.note(layerReader);
    const { descriptor } = layers;
    if (descriptor !== undefined) {
      stream.chains.note(descriptor);
      layers.brokenChains = stream.chains.broken;
      if (descriptor.isNewest) stream.layerRates.offer(descriptor);
    }
    stream.layerRates.add(layers.spatialId, layers.temporalId, header.length, layers.pictureStart, now);
    // What is filmed while paused is for nobody, later neither.
    if (isKey && !receiver.paused) {
      stream.keyFrame.note(stream.extended, header.timestamp, layerReader, now);
    }
  }
}

import type { CodecSpec, ReceiverSpec } from '@weir/protocol';
import { buildRtpPacket, DependencyDescriptor, extensionUri } from '@weir/rtp';
import { type ScalabilityOptions, type ScalableFrame, ScalableSource } from '@weir/testing';
import { expect } from 'vitest';
import { publish } from './scene.ts';
import { publisherExtensions, room, videoFeedback, viewerExtensions, vp8Codecs, wire } from './specs.ts';
import type { Got } from './viewer.ts';
import type { WorkerHost } from './worker-host.ts';

/** Video whose payloads nobody can read: what is known of it comes from dependency descriptors alone. */

const sourceId = 12;
const viewerId = 8;
const uri = extensionUri.dependencyDescriptor;

export const describedViewerExtensions = [...viewerExtensions, { uri, id: viewerId }];

export function av1Codecs(side: typeof wire, feedback = videoFeedback): CodecSpec[] {
  const [media, rtx] = vp8Codecs(side, feedback);
  return [{ ...media!, mimeType: 'video/AV1' }, rtx!];
}

/** A publisher of one or more streams (simulcast) of layered video, 30 pictures a second. */
export class DescribedPublisher {
  readonly sources: ScalableSource[];
  readonly receiver: ReceiverSpec;
  /** Answers requests for key frames. */
  obedient = true;
  keyFrames = 0;
  plis = 0;
  /** Takes away what is not to arrive, and never comes again. */
  loses: (frame: ScalableFrame) => boolean = () => false;
  readonly #host: WorkerHost;
  readonly #send: (packet: Uint8Array) => unknown;
  readonly #wanted: boolean[] = [];
  readonly #sequence: number[] = [];

  constructor(host: WorkerHost, streams: readonly ScalabilityOptions[]) {
    this.#host = host;
    const { receiver, endpoint } = publish(host, {
      // It repairs nothing, but hears requests for key frames.
      streams: [],
      receiver: {
        codecs: av1Codecs(wire),
        headerExtensions: [...publisherExtensions, { uri, id: sourceId }],
        mid: '0',
        encodings: streams.map((_, i) => ({ rid: `r${i}`, ssrc: 5000 + i })),
      },
    });
    this.receiver = receiver;
    this.#send = (packet) => endpoint.sendRtp(packet);
    this.sources = streams.map((options, i) => new ScalableSource(options, 65_000 - 30_000 * i));
    endpoint.onRtcp = (data) => {
      for (let i = 0; i < streams.length; i++) {
        if (!asksForKeyFrame(data, 5000 + i)) continue;
        this.plis++;
        if (this.obedient) this.#wanted[i] = true;
      }
    };
    let picture = 0;
    const tick = () => {
      this.sources.forEach((source, i) => {
        const frames = source.picture(this.#wanted[i] ?? false);
        this.#wanted[i] = false;
        if (frames[0]!.key) this.keyFrames++;
        this.#sendPicture(i, frames, (picture * 3000 + i * 1_000_000) >>> 0);
      });
      picture++;
      host.clock.at(host.clock.now() + 33, tick);
    };
    tick();
  }

  #sendPicture(stream: number, frames: readonly ScalableFrame[], timestamp: number): void {
    for (const frame of frames) {
      const packets = 2;
      for (let k = 0; k < packets; k++) {
        const sequence = ((this.#sequence[stream] ?? 1000) + 1) & 0xffff;
        this.#sequence[stream] = sequence;
        if (this.loses(frame)) continue;
        this.#send(
          buildRtpPacket({
            payloadType: wire.vp8,
            sequenceNumber: sequence,
            timestamp,
            ssrc: 5000 + stream,
            marker: frame === frames.at(-1) && k === packets - 1,
            extensions: [
              { id: 9, data: new TextEncoder().encode('0') },
              { id: 10, data: new TextEncoder().encode(`r${stream}`) },
              { id: sourceId, data: frame.descriptor(k === 0, k === packets - 1) },
            ],
            payload: Uint8Array.from(
              { length: 40 * 3 ** frame.spatial },
              () => this.#host.random.uint32() & 255,
            ),
          }),
        );
      }
    }
  }
}

function asksForKeyFrame(data: Uint8Array, ssrc: number): boolean {
  // PLI (RFC 4585 §6.3.1), alone in its packet or in a compound.
  for (let at = 0; at + 12 <= data.length; ) {
    const view = new DataView(data.buffer, data.byteOffset + at);
    if (view.getUint8(0) === 0x81 && view.getUint8(1) === 206 && view.getUint32(8) === ssrc) return true;
    at += (view.getUint16(2) + 1) * 4;
  }
  return false;
}

export const viewerOfDescribed = {
  codecs: av1Codecs(room),
  headerExtensions: describedViewerExtensions,
};

/** What a decoder makes of one moment. */
export interface DecodedPicture {
  readonly at: number;
  /** Highest layers in it. */
  readonly spatial: number;
  readonly temporal: number;
  readonly key: boolean;
  /** Highest layers of the decode targets that the descriptor calls active. */
  readonly offered: { spatial: number; temporal: number };
  readonly spatialLayers: number;
}

/**
 * Takes packets in the order of their numbers as a browser does, and fails where a browser would get stuck: a key
 * frame that is older than the one before, a frame without what it refers to, a picture without an end.
 */
export function decodeDescribed(packets: readonly Got[]): DecodedPicture[] {
  const descriptor = new DependencyDescriptor();
  const decoded = new Set<number>();
  const pictures: DecodedPicture[] = [];
  let newestKey = -1;
  let picture: { spatial: number; temporal: number; key: boolean } | undefined;
  let inFrame = false;
  packets.forEach((packet, i) => {
    const data = packet.extensions.get(viewerId);
    if (data === undefined) throw new Error(`packet ${packet.sequence} has no dependency descriptor`);
    if (!descriptor.read(data, 0, data.length)) throw new Error(`packet ${packet.sequence} can't be read`);
    const { frame, startOfFrame, endOfFrame, spatialId, temporalId, structure } = descriptor;
    expect(startOfFrame).toBe(!inFrame);
    inFrame = !endOfFrame;
    if (startOfFrame) {
      if (descriptor.hasStructure) {
        expect(frame).toBeGreaterThan(newestKey);
        newestKey = frame;
      }
      for (const distance of descriptor.frameDiffs.subarray(0, descriptor.frameDiffCount)) {
        expect(decoded.has(frame - distance), `frame ${frame} refers to ${frame - distance}`).toBe(true);
      }
      picture ??= { spatial: 0, temporal: 0, key: false };
      picture = {
        spatial: Math.max(picture.spatial, spatialId),
        temporal: Math.max(picture.temporal, temporalId),
        key: picture.key || descriptor.hasStructure,
      };
    }
    if (endOfFrame) decoded.add(frame);
    const last = packets[i + 1] === undefined || packets[i + 1]!.timestamp !== packet.timestamp;
    if (packets[i + 1] !== undefined) expect(packet.marker, `marker of ${packet.sequence}`).toBe(last);
    if (!last || picture === undefined) return;
    const offered = { spatial: -1, temporal: -1 };
    for (let d = 0; d < structure.decodeTargetCount; d++) {
      if (((descriptor.activeDecodeTargets >>> d) & 1) === 0) continue;
      offered.spatial = Math.max(offered.spatial, structure.targetSpatialId[d]!);
      offered.temporal = Math.max(offered.temporal, structure.targetTemporalId[d]!);
    }
    pictures.push({ at: packet.at, ...picture, offered, spatialLayers: structure.maxSpatialId + 1 });
    picture = undefined;
  });
  return pictures;
}

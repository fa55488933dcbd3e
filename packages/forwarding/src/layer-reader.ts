import { type DependencyDescriptor, VideoCodec, Vp8Descriptor, Vp9Descriptor } from '@weir/rtp';
import type { FanOut } from './fan-out.ts';
import type { PictureNumbers } from './picture-numbers.ts';
import type { Receiver } from './receiver.ts';

/** Finds out which layers a packet belongs to, by header extension where there is one, else by payload. */
export class LayerReader implements PictureNumbers {
  /** Of the packet read last; -1 = none. */
  pictureId = -1;
  tl0PictureIndex = -1;
  frameNumber = -1;
  readonly #fanOut: FanOut;
  readonly #arena: Uint8Array;
  readonly #vp8 = new Vp8Descriptor();
  readonly #vp9 = new Vp9Descriptor();

  constructor(fanOut: FanOut, arena: Uint8Array) {
    this.#fanOut = fanOut;
    this.#arena = arena;
  }

  /** The packet that the fan-out read last has a dependency descriptor. */
  described(receiver: Receiver): boolean {
    const id = receiver.dependencyDescriptorId;
    return id !== 0 && this.#fanOut.extensions.has(id);
  }

  /** Fills the fan-out's `layers`. `descriptor` keeps the structure of the stream; needed if described(). */
  read(receiver: Receiver, descriptor: DependencyDescriptor | undefined, isKey: boolean): void {
    const { header, layers, extensions } = this.#fanOut;
    const { payloadOffset, payloadLength } = header;
    layers.clear(isKey);
    this.pictureId = -1;
    this.tl0PictureIndex = -1;
    this.frameNumber = -1;
    const described = descriptor !== undefined && this.described(receiver);
    if (described) {
      const id = receiver.dependencyDescriptorId;
      layers.readDescriptor(descriptor, this.#arena, extensions.offset(id), extensions.length(id));
      // Also where the structure is missing: the number stands in front of what needs it.
      this.frameNumber = descriptor.frameNumber;
    }
    const codec = receiver.codecs.videoCodec[header.payloadType]!;
    if (codec === VideoCodec.vp8) {
      const vp8 = this.#vp8;
      if (!vp8.parse(this.#arena, payloadOffset, payloadLength)) return;
      this.pictureId = vp8.pictureId;
      this.tl0PictureIndex = vp8.tl0PictureIndex;
      layers.readVp8(vp8);
    } else if (codec === VideoCodec.vp9) {
      const vp9 = this.#vp9;
      if (!vp9.parse(this.#arena, payloadOffset, payloadLength)) return;
      this.pictureId = vp9.pictureId;
      this.tl0PictureIndex = vp9.tl0PictureIndex;
      if (!described) layers.readVp9(vp9);
    }
  }
}

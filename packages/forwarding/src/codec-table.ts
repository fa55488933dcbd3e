import type { CodecSpec, FeedbackSpec } from '@weir/protocol';
import { type VideoCodec, videoCodecOf } from '@weir/rtp';

/** Stands for "no payload type" in tables indexed by payload type. */
export const noPayloadType = 255;

const noFeedback: FeedbackSpec = { nack: false, pli: false, fir: false, remb: false, transportCc: false };

/** A receiver's codecs by the endpoint's payload types. */
export class ReceiveCodecs {
  /** Wire payload type → the room's, media codecs only. */
  readonly roomPayloadType = new Uint8Array(128).fill(noPayloadType);
  /** RTX wire payload type → the wire payload type it repairs. */
  readonly apt = new Uint8Array(128).fill(noPayloadType);
  readonly videoCodec: VideoCodec[] = new Array<VideoCodec>(128).fill(0);
  readonly clockRate = new Float64Array(128).fill(90_000);
  /** 1 where the wire payload type is redundant sound (RFC 2198). */
  readonly red = new Uint8Array(128);
  /** What blocks of RED may hold: wire payload types of Opus → the room's. */
  readonly redBlocks = new Uint8Array(128).fill(noPayloadType);
  readonly #specs: readonly CodecSpec[];

  constructor(specs: readonly CodecSpec[]) {
    this.#specs = specs;
    for (const codec of specs) {
      if (codec.mimeType.toLowerCase() === 'audio/red') this.red[codec.payloadType] = 1;
      if (codec.mimeType.toLowerCase() === 'audio/opus') {
        this.redBlocks[codec.payloadType] = codec.roomPayloadType;
      }
      const pt = codec.payloadType;
      this.clockRate[pt] = codec.clockRate;
      if (isRtx(codec)) {
        if (codec.apt !== undefined) this.apt[pt] = codec.apt;
      } else {
        this.roomPayloadType[pt] = codec.roomPayloadType;
        this.videoCodec[pt] = videoCodecOf(codec.mimeType);
      }
    }
  }

  /** True for media and RTX alike. */
  has(payloadType: number): boolean {
    return this.roomPayloadType[payloadType] !== noPayloadType || this.apt[payloadType] !== noPayloadType;
  }

  isRtx(payloadType: number): boolean {
    return this.apt[payloadType] !== noPayloadType;
  }

  get payloadTypes(): number[] {
    return this.#specs.map((codec) => codec.payloadType);
  }

  spec(payloadType: number): CodecSpec | undefined {
    return this.#specs.find((codec) => codec.payloadType === payloadType);
  }

  /** Feedback of a media codec; of the first one if `payloadType` is absent. */
  feedback(payloadType: number | undefined): FeedbackSpec {
    return this.media(payloadType)?.feedback ?? noFeedback;
  }

  /** The media codec with that payload type, else the first. */
  media(payloadType: number | undefined): CodecSpec | undefined {
    const media = this.#specs.filter((codec) => !isRtx(codec));
    return media.find((codec) => codec.payloadType === payloadType) ?? media[0];
  }
}

/** A sender's codecs by the room's payload types, which are also what it puts on the wire. */
export class SendCodecs {
  /** 1 where the viewer takes the media codec. */
  readonly accepts = new Uint8Array(128);
  /** Media payload type → its RTX payload type. */
  readonly rtxPayloadType = new Uint8Array(128).fill(noPayloadType);
  readonly clockRate: number;
  readonly nack: boolean;
  readonly hasRtx: boolean;
  readonly #specs: readonly CodecSpec[];

  constructor(specs: readonly CodecSpec[]) {
    this.#specs = specs;
    for (const codec of specs) {
      if (!isRtx(codec)) this.accepts[codec.payloadType] = 1;
      else if (codec.apt !== undefined) this.rtxPayloadType[codec.apt] = codec.payloadType;
    }
    const first = specs.find((codec) => !isRtx(codec));
    this.clockRate = first?.clockRate ?? 90_000;
    this.hasRtx = specs.some(isRtx);
    this.nack = specs.some((codec) => codec.feedback.nack);
  }

  /** Every packet that is asked for again can go out by RTX, given an SSRC for it. */
  allHaveRtx(rtxSsrc: boolean): boolean {
    return rtxSsrc && this.supported.every((pt) => this.rtxPayloadType[pt] !== noPayloadType);
  }

  /** Media payload types, for dumps. */
  get supported(): number[] {
    return this.#specs.filter((codec) => !isRtx(codec)).map((codec) => codec.payloadType);
  }

  get first(): CodecSpec | undefined {
    return this.#specs.find((codec) => !isRtx(codec));
  }

  get transportCc(): boolean {
    return this.#specs.some((codec) => codec.feedback.transportCc);
  }
}

export function isRtx(codec: CodecSpec): boolean {
  return codec.mimeType.toLowerCase().endsWith('/rtx');
}

import { isAv1KeyFrame } from './av1.ts';
import { isH264KeyFrame } from './h264.ts';
import { isH265KeyFrame } from './h265.ts';
import { Vp8Descriptor } from './vp8.ts';
import { Vp9Descriptor } from './vp9.ts';

/** Codecs whose key frames can be seen; small numbers, so that a packet path can keep them in arrays. */
export const VideoCodec = { none: 0, vp8: 1, vp9: 2, h264: 3, av1: 4, h265: 5 } as const;
export type VideoCodec = (typeof VideoCodec)[keyof typeof VideoCodec];

/** By MIME type, case ignored: "video/VP8". `none` for all others. */
export function videoCodecOf(mimeType: string): VideoCodec {
  switch (mimeType.toLowerCase()) {
    case 'video/vp8':
      return VideoCodec.vp8;
    case 'video/vp9':
      return VideoCodec.vp9;
    case 'video/h264':
    case 'video/x-h264uc':
      return VideoCodec.h264;
    case 'video/av1':
      return VideoCodec.av1;
    case 'video/h265':
      return VideoCodec.h265;
    default:
      return VideoCodec.none;
  }
}

const vp8 = new Vp8Descriptor();
const vp9 = new Vp9Descriptor();

/**
 * True when the payload is the beginning of a key frame. For codecs without such a notion (audio) false.
 * With end-to-end encryption the answer means nothing.
 */
export function isKeyFrame(codec: VideoCodec, bytes: Uint8Array, offset: number, length: number): boolean {
  switch (codec) {
    case VideoCodec.vp8:
      return vp8.parse(bytes, offset, length) && vp8.isKeyFrame;
    case VideoCodec.vp9:
      return vp9.parse(bytes, offset, length) && vp9.isKeyFrame;
    case VideoCodec.h264:
      return isH264KeyFrame(bytes, offset, length);
    case VideoCodec.av1:
      return isAv1KeyFrame(bytes, offset, length);
    case VideoCodec.h265:
      return isH265KeyFrame(bytes, offset, length);
    default:
      return false;
  }
}

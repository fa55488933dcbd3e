import type { types } from 'mediasoup-client';
import { WeirError } from './errors.ts';
import type { PublishOptions } from './publication.ts';

/**
 * Layers for a camera, low to high, so that a phone on a poor network and a wall display can look at the
 * same person. A layer smaller than about 160 pixels is not worth its bits.
 *
 * @param width of the captured picture in pixels; 0 if unknown
 */
export function simulcastEncodings(width: number): types.RtpEncodingParameters[] {
  if (width > 0 && width < 480) return [{ maxBitrate: 400_000, scalabilityMode: 'L1T3' }];
  if (width > 0 && width < 960) {
    return [
      { scaleResolutionDownBy: 2, maxBitrate: 150_000, scalabilityMode: 'L1T3' },
      { scaleResolutionDownBy: 1, maxBitrate: 700_000, scalabilityMode: 'L1T3' },
    ];
  }
  return [
    { scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode: 'L1T3' },
    { scaleResolutionDownBy: 2, maxBitrate: 500_000, scalabilityMode: 'L1T3' },
    { scaleResolutionDownBy: 1, maxBitrate: 1_700_000, scalabilityMode: 'L1T3' },
  ];
}

/**
 * The capability that `name` means: `vp9`, `VP9` and `video/VP9` alike.
 *
 * @returns undefined if the device cannot send it
 */
export function findCodec(
  capabilities: types.RtpCapabilities,
  kind: types.MediaKind,
  name: string,
): types.RtpCodecCapability | undefined {
  const mimeType = (name.includes('/') ? name : `${kind}/${name}`).toLowerCase();
  return capabilities.codecs?.find(
    (codec) => codec.kind === kind && codec.mimeType.toLowerCase() === mimeType,
  );
}

/** What mediasoup-client is asked for, apart from the track. */
export function produceOptions(
  capabilities: types.RtpCapabilities,
  track: MediaStreamTrack,
  streamId: string,
  options: PublishOptions,
): Omit<types.ProducerOptions, 'track' | 'appData'> {
  const kind = track.kind as types.MediaKind;
  const codec = options.codec && findCodec(capabilities, kind, options.codec);
  if (options.codec && !codec) {
    throw new WeirError({
      code: 'unsupported',
      field: 'codec',
      detail: `${options.codec} is not both in the room and in this browser`,
    });
  }
  const encodings =
    options.encodings ??
    (kind === 'video' && options.simulcast !== false
      ? simulcastEncodings(track.getSettings().width ?? 0)
      : undefined);
  return {
    streamId: options.streamId ?? streamId,
    ...(encodings && { encodings }),
    ...(codec && { codec }),
    ...(options.codecOptions && { codecOptions: options.codecOptions }),
  };
}

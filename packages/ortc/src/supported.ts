import type { RtcpFeedback, RtpCodecParameters, RtpHeaderExtension } from './dictionaries.ts';

/** What Weir can carry. A codec here has a payload type only where RFC 3551 gives a static one. */
export type SupportedCodec = Omit<RtpCodecParameters, 'payloadType'> & { payloadType?: number };

export interface SupportedRtpCapabilities {
  codecs: SupportedCodec[];
  headerExtensions: RtpHeaderExtension[];
  fecMechanisms: string[];
}

/** A fresh copy of all codecs and header extensions that a room may use (§16). */
export function getSupportedRtpCapabilities(): SupportedRtpCapabilities {
  return structuredClone({
    codecs: [...supportedCodecs],
    headerExtensions: [...supportedExtensions],
    fecMechanisms: [],
  });
}

export const uris = {
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  absSendTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  transportCc: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  dependencyDescriptor:
    'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension',
  audioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  videoOrientation: 'urn:3gpp:video-orientation',
  timeOffset: 'urn:ietf:params:rtp-hdrext:toffset',
  absCaptureTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time',
  playoutDelay: 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
} as const;

export function isKnownExtension(uri: string): boolean {
  return knownUris.has(uri);
}

/** The list that `roomCapabilities` compares with; not to be changed. */
export const supportedCodecs: readonly SupportedCodec[] = [
  audio('opus', 48000, { numChannels: 2, rtcpFeedback: [feedback('nack'), feedback('transport-cc')] }),
  audio('red', 48000, { numChannels: 2, rtcpFeedback: [feedback('nack'), feedback('transport-cc')] }),
  audio('PCMU', 8000, { payloadType: 0 }),
  audio('PCMA', 8000, { payloadType: 8 }),
  audio('ISAC', 32000),
  audio('ISAC', 16000),
  audio('G722', 8000, { payloadType: 9 }),
  audio('iLBC', 8000),
  audio('SILK', 24000),
  audio('SILK', 16000),
  audio('SILK', 12000),
  audio('SILK', 8000),
  audio('CN', 32000),
  audio('CN', 16000),
  audio('CN', 8000, { payloadType: 13 }),
  audio('telephone-event', 48000),
  audio('telephone-event', 32000),
  audio('telephone-event', 16000),
  audio('telephone-event', 8000),
  video('VP8'),
  video('VP9', { profileId: 0 }),
  video('VP9', { profileId: 2 }),
  video('H264', { packetizationMode: 0, levelAsymmetryAllowed: 1 }),
  video('H264', { packetizationMode: 1, levelAsymmetryAllowed: 1 }),
  video('H265'),
  video('AV1'),
];

/** Directions are ours: `recvonly` means that only endpoints send it (15.4). */
export const supportedExtensions: readonly RtpHeaderExtension[] = [
  extension('', uris.mid, 1),
  extension('video', uris.rid, 2, 'recvonly'),
  extension('video', uris.repairedRid, 3, 'recvonly'),
  extension('', uris.absSendTime, 4),
  extension('audio', uris.transportCc, 5, 'recvonly'),
  extension('video', uris.transportCc, 5),
  // Spatial layers of AV1 can't be put together without it.
  extension('video', uris.dependencyDescriptor, 8),
  extension('audio', uris.audioLevel, 10),
  extension('video', uris.videoOrientation, 11),
  extension('video', uris.timeOffset, 12),
  extension('', uris.absCaptureTime, 13),
  extension('', uris.playoutDelay, 14),
];

const knownUris: ReadonlySet<string> = new Set(supportedExtensions.map((entry) => entry.uri));

function audio(subtype: string, clockRate: number, more: Partial<SupportedCodec> = {}): SupportedCodec {
  return {
    kind: 'audio',
    name: `audio/${subtype}`,
    clockRate,
    rtcpFeedback: [feedback('transport-cc')],
    parameters: {},
    ...more,
  };
}

function video(subtype: string, parameters: SupportedCodec['parameters'] = {}): SupportedCodec {
  return {
    kind: 'video',
    name: `video/${subtype}`,
    clockRate: 90000,
    rtcpFeedback: [
      feedback('nack'),
      feedback('nack', 'pli'),
      feedback('ccm', 'fir'),
      feedback('goog-remb'),
      feedback('transport-cc'),
    ],
    parameters,
  };
}

function feedback(type: string, parameter: string | null = null): RtcpFeedback {
  return { type, parameter };
}

function extension(
  kind: RtpHeaderExtension['kind'],
  uri: string,
  preferredId: number,
  direction: RtpHeaderExtension['direction'] = 'sendrecv',
): RtpHeaderExtension {
  return { kind, uri, preferredId, preferredEncrypt: false, direction };
}

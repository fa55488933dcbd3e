import type { MediaKind, Parameters } from './dictionaries.ts';

/** One element of a room's `mediaCodecs` (§10.3, scope "room"). */
export interface RoomMediaCodec {
  kind: MediaKind | '';
  name: string;
  payloadType?: number;
  clockRate: number;
  numChannels?: number;
  parameters?: Parameters;
}

/**
 * For rooms created without `mediaCodecs`: what current browsers publish and play. The order is preference:
 * mediasoup-client publishes with the first codec it knows. H264 has packetization mode 1 only, which every
 * browser has; both baseline profiles are there because Firefox and hardware encoders differ in them.
 */
export const defaultMediaCodecs: readonly RoomMediaCodec[] = [
  { kind: 'audio', name: 'audio/opus', clockRate: 48000, numChannels: 2, parameters: { useInbandFec: 1 } },
  { kind: 'video', name: 'video/VP8', clockRate: 90000 },
  { kind: 'video', name: 'video/VP9', clockRate: 90000, parameters: { profileId: 0 } },
  { kind: 'video', name: 'video/H264', clockRate: 90000, parameters: h264('42e01f') },
  { kind: 'video', name: 'video/H264', clockRate: 90000, parameters: h264('42001f') },
  { kind: 'video', name: 'video/AV1', clockRate: 90000 },
];

function h264(profileLevelId: string): Parameters {
  return { packetizationMode: 1, profileLevelId, levelAsymmetryAllowed: 1 };
}

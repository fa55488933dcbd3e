import { isSameProfile } from 'h264-profile-level-id';
import type { MediaKind, Parameters } from './dictionaries.ts';

interface Comparable {
  readonly kind?: MediaKind | '';
  readonly name: string;
  readonly clockRate: number;
  readonly numChannels?: number;
  readonly parameters: Parameters;
}

/**
 * Whether a codec is the same as one of a capability list (§11.1, D-27). Payload types don't matter.
 *
 * `profiles: false` compares what Weir must know to carry the codec and leaves the profile open; it is for
 * the comparison of a room's codecs with the supported ones.
 */
export function codecMatches(
  codec: Comparable,
  capability: Comparable,
  { profiles = true }: { profiles?: boolean } = {},
): boolean {
  const name = codec.name.toLowerCase();
  if (name !== capability.name.toLowerCase()) return false;
  if (codec.clockRate !== capability.clockRate) return false;
  const soundOnly = capability.kind ? capability.kind === 'audio' : name.startsWith('audio/');
  if (soundOnly && (codec.numChannels ?? 1) !== (capability.numChannels ?? 1)) return false;

  switch (name) {
    case 'video/h264':
      if (!sameNumber(codec, capability, 'packetizationMode', 0)) return false;
      return !profiles || isSameProfile(h264Profile(codec), h264Profile(capability));
    case 'video/vp9':
      return sameNumber(codec, capability, 'profileId', 0);
    case 'video/av1':
      return !profiles || sameNumber(codec, capability, 'profile', 0);
    case 'video/h265':
      return !profiles || sameNumber(codec, capability, 'profileId', 1);
    default:
      return true;
  }
}

/** Kinds differ only if both are given; `''` is all kinds (D-27). */
export function kindMatches(kind: MediaKind | '' | undefined, other: MediaKind | '' | undefined): boolean {
  return !kind || !other || kind === other;
}

/** Parameters come as numbers from browsers, as text from SDP. */
function sameNumber(a: Comparable, b: Comparable, name: string, byDefault: number): boolean {
  return Number(a.parameters[name] ?? byDefault) === Number(b.parameters[name] ?? byDefault);
}

function h264Profile(codec: Comparable): Record<string, string> {
  const id = codec.parameters.profileLevelId;
  return id === undefined ? {} : { 'profile-level-id': String(id) };
}

import type {
  WireRtcpFeedback,
  WireRtpCapabilities,
  WireRtpCodecCapability,
  WireRtpHeaderExtension,
} from '@weir/protocol';
import type { RoomMediaCodec } from './default-media-codecs.ts';
import type { Parameters, RtcpFeedback, RtpCapabilities, RtpCodecParameters } from './dictionaries.ts';
import { paramFromSDP, paramToSDP } from './extra.ts';

/**
 * Capabilities in mediasoup-client's shape (§15.2). `depth` stays inside (§15.1 rule 4), `''` becomes one
 * entry for audio and one for video.
 */
export function capabilitiesToWire(capabilities: RtpCapabilities): WireRtpCapabilities {
  return {
    codecs: capabilities.codecs.flatMap((codec) => codecToWire(codec)),
    headerExtensions: capabilities.headerExtensions.flatMap((extension): WireRtpHeaderExtension[] =>
      wireKinds(extension.kind).map((kind) => ({
        kind,
        uri: extension.uri,
        preferredId: extension.preferredId,
        preferredEncrypt: extension.preferredEncrypt,
        direction: extension.direction,
      })),
    ),
  };
}

/** Capabilities of a client, for `parsePeerCapabilities`. */
export function capabilitiesFromWire(wire: WireRtpCapabilities): RtpCapabilities {
  return {
    codecs: wire.codecs.map((codec) => mediaCodecFromWire(codec) as RtpCodecParameters),
    headerExtensions: wire.headerExtensions.map((extension) => ({
      kind: extension.kind,
      uri: extension.uri,
      preferredId: extension.preferredId,
      preferredEncrypt: extension.preferredEncrypt ?? false,
      direction: extension.direction ?? 'sendrecv',
    })),
    fecMechanisms: [],
  };
}

/** One `mediaCodecs` entry of a request, for `roomCapabilities`. */
export function mediaCodecFromWire(wire: WireRtpCodecCapability): RoomMediaCodec {
  return {
    kind: wire.kind,
    name: wire.mimeType,
    ...(wire.preferredPayloadType === undefined ? {} : { payloadType: wire.preferredPayloadType }),
    clockRate: wire.clockRate,
    ...(wire.channels === undefined ? {} : { numChannels: wire.channels }),
    parameters: parametersFromWire(wire.parameters),
    ...(wire.rtcpFeedback === undefined ? {} : { rtcpFeedback: feedbackFromWire(wire.rtcpFeedback) }),
  };
}

/**
 * Values on the wire are text or numbers, else mediasoup-client throws (§15.2): booleans become 1 and 0,
 * arrays are joined. `profile-level-id` is always text.
 */
export function parametersToWire(parameters: Parameters): Record<string, string | number> {
  const wire: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(parameters)) {
    const sdpName = name === '' ? '' : paramToSDP(name);
    if (typeof value === 'boolean') wire[sdpName] = value ? 1 : 0;
    else if (Array.isArray(value)) wire[sdpName] = value.join(',');
    else wire[sdpName] = sdpName === 'profile-level-id' ? String(value) : value;
  }
  return wire;
}

/** Inverse of `parametersToWire`; `apt` becomes a number, `null` is dropped. */
export function parametersFromWire(
  wire: Readonly<Record<string, string | number | null>> | undefined,
): Parameters {
  const parameters: Parameters = {};
  for (const [sdpName, value] of Object.entries(wire ?? {})) {
    if (value === null || sdpName === '__proto__') continue;
    const name = sdpName === '' ? '' : paramFromSDP(sdpName);
    if (name === 'apt') parameters[name] = Number(value);
    else if (name === 'profileLevelId') parameters[name] = String(value);
    else parameters[name] = value;
  }
  return parameters;
}

export function feedbackToWire(feedback: readonly RtcpFeedback[]): WireRtcpFeedback[] {
  return feedback.map(({ type, parameter }) => (parameter ? { type, parameter } : { type }));
}

export function feedbackFromWire(feedback: readonly WireRtcpFeedback[] | undefined): RtcpFeedback[] {
  return (feedback ?? []).map(({ type, parameter }) => ({ type, parameter: parameter || null }));
}

function codecToWire(codec: RtpCodecParameters): WireRtpCodecCapability[] {
  // mediasoup-client takes the kind from the MIME type; a codec that says otherwise would mislead it.
  return wireKinds(codec.kind)
    .filter((kind) => codec.name.startsWith(`${kind}/`))
    .map((kind) => ({
      kind,
      mimeType: codec.name,
      preferredPayloadType: codec.payloadType,
      clockRate: codec.clockRate,
      ...(kind === 'audio' ? { channels: codec.numChannels ?? 1 } : {}),
      parameters: parametersToWire(codec.parameters),
      rtcpFeedback: feedbackToWire(codec.rtcpFeedback),
    }));
}

function wireKinds(kind: string | undefined): ('audio' | 'video')[] {
  if (kind === 'audio' || kind === 'video') return [kind];
  return kind === 'depth' ? [] : ['audio', 'video'];
}

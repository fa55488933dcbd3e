import { codecMatches, kindMatches } from './codec-match.ts';
import { isFeatureCodec, isMediaCodec, isRtxCodec } from './codec-names.ts';
import type { MediaKind, RtpCapabilities, RtpCodecParameters, RtpParameters } from './dictionaries.ts';
import { OrtcError } from './errors.ts';
import { parseRtpParameters } from './parse-parameters.ts';
import { commonFeedback, roomExtension } from './peer-capabilities.ts';
import { withoutIdleRed } from './red.ts';
import { rtxOf } from './room-capabilities.ts';
import { parseScalabilityMode } from './scalability-mode.ts';

export type ReceiverType = 'simple' | 'simulcast' | 'svc';

export interface ReceiverParameters {
  /** Validated and reduced, with the endpoint's payload types and extension ids (D-33). */
  readonly effective: RtpParameters;
  /** The endpoint's payload type (media and RTX) -> the room's. */
  readonly payloadTypes: Record<string, number>;
  /** The endpoint's header extension id -> the room's. */
  readonly extensionIds: Record<string, number>;
  readonly type: ReceiverType;
}

/**
 * What `rtpReceiver.receive(params)` means (§11.5 with D-33).
 *
 * @param sendCaps what the peer may send, already reduced to the room (its payload types are the room's)
 * @throws OrtcError `invalid` on malformed parameters, `unsupported` if no media codec is left
 */
export function receiverParameters(
  room: RtpCapabilities,
  sendCaps: RtpCapabilities,
  kind: MediaKind,
  params: unknown,
): ReceiverParameters {
  const parsed = parseRtpParameters(params);
  const payloadTypes: Record<string, number> = {};
  const codecs = reduceCodecs(parsed.codecs, sendCaps, kind, payloadTypes);
  const firstMedia = codecs.find(isMediaCodec);
  if (firstMedia === undefined) {
    const names = parsed.codecs.filter(isMediaCodec).map((codec) => codec.name);
    throw new OrtcError(
      'unsupported',
      'codecs',
      `no supported ${kind} codec among ${names.join(', ')}; use one of this peer's capabilities that the room has`,
    );
  }
  const kept = parsed.encodings.filter((encoding) =>
    codecs.some((codec) => codec.payloadType === encoding.codecPayloadType),
  );
  const encodings =
    kept.length > 0 ? kept : [{ codecPayloadType: firstMedia.payloadType, active: true as boolean }];

  const extensionIds: Record<string, number> = {};
  const headerExtensions = parsed.headerExtensions.filter((extension) => {
    const match = roomExtension(room, extension.uri, kind);
    if (match === undefined || (match.direction !== 'sendrecv' && match.direction !== 'recvonly'))
      return false;
    extensionIds[extension.id] = match.preferredId;
    return true;
  });
  const effective: RtpParameters = { ...parsed, codecs, encodings, headerExtensions };
  return { effective, payloadTypes, extensionIds, type: receiverType(effective) };
}

/** Whether the layers come as several streams, as one with layers inside, or not at all. */
export function receiverType(params: RtpParameters): ReceiverType {
  if (params.encodings.length > 1) return 'simulcast';
  const encoding = params.encodings[0];
  const { spatialLayers, temporalLayers } = parseScalabilityMode(encoding?.scalabilityMode);
  if (spatialLayers === 1 && temporalLayers === 1) return 'simple';
  const codec = params.codecs.find((entry) => entry.payloadType === encoding?.codecPayloadType);
  switch (codec?.name) {
    case 'video/VP9':
    case 'video/AV1':
      return 'svc';
    // One stream with temporal layers is treated as simulcast of one.
    case 'video/VP8':
    case 'video/H264':
      return 'simulcast';
    default:
      return 'simple';
  }
}

function reduceCodecs(
  codecs: readonly RtpCodecParameters[],
  sendCaps: RtpCapabilities,
  kind: MediaKind,
  payloadTypes: Record<string, number>,
): RtpCodecParameters[] {
  const reduced = new Map<number, RtpCodecParameters>();
  for (const codec of codecs) {
    if (isFeatureCodec(codec)) continue;
    const capability = sendCaps.codecs.find(
      (entry) => !isRtxCodec(entry) && kindMatches(entry.kind, kind) && codecMatches(codec, entry),
    );
    if (capability === undefined) continue;
    payloadTypes[codec.payloadType] = capability.payloadType;
    reduced.set(codec.payloadType, {
      ...codec,
      rtcpFeedback: commonFeedback(codec.rtcpFeedback, capability.rtcpFeedback),
    });
  }
  for (const codec of codecs) {
    if (!isRtxCodec(codec)) continue;
    const roomPayloadType = payloadTypes[String(codec.parameters.apt)];
    const rtx = roomPayloadType === undefined ? undefined : rtxOf(sendCaps.codecs, roomPayloadType);
    if (rtx === undefined) continue;
    payloadTypes[codec.payloadType] = rtx.payloadType;
    reduced.set(codec.payloadType, { ...codec, rtcpFeedback: [] });
  }
  // In the order they were given.
  return withoutIdleRed(codecs.flatMap((codec) => reduced.get(codec.payloadType) ?? []));
}

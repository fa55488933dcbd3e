import { kindMatches } from './codec-match.ts';
import { isMediaCodec, isRedCodec, isRtxCodec } from './codec-names.ts';
import type {
  MediaKind,
  RtcpFeedback,
  RtpCapabilities,
  RtpCodecParameters,
  RtpEncodingParameters,
  RtpHeaderExtensionParameters,
  RtpParameters,
} from './dictionaries.ts';
import { withoutIdleRed } from './red.ts';
import { rtxOf } from './room-capabilities.ts';
import { parseScalabilityMode } from './scalability-mode.ts';
import { uris } from './supported.ts';

/** The receiver a sender forwards, as `receiverParameters` made it. */
export interface SenderSource {
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
  readonly payloadTypes: Readonly<Record<string, number>>;
}

/** What belongs to the sender itself and never comes from the source (D-37, D-38). */
export interface SenderIdentity {
  readonly ssrc: number;
  readonly rtxSsrc: number;
  readonly muxId?: string;
  /** Used if the source has none: mediasoup-client needs one (§15.3). */
  readonly cname: string;
}

export interface SenderParameters {
  readonly rtpParameters: RtpParameters;
  /** An encoding is left: the peer can play it. */
  readonly available: boolean;
}

/**
 * What a peer gets of a receiver (§11.7, D-36…D-39): the source's codecs that the peer has too, with the
 * room's payload types and extension ids, one encoding with the sender's own SSRCs.
 *
 * @param peerCaps effective capabilities of the peer that receives
 */
export function senderParameters(
  room: RtpCapabilities,
  source: SenderSource,
  peerCaps: RtpCapabilities,
  identity: SenderIdentity,
): SenderParameters {
  const headerExtensions = senderExtensions(room, source, peerCaps);
  const all = senderCodecs(source, peerCaps, headerExtensions);
  const main = source.rtpParameters.encodings
    .map((encoding) => source.payloadTypes[String(encoding.codecPayloadType)])
    .map((payloadType) => all.find((codec) => codec.payloadType === payloadType && isMediaCodec(codec)))
    .find((codec) => codec !== undefined);
  const rtx = main && rtxOf(all, main.payloadType);
  const available = main !== undefined;

  const rtpParameters: RtpParameters = {
    ...(identity.muxId === undefined ? {} : { muxId: identity.muxId }),
    codecs:
      main === undefined ? [] : [main, ...(rtx ? [rtx] : []), ...all.filter((c) => c !== main && c !== rtx)],
    encodings: main === undefined ? [] : [senderEncoding(source, main, rtx !== undefined, identity)],
    headerExtensions,
    rtcp: {
      ...(source.rtpParameters.rtcp ?? { reducedSize: true }),
      cname: source.rtpParameters.rtcp?.cname ?? identity.cname,
    },
    userParameters: structuredClone(source.rtpParameters.userParameters),
  };
  return { rtpParameters, available };
}

function senderCodecs(
  source: SenderSource,
  peerCaps: RtpCapabilities,
  extensions: readonly RtpHeaderExtensionParameters[],
): RtpCodecParameters[] {
  const kept = new Map<number, RtpCodecParameters>();
  for (const codec of source.rtpParameters.codecs) {
    // Both sides were matched with the same room codec, so its payload type tells all.
    const payloadType = source.payloadTypes[codec.payloadType];
    const capability = peerCaps.codecs.find((entry) => entry.payloadType === payloadType);
    if (payloadType === undefined || capability === undefined || kept.has(payloadType)) continue;
    const parameters = structuredClone(isRedCodec(codec) ? capability.parameters : codec.parameters);
    if (isRtxCodec(codec)) parameters.apt = capability.parameters.apt!;
    kept.set(payloadType, {
      ...codec,
      payloadType,
      parameters,
      rtcpFeedback: reduceForBandwidth(capability.rtcpFeedback, extensions),
    });
  }
  return withoutIdleRed([...kept.values()]);
}

/** One bandwidth estimator per direction: transport-cc if its extension is there, else REMB (D-39). */
function reduceForBandwidth(
  feedback: readonly RtcpFeedback[],
  extensions: readonly RtpHeaderExtensionParameters[],
): RtcpFeedback[] {
  const has = (uri: string) => extensions.some((extension) => extension.uri === uri);
  const dropped = has(uris.transportCc)
    ? ['goog-remb']
    : has(uris.absSendTime)
      ? ['transport-cc']
      : ['goog-remb', 'transport-cc'];
  return feedback.filter((item) => !dropped.includes(item.type)).map((item) => ({ ...item }));
}

/**
 * Extensions that we write ourselves are there whether or not the source has them; the others only if the
 * source sends them. The peer is asked by URI and id, not by kind (15.4); rid and rrid are never sent.
 */
function senderExtensions(
  room: RtpCapabilities,
  source: SenderSource,
  peerCaps: RtpCapabilities,
): RtpHeaderExtensionParameters[] {
  return room.headerExtensions.flatMap((extension) => {
    if (!kindMatches(extension.kind, source.kind)) return [];
    if (extension.direction !== 'sendrecv' && extension.direction !== 'sendonly') return [];
    const { uri, preferredId: id, preferredEncrypt: encrypt } = extension;
    const ofSource = source.rtpParameters.headerExtensions.find((entry) => entry.uri === uri);
    if (ofSource === undefined && !ownExtensions.has(uri)) return [];
    if (!peerCaps.headerExtensions.some((entry) => entry.uri === uri && entry.preferredId === id)) return [];
    return [{ uri, id, encrypt, parameters: structuredClone(ofSource?.parameters ?? {}) }];
  });
}

const ownExtensions: ReadonlySet<string> = new Set([uris.mid, uris.absSendTime, uris.transportCc]);

/** One stream goes out whatever comes in: layers are selected inside (§11.7). */
function senderEncoding(
  source: SenderSource,
  codec: RtpCodecParameters,
  withRtx: boolean,
  { ssrc, rtxSsrc }: SenderIdentity,
): RtpEncodingParameters {
  const encodings = source.rtpParameters.encodings.filter(
    (encoding) => source.payloadTypes[String(encoding.codecPayloadType)] === codec.payloadType,
  );
  const first = encodings[0]!;
  const encoding: RtpEncodingParameters = { ssrc, codecPayloadType: codec.payloadType, active: true };
  if (withRtx) encoding.rtx = { ssrc: rtxSsrc };
  if (first.dtx !== undefined) encoding.dtx = first.dtx;
  if (encodings.length === 1) {
    if (first.resolutionScale !== undefined) encoding.resolutionScale = first.resolutionScale;
    if (first.framerateScale !== undefined) encoding.framerateScale = first.framerateScale;
    if (first.scalabilityMode !== undefined) encoding.scalabilityMode = first.scalabilityMode;
  } else {
    const { temporalLayers } = parseScalabilityMode(first.scalabilityMode);
    encoding.scalabilityMode = `L${encodings.length}T${temporalLayers}`;
  }
  const maxFramerate = greatest(encodings.map((entry) => entry.maxFramerate));
  if (maxFramerate !== undefined) encoding.maxFramerate = maxFramerate;
  const maxBitrate = greatest(encodings.map((entry) => entry.maxBitrate));
  if (maxBitrate !== undefined) encoding.maxBitrate = maxBitrate;
  return encoding;
}

/** Undefined if any is: an encoding without a limit has the greatest. */
function greatest(values: readonly (number | undefined)[]): number | undefined {
  return values.every((value) => value !== undefined) ? Math.max(...values) : undefined;
}

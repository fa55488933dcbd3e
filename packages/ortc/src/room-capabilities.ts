import { codecMatches } from './codec-match.ts';
import { isFeatureCodec, isRedCodec, isRtxCodec, isVideoName } from './codec-names.ts';
import type { MediaKind, RtpCapabilities, RtpCodecParameters } from './dictionaries.ts';
import { invalid } from './errors.ts';
import { type ParsedCodec, parseCodec } from './parse-codec.ts';
import { codecInRed, redOf } from './red.ts';
import { supportedCodecs, supportedExtensions } from './supported.ts';

/**
 * What a room offers, built from the application's `mediaCodecs` (§11.2). Not an array means a room without
 * codecs (D-8). A well-formed codec that Weir cannot carry is left out and told to `onSkipped`.
 *
 * @throws OrtcError on a malformed codec, or when payload types run out
 */
export function roomCapabilities(mediaCodecs: unknown, onSkipped?: (name: string) => void): RtpCapabilities {
  const codecs: ParsedCodec[] = [];
  const given: readonly unknown[] = Array.isArray(mediaCodecs) ? mediaCodecs : [];
  given.forEach((item, index) => {
    const codec = parseCodec(item, 'room', `mediaCodecs.${index}`);
    if (isFeatureCodec(codec)) return;
    // Kind and MIME type are independent: a depth camera may use VP8.
    const supported = supportedCodecs.find((entry) => codecMatches(codec, entry, { profiles: false }));
    if (supported === undefined) onSkipped?.(codec.name);
    else codecs.push({ ...codec, rtcpFeedback: structuredClone(supported.rtcpFeedback) });
  });
  if (codecInRed(codecs) === undefined) {
    for (const { name } of codecs.filter(isRedCodec)) onSkipped?.(name);
  }
  return {
    codecs: redLast(assignPayloadTypes(codecs)),
    headerExtensions: supportedExtensions.map((extension) => ({ ...extension })),
    fecMechanisms: [],
  };
}

/**
 * The part of the room's capabilities for one kind (§11.3), RTX after its codec (D-29). All lists are empty
 * if the room has no codec of the kind. @throws TypeError unless kind is exactly a MediaKind
 */
export function capabilitiesOfKind(room: RtpCapabilities, kind: MediaKind): RtpCapabilities {
  if (kind !== 'audio' && kind !== 'video' && kind !== 'depth') {
    throw new TypeError(`unknown kind "${String(kind)}"; give "audio", "video" or "depth"`);
  }
  const ofKind = <Item extends { kind?: MediaKind | '' }>(items: readonly Item[]): Item[] =>
    items
      .filter((item) => item.kind === kind || item.kind === '')
      .map((item) => ({ ...structuredClone(item), kind }));
  const codecs = ofKind(room.codecs);
  if (codecs.length === 0) return { codecs: [], headerExtensions: [], fecMechanisms: [] };
  return { codecs, headerExtensions: ofKind(room.headerExtensions), fecMechanisms: [...room.fecMechanisms] };
}

/**
 * Redundant sound after all others: clients publish with the first codec that they know, and can't with this one
 * alone. Its blocks are of the room's Opus; without that it is left out.
 */
function redLast(codecs: readonly RtpCodecParameters[]): RtpCodecParameters[] {
  const inRed = codecInRed(codecs);
  const red =
    inRed === undefined
      ? []
      : codecs.filter(isRedCodec).map((codec) => ({ ...codec, parameters: redOf(inRed.payloadType) }));
  return [...codecs.filter((codec) => !isRedCodec(codec)), ...red];
}

/** The RTX codec that a room has for one of its payload types. */
export function rtxOf(
  codecs: readonly RtpCodecParameters[],
  payloadType: number,
): RtpCodecParameters | undefined {
  return codecs.find((codec) => isRtxCodec(codec) && codec.parameters.apt === payloadType);
}

/** Explicit payload types first, then dynamic ones in order, each video codec followed by its RTX (D-28). */
function assignPayloadTypes(codecs: readonly ParsedCodec[]): RtpCodecParameters[] {
  const used = new Set<number>(neverAssigned);
  const explicit = codecs.map(({ payloadType }) => {
    if (payloadType === undefined || used.has(payloadType)) return undefined;
    used.add(payloadType);
    return payloadType;
  });
  let cursor = 0;
  const next = (index: number): number => {
    while (cursor < dynamicPayloadTypes.length) {
      const payloadType = dynamicPayloadTypes[cursor++]!;
      if (!used.has(payloadType)) return payloadType;
    }
    throw invalid(`mediaCodecs.${index}`, 'no payload type is left for it; list fewer codecs');
  };
  const result: RtpCodecParameters[] = [];
  codecs.forEach((codec, index) => {
    const payloadType = explicit[index] ?? next(index);
    result.push({ ...codec, payloadType });
    if (!isVideoName(codec)) return;
    result.push({
      kind: codec.kind ?? '',
      name: 'video/rtx',
      payloadType: next(index),
      clockRate: codec.clockRate,
      rtcpFeedback: [],
      parameters: { apt: payloadType },
    });
  });
  return result;
}

/** 127 belongs to mediasoup-client's probator (§15.5); 72–76 with the marker bit look like RTCP 200–204. */
const neverAssigned: readonly number[] = [127, 72, 73, 74, 75, 76];

const dynamicPayloadTypes: readonly number[] = [
  ...range(100, 127),
  ...range(96, 99),
  ...range(77, 95),
  ...range(35, 71),
];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

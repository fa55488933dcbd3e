import { isFeatureCodec, isMediaCodec, isRedCodec, isRtxCodec } from './codec-names.ts';
import type {
  RtcpParameters,
  RtpCodecParameters,
  RtpEncodingParameters,
  RtpHeaderExtensionParameters,
  RtpParameters,
} from './dictionaries.ts';
import { invalid } from './errors.ts';
import { parseCodecList, parseParameters } from './parse-codec.ts';
import {
  type Dictionary,
  dictionary,
  isDictionary,
  optionalInteger,
  optionalList,
  optionalPositive,
  optionalText,
  requiredInteger,
  requiredText,
} from './read.ts';
import { codecInRed, redOf, strangersInRed } from './red.ts';
import { isKnownExtension } from './supported.ts';

const maxSsrc = 0xffffffff;

/**
 * RtpParameters as given to `receive()`, validated and completed with defaults (§10.6–10.8), not yet
 * reduced to what the peer and the room support. @throws OrtcError
 */
export function parseRtpParameters(value: unknown): RtpParameters {
  const given = dictionary(value, '');
  const codecs = parseCodecs(given.codecs);
  const parameters: RtpParameters = {
    codecs,
    encodings: parseEncodings(given.encodings, codecs),
    headerExtensions: parseExtensions(given.headerExtensions),
    userParameters: parseUserParameters(given.userParameters),
  };
  const muxId = optionalText(given.muxId);
  if (muxId === '') throw invalid('muxId', 'is empty; leave it out or give the MID');
  if (muxId !== undefined) parameters.muxId = muxId;
  if (isDictionary(given.rtcp)) parameters.rtcp = parseRtcp(given.rtcp);
  return parameters;
}

function parseCodecs(value: unknown): RtpCodecParameters[] {
  const codecs = parseCodecList(value, 'receive', 'codecs');
  if (codecs.length === 0) throw invalid('codecs', 'is missing or empty; list at least one media codec');
  if (!codecs.some(isMediaCodec)) throw invalid('codecs', 'no media codecs found; list at least one');
  const inRed = codecInRed(codecs);
  codecs.forEach((codec, index) => {
    if (!isRedCodec(codec)) return;
    const strangers = strangersInRed(codec, codecs);
    if (strangers.length > 0) {
      throw invalid(
        `codecs.${index}.parameters`,
        `names ${strangers.join(' and ')} as blocks; give payload types of a listed audio/opus, as in "111/111"`,
      );
    }
    if (codec.parameters[''] === undefined && inRed !== undefined)
      codec.parameters = redOf(inRed.payloadType);
  });
  codecs.forEach((codec, index) => {
    if (!isRtxCodec(codec)) return;
    const target = codecs.find((other) => other.payloadType === codec.parameters.apt);
    if (target === undefined || isFeatureCodec(target)) {
      throw invalid(
        `codecs.${index}.parameters.apt`,
        `is ${codec.parameters.apt}; give the payload type of a listed media codec`,
      );
    }
  });
  return codecs;
}

function parseEncodings(value: unknown, codecs: readonly RtpCodecParameters[]): RtpEncodingParameters[] {
  const first = codecs.find(isMediaCodec)!.payloadType;
  const encodings = optionalList(value).map((item, index) => {
    const field = `encodings.${index}`;
    const encoding = parseEncoding(dictionary(item, field), field);
    if (encoding.codecPayloadType === undefined) encoding.codecPayloadType = first;
    const codec = codecs.find((entry) => entry.payloadType === encoding.codecPayloadType);
    if (codec === undefined || !isMediaCodec(codec)) {
      throw invalid(
        `${field}.codecPayloadType`,
        `is ${encoding.codecPayloadType}; give the payload type of a listed media codec`,
      );
    }
    return encoding;
  });
  if (encodings.length === 0) return [{ codecPayloadType: first, active: true }];
  refuseRepeats(encodings);
  return encodings;
}

function parseEncoding(given: Dictionary, field: string): RtpEncodingParameters {
  const encoding: RtpEncodingParameters = { active: typeof given.active === 'boolean' ? given.active : true };
  const ssrc = optionalInteger(given.ssrc, `${field}.ssrc`, 0, maxSsrc);
  if (ssrc) encoding.ssrc = ssrc;
  const payloadType = optionalInteger(given.codecPayloadType, `${field}.codecPayloadType`, 0, 127);
  if (payloadType !== undefined) encoding.codecPayloadType = payloadType;
  if (isDictionary(given.rtx)) {
    const rtxSsrc = optionalInteger(given.rtx.ssrc, `${field}.rtx.ssrc`, 0, maxSsrc);
    encoding.rtx = rtxSsrc ? { ssrc: rtxSsrc } : {};
  }
  if (isDictionary(given.fec)) {
    const mechanism = requiredText(given.fec.mechanism, `${field}.fec.mechanism`);
    const fecSsrc = optionalInteger(given.fec.ssrc, `${field}.fec.ssrc`, 0, maxSsrc);
    encoding.fec = fecSsrc ? { mechanism, ssrc: fecSsrc } : { mechanism };
  }
  const resolutionScale = optionalPositive(given.resolutionScale, `${field}.resolutionScale`);
  if (resolutionScale !== undefined && resolutionScale !== 1) encoding.resolutionScale = resolutionScale;
  const framerateScale = optionalPositive(given.framerateScale, `${field}.framerateScale`);
  if (framerateScale !== undefined && framerateScale !== 1) encoding.framerateScale = framerateScale;
  const maxFramerate = optionalPositive(given.maxFramerate, `${field}.maxFramerate`);
  if (maxFramerate !== undefined) encoding.maxFramerate = maxFramerate;
  const encodingId = optionalText(given.encodingId);
  if (encodingId !== undefined) {
    if (!/^[A-Za-z0-9_-]{1,16}$/.test(encodingId)) {
      throw invalid(`${field}.encodingId`, `is "${encodingId}"; give 1 to 16 letters or digits`);
    }
    encoding.encodingId = encodingId;
  }
  if (Array.isArray(given.dependencyEncodingIds)) {
    encoding.dependencyEncodingIds = given.dependencyEncodingIds.filter((id) => typeof id === 'string');
  }
  readWireFields(given, encoding, field);
  return encoding;
}

/** What v3 shapes know beyond v1 (§15.2). */
function readWireFields(given: Dictionary, encoding: RtpEncodingParameters, field: string): void {
  const scalabilityMode = optionalText(given.scalabilityMode);
  if (scalabilityMode) encoding.scalabilityMode = scalabilityMode;
  const maxBitrate = optionalInteger(given.maxBitrate, `${field}.maxBitrate`, 0, Number.MAX_SAFE_INTEGER);
  if (maxBitrate !== undefined) encoding.maxBitrate = maxBitrate;
  if (typeof given.dtx === 'boolean') encoding.dtx = given.dtx;
  if (typeof given.adaptivePtime === 'boolean') encoding.adaptivePtime = given.adaptivePtime;
  const priority = optionalText(given.priority);
  if (priority) encoding.priority = priority;
  const networkPriority = optionalText(given.networkPriority);
  if (networkPriority) encoding.networkPriority = networkPriority;
}

/** One SSRC or RID cannot name two streams. */
function refuseRepeats(encodings: readonly RtpEncodingParameters[]): void {
  const seen = new Map<number | string, string>();
  encodings.forEach((encoding, index) => {
    const field = `encodings.${index}`;
    const keys: [number | string | undefined, string][] = [
      [encoding.ssrc, `${field}.ssrc`],
      [encoding.rtx?.ssrc, `${field}.rtx.ssrc`],
      [encoding.fec?.ssrc, `${field}.fec.ssrc`],
      [encoding.encodingId, `${field}.encodingId`],
    ];
    for (const [key, path] of keys) {
      if (key === undefined) continue;
      const earlier = seen.get(key);
      if (earlier !== undefined)
        throw invalid(path, `${key} is already in ${earlier}; give each stream its own`);
      seen.set(key, path);
    }
  });
}

function parseExtensions(value: unknown): RtpHeaderExtensionParameters[] {
  const extensions: RtpHeaderExtensionParameters[] = [];
  optionalList(value).forEach((item, index) => {
    const field = `headerExtensions.${index}`;
    const given = dictionary(item, field);
    const uri = requiredText(given.uri, `${field}.uri`).toLowerCase();
    const id = requiredInteger(given.id, `${field}.id`, 1, 255);
    if (!isKnownExtension(uri) || extensions.some((other) => other.uri === uri)) return;
    if (extensions.some((other) => other.id === id)) {
      throw invalid(`${field}.id`, `${id} is used by another extension; give each its own`);
    }
    extensions.push({
      uri,
      id,
      encrypt: given.encrypt === true,
      parameters: parseParameters(given.parameters),
    });
  });
  return extensions;
}

function parseRtcp(given: Dictionary): RtcpParameters {
  const rtcp: RtcpParameters = {
    reducedSize: typeof given.reducedSize === 'boolean' ? given.reducedSize : true,
  };
  const cname = optionalText(given.cname);
  if (cname === '') throw invalid('rtcp.cname', 'is empty; leave it out or give a name');
  if (cname !== undefined) rtcp.cname = cname;
  const ssrc = optionalInteger(given.ssrc, 'rtcp.ssrc', 0, maxSsrc);
  if (ssrc) rtcp.ssrc = ssrc;
  return rtcp;
}

function parseUserParameters(value: unknown): Record<string, unknown> {
  if (!isDictionary(value)) return {};
  try {
    return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
  } catch {
    throw invalid('userParameters', 'cannot be written as JSON; give plain data');
  }
}

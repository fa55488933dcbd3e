import { canonicalName, isRedCodec, isRtxCodec, knownNames } from './codec-names.ts';
import type {
  MediaKind,
  Parameters,
  ParameterValue,
  RtcpFeedback,
  RtpCodecParameters,
} from './dictionaries.ts';
import { invalid } from './errors.ts';
import {
  dictionary,
  isDictionary,
  optionalInteger,
  optionalList,
  optionalText,
  requiredInteger,
  requiredText,
} from './read.ts';
import { normalizeRed } from './red.ts';

/** Where a codec stands decides which of its fields are required (§10.3). */
export type CodecScope = 'room' | 'peer' | 'receive';

/** A codec that may still lack its payload type (room scope). */
export type ParsedCodec = Omit<RtpCodecParameters, 'payloadType'> & { payloadType?: number };

/** One codec of §10.3. @throws OrtcError */
export function parseCodec(value: unknown, scope: CodecScope, field: string): ParsedCodec {
  const given = dictionary(value, field);
  const name = parseName(given.name, `${field}.name`);
  const codec: ParsedCodec = { name, clockRate: 0, rtcpFeedback: [], parameters: {} };
  if (scope !== 'receive') codec.kind = parseKind(given.kind, `${field}.kind`, scope === 'room');

  const payloadType =
    scope === 'room'
      ? optionalInteger(given.payloadType, `${field}.payloadType`, 0, 127)
      : requiredInteger(given.payloadType, `${field}.payloadType`, 0, 127);
  if (payloadType !== undefined) codec.payloadType = payloadType;
  codec.clockRate = requiredInteger(given.clockRate, `${field}.clockRate`, 1, 0xffffffff);

  let numChannels = Number.isInteger(given.numChannels) ? (given.numChannels as number) : 1;
  if ((name === 'audio/opus' || name === 'audio/red') && numChannels < 2) numChannels = 2;
  if (numChannels > 1) codec.numChannels = numChannels;
  if (Number.isInteger(given.maxptime) && given.maxptime !== 0) codec.maxptime = given.maxptime as number;
  if (Number.isInteger(given.ptime) && given.ptime !== 0) codec.ptime = given.ptime as number;

  codec.parameters = parseParameters(given.parameters);
  if (isRedCodec(codec)) codec.parameters = normalizeRed(codec.parameters);
  else delete codec.parameters[''];
  codec.rtcpFeedback = optionalList(given.rtcpFeedback).map((item, index) =>
    parseFeedback(item, `${field}.rtcpFeedback.${index}`),
  );
  if (isRtxCodec(codec)) {
    codec.parameters.apt = requiredInteger(codec.parameters.apt, `${field}.parameters.apt`, 0, 127);
  }
  if (name === 'video/H264') {
    const mode = Number(codec.parameters.packetizationMode ?? 0);
    codec.parameters.packetizationMode = Number.isInteger(mode) ? mode : 0;
  }
  return codec;
}

/** A list of codecs that all have payload types, each used once. @throws OrtcError */
export function parseCodecList(
  value: unknown,
  scope: 'peer' | 'receive',
  field: string,
): RtpCodecParameters[] {
  const codecs = optionalList(value).map((item, index) => {
    const codec = parseCodec(item, scope, `${field}.${index}`);
    return { ...codec, payloadType: codec.payloadType! };
  });
  const seen = new Set<number>();
  codecs.forEach((codec, index) => {
    if (seen.has(codec.payloadType)) {
      throw invalid(
        `${field}.${index}.payloadType`,
        `duplicated codec.payloadType ${codec.payloadType}; give each codec its own`,
      );
    }
    seen.add(codec.payloadType);
  });
  return codecs;
}

/** `kind` of a dictionary, in any case (§10.1). @throws OrtcError */
export function parseKind(value: unknown, field: string, allowAll: boolean): MediaKind | '' {
  const kind = typeof value === 'string' ? value.toLowerCase() : undefined;
  if (kind === 'audio' || kind === 'video' || kind === 'depth') return kind;
  if (kind === '' && allowAll) return kind;
  throw invalid(field, `must be "audio", "video" or "depth"${allowAll ? ', or "" for all' : ''}`);
}

/** Codec or extension parameters: values of other types are dropped (§10.3). */
export function parseParameters(value: unknown): Parameters {
  const parameters: Parameters = {};
  if (!isDictionary(value)) return parameters;
  for (const [name, item] of Object.entries(value)) {
    // JSON.parse makes `__proto__` an own key; assigning it would replace the prototype.
    if (name !== '__proto__' && isParameterValue(item)) {
      parameters[name] = Array.isArray(item) ? [...item] : item;
    }
  }
  return parameters;
}

function parseName(value: unknown, field: string): string {
  const name = requiredText(value, field);
  const canonical = canonicalName(name);
  if (canonical !== undefined) return canonical;
  if (!/^[^/]+\/.+$/.test(name))
    throw invalid(field, `is "${name}"; write it as type/subtype, like audio/opus`);
  throw invalid(field, `"${name}" is not known; use one of ${knownNames.join(', ')}`);
}

function parseFeedback(value: unknown, field: string): RtcpFeedback {
  const given = dictionary(value, field);
  return {
    type: requiredText(given.type, `${field}.type`),
    parameter: optionalText(given.parameter) || null,
  };
}

function isParameterValue(value: unknown): value is ParameterValue {
  if (typeof value === 'boolean' || typeof value === 'string') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  return Array.isArray(value) && value.every((item) => Number.isInteger(item));
}

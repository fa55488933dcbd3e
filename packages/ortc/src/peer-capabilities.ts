import { codecMatches, kindMatches } from './codec-match.ts';
import { isFeatureCodec, isRedCodec, isRtxCodec } from './codec-names.ts';
import type {
  RtcpFeedback,
  RtpCapabilities,
  RtpCodecParameters,
  RtpHeaderExtension,
} from './dictionaries.ts';
import { parseCodecList, parseKind } from './parse-codec.ts';
import { dictionary, optionalList, requiredInteger, requiredText } from './read.ts';
import { withoutIdleRed } from './red.ts';
import { rtxOf } from './room-capabilities.ts';
import { isKnownExtension } from './supported.ts';

/**
 * A peer's capabilities, validated (§10.2, scope "peer"). Unknown header extensions are dropped.
 * @throws TypeError if it is not an object (D-11)
 * @throws OrtcError if a field is wrong
 */
export function parsePeerCapabilities(value: unknown): RtpCapabilities {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError('capabilities must be an object with codecs and headerExtensions');
  }
  const given = dictionary(value, '');
  return {
    codecs: parseCodecList(given.codecs, 'peer', 'codecs'),
    headerExtensions: parseExtensions(given.headerExtensions),
    fecMechanisms: optionalList(given.fecMechanisms).map((item, index) =>
      requiredText(item, `fecMechanisms.${index}`),
    ),
  };
}

export interface EffectiveOptions {
  /**
   * `room` (default) keeps only the feedback that the room has too. `peer` keeps what the peer listed:
   * `receive()` is compared with that, since the endpoint's parameters are its own (D-33).
   */
  readonly feedback?: 'room' | 'peer';
}

/**
 * A peer's capabilities reduced to what the room has (§11.4, D-30…D-32): its codecs in its order with the
 * room's payload types, then the room's RTX codecs of those for which the peer listed RTX.
 */
export function effectivePeerCapabilities(
  room: RtpCapabilities,
  peer: RtpCapabilities,
  { feedback = 'room' }: EffectiveOptions = {},
): RtpCapabilities {
  const codecs: RtpCodecParameters[] = [];
  const repairs: RtpCodecParameters[] = [];
  for (const codec of peer.codecs) {
    if (isFeatureCodec(codec)) continue;
    const match = room.codecs.find(
      (entry) => !isRtxCodec(entry) && kindMatches(codec.kind, entry.kind) && codecMatches(codec, entry),
    );
    if (match === undefined || codecs.some((kept) => kept.payloadType === match.payloadType)) continue;
    codecs.push({
      ...structuredClone(codec),
      payloadType: match.payloadType,
      // It names payload types, which are the room's from here on.
      ...(isRedCodec(match) ? { parameters: structuredClone(match.parameters) } : {}),
      rtcpFeedback:
        feedback === 'room'
          ? commonFeedback(codec.rtcpFeedback, match.rtcpFeedback)
          : [...codec.rtcpFeedback],
    });
    const rtx = rtxOf(room.codecs, match.payloadType);
    if (rtx !== undefined && rtxOf(peer.codecs, codec.payloadType) !== undefined) {
      repairs.push({ ...structuredClone(rtx), kind: codec.kind ?? '' });
    }
  }
  return {
    codecs: [...withoutIdleRed(codecs), ...repairs],
    headerExtensions: effectiveExtensions(room, peer),
    fecMechanisms: peer.fecMechanisms.filter((mechanism) => room.fecMechanisms.includes(mechanism)),
  };
}

/** Items of the first list that are in the second one too; missing and empty parameters are equal. */
export function commonFeedback(
  items: readonly RtcpFeedback[],
  others: readonly RtcpFeedback[],
): RtcpFeedback[] {
  return items
    .filter((item) =>
      others.some((other) => other.type === item.type && (other.parameter ?? '') === (item.parameter ?? '')),
    )
    .map((item) => ({ ...item }));
}

/** The room's entry for a URI, the one of this kind if the kinds differ. */
export function roomExtension(
  room: RtpCapabilities,
  uri: string,
  kind: RtpHeaderExtension['kind'],
): RtpHeaderExtension | undefined {
  const sameUri = room.headerExtensions.filter((entry) => entry.uri === uri);
  return sameUri.find((entry) => kindMatches(entry.kind, kind)) ?? sameUri[0];
}

function effectiveExtensions(room: RtpCapabilities, peer: RtpCapabilities): RtpHeaderExtension[] {
  const result: RtpHeaderExtension[] = [];
  for (const extension of peer.headerExtensions) {
    const match = roomExtension(room, extension.uri, extension.kind);
    if (match === undefined) continue;
    if (result.some((kept) => kept.uri === match.uri && kept.kind === extension.kind)) continue;
    result.push({
      kind: extension.kind,
      uri: match.uri,
      preferredId: match.preferredId,
      preferredEncrypt: match.preferredEncrypt,
      direction: match.direction,
    });
  }
  return result;
}

function parseExtensions(value: unknown): RtpHeaderExtension[] {
  const extensions: RtpHeaderExtension[] = [];
  optionalList(value).forEach((item, index) => {
    const field = `headerExtensions.${index}`;
    const given = dictionary(item, field);
    const uri = requiredText(given.uri, `${field}.uri`).toLowerCase();
    const kind =
      given.kind === undefined || given.kind === null ? '' : parseKind(given.kind, `${field}.kind`, true);
    const preferredId = requiredInteger(given.preferredId, `${field}.preferredId`, 1, 255);
    if (!isKnownExtension(uri)) return;
    const direction = directions.find((entry) => entry === given.direction) ?? 'sendrecv';
    extensions.push({ kind, uri, preferredId, preferredEncrypt: given.preferredEncrypt === true, direction });
  });
  return extensions;
}

const directions = ['sendrecv', 'sendonly', 'recvonly', 'inactive'] as const;

import type { WireRtpCodecParameters, WireRtpEncoding, WireRtpParameters } from '@weir/protocol';
import type { RtpCodecParameters, RtpEncodingParameters, RtpParameters } from './dictionaries.ts';
import {
  feedbackFromWire,
  feedbackToWire,
  parametersFromWire,
  parametersToWire,
} from './wire-capabilities.ts';

/** RtpParameters in mediasoup-client's shape (§15.2), for `consume()` and answers. */
export function rtpParametersToWire(params: RtpParameters): WireRtpParameters {
  const { msid } = params.userParameters;
  return {
    ...(params.muxId === undefined ? {} : { mid: params.muxId }),
    codecs: params.codecs.map(codecToWire),
    headerExtensions: params.headerExtensions.map(({ uri, id, encrypt, parameters }) => ({
      uri,
      id,
      encrypt,
      parameters: parametersToWire(parameters),
    })),
    encodings: params.encodings.map(encodingToWire),
    rtcp: {
      ...(params.rtcp?.cname === undefined ? {} : { cname: params.rtcp.cname }),
      reducedSize: params.rtcp?.reducedSize ?? true,
      mux: true,
    },
    ...(typeof msid === 'string' ? { msid } : {}),
  };
}

/**
 * What a client's `produce` gave, as the argument of `receive()`. An empty cname is left out (the model
 * refuses it); `msid` is kept in `userParameters` for the viewers.
 */
export function rtpParametersFromWire(wire: WireRtpParameters): RtpParameters {
  return {
    ...(wire.mid === undefined ? {} : { muxId: wire.mid }),
    codecs: wire.codecs.map(codecFromWire),
    encodings: (wire.encodings ?? []).map(encodingFromWire),
    headerExtensions: (wire.headerExtensions ?? []).map(({ uri, id, encrypt, parameters }) => ({
      uri,
      id,
      encrypt: encrypt ?? false,
      parameters: parametersFromWire(parameters),
    })),
    ...(wire.rtcp === undefined
      ? {}
      : {
          rtcp: {
            ...(wire.rtcp.cname ? { cname: wire.rtcp.cname } : {}),
            reducedSize: wire.rtcp.reducedSize ?? true,
          },
        }),
    userParameters: wire.msid === undefined ? {} : { msid: wire.msid },
  };
}

/**
 * Translates the path of an `OrtcError` into the words of the wire: `codecs.0.name` becomes
 * `codecs.0.mimeType`. With `capabilities`, payload types are the preferred ones.
 */
export function fieldToWire(field: string, dictionary: 'capabilities' | 'parameters' = 'parameters'): string {
  return field
    .split('.')
    .map((part, index, parts) => {
      const list = parts[index - 2];
      if (list === 'codecs' || list === 'mediaCodecs') {
        if (part === 'payloadType' && dictionary === 'capabilities') return 'preferredPayloadType';
        return { name: 'mimeType', numChannels: 'channels' }[part] ?? part;
      }
      if (list === 'encodings')
        return { encodingId: 'rid', resolutionScale: 'scaleResolutionDownBy' }[part] ?? part;
      return part === 'muxId' ? 'mid' : part;
    })
    .join('.');
}

function codecToWire(codec: RtpCodecParameters): WireRtpCodecParameters {
  return {
    mimeType: codec.name,
    payloadType: codec.payloadType,
    clockRate: codec.clockRate,
    ...(codec.name.startsWith('audio/') ? { channels: codec.numChannels ?? 1 } : {}),
    parameters: parametersToWire(codec.parameters),
    rtcpFeedback: feedbackToWire(codec.rtcpFeedback),
  };
}

function codecFromWire(wire: WireRtpCodecParameters): RtpCodecParameters {
  return {
    name: wire.mimeType,
    payloadType: wire.payloadType,
    clockRate: wire.clockRate,
    ...(wire.channels === undefined ? {} : { numChannels: wire.channels }),
    rtcpFeedback: feedbackFromWire(wire.rtcpFeedback),
    parameters: parametersFromWire(wire.parameters),
  };
}

function encodingToWire(encoding: RtpEncodingParameters): WireRtpEncoding {
  return {
    ...(encoding.ssrc === undefined ? {} : { ssrc: encoding.ssrc }),
    ...(encoding.encodingId === undefined ? {} : { rid: encoding.encodingId }),
    ...(encoding.codecPayloadType === undefined ? {} : { codecPayloadType: encoding.codecPayloadType }),
    // Without a number mediasoup-client refuses it.
    ...(encoding.rtx?.ssrc === undefined ? {} : { rtx: { ssrc: encoding.rtx.ssrc } }),
    ...(encoding.dtx === undefined ? {} : { dtx: encoding.dtx }),
    active: encoding.active,
    ...(encoding.scalabilityMode === undefined ? {} : { scalabilityMode: encoding.scalabilityMode }),
    ...(encoding.resolutionScale === undefined ? {} : { scaleResolutionDownBy: encoding.resolutionScale }),
    ...(encoding.maxBitrate === undefined ? {} : { maxBitrate: encoding.maxBitrate }),
    ...(encoding.maxFramerate === undefined ? {} : { maxFramerate: encoding.maxFramerate }),
    ...(encoding.adaptivePtime === undefined ? {} : { adaptivePtime: encoding.adaptivePtime }),
    ...(isPriority(encoding.priority) ? { priority: encoding.priority } : {}),
    ...(isPriority(encoding.networkPriority) ? { networkPriority: encoding.networkPriority } : {}),
  };
}

function encodingFromWire(wire: WireRtpEncoding): RtpEncodingParameters {
  return {
    ...(wire.ssrc === undefined ? {} : { ssrc: wire.ssrc }),
    ...(wire.codecPayloadType === undefined ? {} : { codecPayloadType: wire.codecPayloadType }),
    ...(wire.rtx === undefined ? {} : { rtx: { ssrc: wire.rtx.ssrc } }),
    ...(wire.scaleResolutionDownBy === undefined ? {} : { resolutionScale: wire.scaleResolutionDownBy }),
    ...(wire.maxFramerate === undefined ? {} : { maxFramerate: wire.maxFramerate }),
    active: wire.active ?? true,
    ...(wire.rid === undefined ? {} : { encodingId: wire.rid }),
    ...(wire.scalabilityMode === undefined ? {} : { scalabilityMode: wire.scalabilityMode }),
    ...(wire.maxBitrate === undefined ? {} : { maxBitrate: wire.maxBitrate }),
    ...(wire.dtx === undefined ? {} : { dtx: wire.dtx }),
    ...(wire.adaptivePtime === undefined ? {} : { adaptivePtime: wire.adaptivePtime }),
    ...(wire.priority === undefined ? {} : { priority: wire.priority }),
    ...(wire.networkPriority === undefined ? {} : { networkPriority: wire.networkPriority }),
  };
}

type Priority = NonNullable<WireRtpEncoding['priority']>;

function isPriority(value: string | undefined): value is Priority {
  return value === 'very-low' || value === 'low' || value === 'medium' || value === 'high';
}

import {
  isRtxCodec,
  type RtcpFeedback,
  type RtpCapabilities,
  type RtpCodecParameters,
  type RtpEncodingParameters,
} from '@weir/ortc';
import type { CodecSpec, FeedbackSpec, ReceiverSpec, SenderSpec, TransportSpec } from '@weir/protocol';
import { defaultCname, isActive } from './sender-state.ts';
import type { ReceiverRecord, SenderRecord, TransportRecord } from './state.ts';

/** What the media side must know of an object, made from its record. */

export function transportSpec(transport: TransportRecord): TransportSpec {
  const { id, peerId, plain, maxIncomingBitrate } = transport;
  if (plain !== undefined) {
    const { comedia, rtcpMux, remote } = plain;
    return {
      id,
      type: 'plain',
      peerId,
      comedia,
      rtcpMux,
      ...(remote === undefined ? {} : { remote: { ...remote } }),
      maxIncomingBitrate,
    };
  }
  const { dtlsLocalRole, dtlsRemoteFingerprint } = transport;
  return {
    id,
    type: 'webrtc',
    peerId,
    ice: transport.ice,
    ...(transport.previousIce === undefined ? {} : { previousIce: transport.previousIce }),
    ...(dtlsLocalRole === 'auto' || dtlsRemoteFingerprint === undefined
      ? {}
      : { dtls: { localRole: dtlsLocalRole, remoteFingerprint: dtlsRemoteFingerprint } }),
    udp: transport.udp,
    tcp: transport.tcp,
    maxIncomingBitrate,
    maxOutgoingBitrate: transport.maxOutgoingBitrate,
    minOutgoingBitrate: transport.minOutgoingBitrate,
    initialOutgoingBitrate: transport.initialOutgoingBitrate,
  };
}

/** Undefined until `receive()` succeeded: there is nothing to listen for. */
export function receiverSpec(
  room: RtpCapabilities,
  receiver: Omit<ReceiverRecord, 'next'>,
): ReceiverSpec | undefined {
  const params = receiver.rtpParameters;
  if (params === undefined) return undefined;
  return {
    id: receiver.id,
    peerId: receiver.peerId,
    transportId: receiver.transportId,
    kind: receiver.kind,
    ...(params.muxId === undefined ? {} : { mid: params.muxId }),
    codecs: params.codecs.map((codec) => {
      const roomPayloadType = receiver.payloadTypes[codec.payloadType]!;
      const roomCodec = room.codecs.find((entry) => entry.payloadType === roomPayloadType);
      return codecSpec(codec, roomPayloadType, roomCodec?.rtcpFeedback ?? []);
    }),
    headerExtensions: params.headerExtensions.map(({ uri, id }) => ({ uri, id })),
    encodings: params.encodings.map((encoding) => ({
      ...(encoding.ssrc === undefined ? {} : { ssrc: encoding.ssrc }),
      ...(encoding.encodingId === undefined ? {} : { rid: encoding.encodingId }),
      ...(encoding.rtx?.ssrc === undefined ? {} : { rtxSsrc: encoding.rtx.ssrc }),
      ...(encoding.codecPayloadType === undefined ? {} : { codecPayloadType: encoding.codecPayloadType }),
      ...(encoding.scalabilityMode === undefined ? {} : { scalabilityMode: encoding.scalabilityMode }),
      ...dtxOf(encoding, params.codecs),
      ...(encoding.maxBitrate === undefined ? {} : { maxBitrate: encoding.maxBitrate }),
    })),
    cname: params.rtcp?.cname ?? defaultCname(receiver.peerId),
    paused: receiver.paused,
    keyFrameRequestDelayMs: receiver.keyFrameRequestDelayMs,
    ...(receiver.alwaysForward ? { alwaysForward: true } : {}),
  };
}

/** Clients say it in the encoding or, as browsers do, in the parameters of the codec (RFC 7587 §6.1). */
function dtxOf(
  { dtx, codecPayloadType }: RtpEncodingParameters,
  codecs: readonly RtpCodecParameters[],
): { dtx?: boolean } {
  const codec = codecs.find(({ payloadType }) => payloadType === codecPayloadType);
  if (dtx || Number(codec?.parameters.useDtx) === 1) return { dtx: true };
  return dtx === undefined ? {} : { dtx };
}

export function senderSpec(
  sender: Omit<SenderRecord, 'next'>,
  receiver: Pick<ReceiverRecord, 'kind' | 'peerId'>,
): SenderSpec {
  const params = sender.rtpParameters;
  const rtxSsrc = params.encodings[0]?.rtx?.ssrc;
  return {
    id: sender.id,
    peerId: sender.peerId,
    receiverId: sender.receiverId,
    transportId: sender.transportId,
    kind: receiver.kind,
    ...(sender.mid === undefined ? {} : { mid: sender.mid }),
    ssrc: sender.ssrc,
    ...(rtxSsrc === undefined ? {} : { rtxSsrc }),
    codecs: params.codecs.map((codec) => codecSpec(codec, codec.payloadType, codec.rtcpFeedback)),
    headerExtensions: params.headerExtensions.map(({ uri, id }) => ({ uri, id })),
    cname: params.rtcp?.cname ?? defaultCname(receiver.peerId),
    active: isActive(sender),
    ...(sender.preferredLayers === undefined ? {} : { preferredLayers: sender.preferredLayers }),
    priority: sender.priority,
    ...(sender.hysteresis === undefined ? {} : { hysteresis: sender.hysteresis }),
  };
}

/** `supported`: feedback that this room knows for the codec; what an endpoint lists beyond is not used. */
function codecSpec(
  codec: RtpCodecParameters,
  roomPayloadType: number,
  supported: readonly RtcpFeedback[],
): CodecSpec {
  return {
    payloadType: codec.payloadType,
    roomPayloadType,
    mimeType: codec.name,
    clockRate: codec.clockRate,
    channels: codec.numChannels ?? 1,
    ...(isRtxCodec(codec) ? { apt: Number(codec.parameters.apt) } : {}),
    feedback: feedbackSpec(codec.rtcpFeedback, supported),
  };
}

function feedbackSpec(given: readonly RtcpFeedback[], supported: readonly RtcpFeedback[]): FeedbackSpec {
  const both = (type: string, parameter = '') =>
    [given, supported].every((list) =>
      list.some((item) => item.type === type && (item.parameter ?? '') === parameter),
    );
  return {
    nack: both('nack'),
    pli: both('nack', 'pli'),
    fir: both('ccm', 'fir'),
    remb: both('goog-remb'),
    transportCc: both('transport-cc'),
  };
}

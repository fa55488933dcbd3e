import type { ForwardingRoom, ForwardingTransport, Receiver, ReceiveStream, Sender } from '@weir/forwarding';
import type { InspectAnswer, InspectRequest, TransportTuple } from '@weir/protocol';
import type { Remote } from '@weir/secure-transport';
import type { WorkerCertificate } from './contract.ts';
import { explainSender } from './explain.ts';
import type { PlainTransport } from './plain-transports.ts';
import type { WebRtcTransport } from './webrtc-transports.ts';

/** Where inspection looks. */
export interface Inspected {
  readonly room: ForwardingRoom | undefined;
  webrtc(id: number): WebRtcTransport | undefined;
  plain(id: number): PlainTransport | undefined;
  tuple(remote: Remote): TransportTuple;
  readonly fingerprints: WorkerCertificate['fingerprints'];
}

type Fields = Record<string, unknown>;

/** Statistics in the names of mediasoup v3, the internals of object-model.md §12, or why senders forward what they forward. */
export function inspectRoom(request: InspectRequest, now: number, from: Inspected): InspectAnswer {
  const { room } = from;
  const answer: InspectAnswer = { transports: {}, receivers: {}, senders: {} };
  if (room === undefined) return answer;
  if (request.what === 'explain') {
    for (const id of request.senders) {
      const sender = room.senders.get(id);
      const explanation = sender === undefined ? undefined : explainSender(sender, now);
      if (explanation !== undefined) answer.senders[id] = [{ ...explanation }];
    }
    return answer;
  }
  const stats = request.what === 'stats';
  const timestamp = room.forwarder.unixMs(now);
  for (const id of request.transports) {
    const transport = room.transports.get(id);
    if (transport === undefined) continue;
    answer.transports[id] = stats
      ? transportStats(transport, timestamp, from)
      : transportDump(transport, from);
  }
  for (const id of request.receivers) {
    const receiver = room.receivers.get(id);
    if (receiver === undefined) continue;
    answer.receivers[id] = stats
      ? receiver.streams
          .filter((stream) => stream.packets > 0)
          .map((stream) => inboundStats(receiver, stream, timestamp))
      : [receiverDump(receiver)];
  }
  for (const id of request.senders) {
    const sender = room.senders.get(id);
    if (sender === undefined) continue;
    answer.senders[id] = stats ? senderStats(sender, timestamp) : [senderDump(sender)];
  }
  return answer;
}

function transportStats(transport: ForwardingTransport, timestamp: number, from: Inspected): Fields {
  const webrtc = from.webrtc(transport.id);
  const plain = from.plain(transport.id);
  return {
    type: webrtc === undefined ? 'plain-rtp-transport' : 'webrtc-transport',
    transportId: String(transport.id),
    timestamp,
    ...(webrtc === undefined
      ? { rtcpMux: plain?.spec.rtcpMux ?? true, comedia: plain?.spec.comedia ?? false }
      : {
          iceRole: 'controlled',
          iceState: webrtc.iceState,
          dtlsState: webrtc.dtlsState,
          ...(webrtc.selected === undefined ? {} : { iceSelectedTuple: from.tuple(webrtc.selected) }),
        }),
    bytesReceived: transport.receivedBytes,
    recvBitrate: transport.receivedBps,
    bytesSent: transport.sentBytes,
    sendBitrate: transport.sentBps,
    packetsReceived: transport.receivedPackets,
    packetsSent: transport.sentPackets,
    rtpBytesReceived: transport.receivedBytes - transport.rtxReceivedBytes,
    rtpRecvBitrate: transport.receivedBps - transport.rtxReceivedBps,
    rtpBytesSent: transport.sentBytes - transport.rtxSentBytes,
    rtpSendBitrate: transport.sentBps - transport.rtxSentBps,
    rtxBytesReceived: transport.rtxReceivedBytes,
    rtxBytesSent: transport.rtxSentBytes,
    rtxRecvBitrate: transport.rtxReceivedBps,
    rtxSendBitrate: transport.rtxSentBps,
    packetsUnmatched: transport.unmatchedPackets,
    roundTripTime: transport.rttMs,
    ...(Number.isFinite(transport.outgoing.availableBps)
      ? { availableOutgoingBitrate: Math.round(transport.outgoing.availableBps) }
      : {}),
    probationBytesSent: transport.probeSentBytes,
    ...(transport.toldRembBps > 0 ? { availableIncomingBitrate: transport.toldRembBps } : {}),
    ...(transport.incomingBitrate.maxBps > 0 ? { maxIncomingBitrate: transport.incomingBitrate.maxBps } : {}),
    ...outgoingLimits(webrtc),
    remoteFractionLost: transport.remoteLossFraction,
  };
}

function outgoingLimits(transport: WebRtcTransport | undefined): Fields {
  const { maxOutgoingBitrate = 0, minOutgoingBitrate = 0 } = transport?.spec ?? {};
  return {
    ...(maxOutgoingBitrate > 0 ? { maxOutgoingBitrate } : {}),
    ...(minOutgoingBitrate > 0 ? { minOutgoingBitrate } : {}),
  };
}

/** As mediasoup v3 `inbound-rtp`. */
function inboundStats(receiver: Receiver, stream: ReceiveStream, timestamp: number): Fields {
  return {
    type: 'inbound-rtp',
    timestamp,
    ssrc: stream.ssrc,
    ...(stream.rtxSsrc === 0 ? {} : { rtxSsrc: stream.rtxSsrc }),
    ...(stream.rid === undefined ? {} : { rid: stream.rid }),
    encodingIdx: stream.encodingIdx,
    kind: receiver.spec.kind,
    mimeType: stream.mimeType,
    packetsLost: stream.packetsLost,
    fractionLost: Math.round(stream.fractionLost * 255),
    packetsDiscarded: stream.discarded,
    packetsRetransmitted: stream.retransmitted,
    packetsRepaired: stream.repaired,
    nackCount: stream.nackCount,
    nackPacketCount: stream.nackPackets,
    pliCount: stream.pliCount,
    firCount: stream.firCount,
    keyFrameCount: stream.keyFrameCount,
    score: stream.score.value,
    packetCount: stream.packets,
    byteCount: stream.bytes,
    bitrate: stream.bitrateBps,
    ...(receiver.video && stream.layerRates.known ? { bitrateByLayer: bitrateByLayer(stream) } : {}),
    jitter: stream.jitter,
    ...(receiver.loudness === undefined
      ? {}
      : { amongLoudest: !receiver.heldBack, packetsHeldBack: receiver.packetsHeldBack }),
  };
}

/** Bits per second up to each layer, by `spatial.temporal`. */
function bitrateByLayer({ layerRates }: ReceiveStream): Record<string, number> {
  const rates: Record<string, number> = {};
  for (let spatial = 0; spatial <= layerRates.maxSpatial; spatial++) {
    for (let temporal = 0; temporal <= layerRates.maxTemporal; temporal++) {
      rates[`${spatial}.${temporal}`] = Math.round(layerRates.bps(spatial, temporal));
    }
  }
  return rates;
}

/** `outbound-rtp` and the `inbound-rtp` of the stream it takes from. */
function senderStats(sender: Sender, timestamp: number): Fields[] {
  const { receiver } = sender;
  const stream = sender.openStream ?? sender.targetStream;
  const own: Fields = {
    type: 'outbound-rtp',
    timestamp,
    ssrc: sender.spec.ssrc,
    ...(sender.spec.rtxSsrc === undefined ? {} : { rtxSsrc: sender.spec.rtxSsrc }),
    kind: sender.spec.kind,
    mimeType: sender.codecs.first?.mimeType ?? '',
    packetsLost: sender.remotePacketsLost,
    fractionLost: Math.round(sender.remoteFractionLost * 255),
    packetsRetransmitted: sender.rtxPackets,
    retransmissionsMissed: sender.resendMisses,
    nackCount: sender.nackCount,
    nackPacketCount: sender.nackedPackets,
    pliCount: sender.pliCount,
    firCount: sender.firCount,
    cachedKeyFrameCount: sender.keyFrames.replays,
    score: sender.score.value,
    roundTripTime: sender.rttMs,
    packetCount: sender.packets,
    byteCount: sender.bytes,
    bitrate: sender.bitrateBps,
    ...(receiver?.layered && stream !== undefined ? { currentSpatialLayer: stream.encodingIdx } : {}),
  };
  if (receiver === undefined || stream === undefined) return [own];
  return [own, inboundStats(receiver, stream, timestamp)];
}

function transportDump(transport: ForwardingTransport, from: Inspected): Fields {
  const webrtc = from.webrtc(transport.id);
  const plain = from.plain(transport.id);
  return {
    transportId: transport.id,
    ...(webrtc === undefined
      ? {
          rtcpMux: plain?.spec.rtcpMux ?? true,
          comedia: plain?.spec.comedia ?? false,
          ...(plain?.rtp === undefined
            ? {}
            : { tuple: { remoteIP: plain.rtp.ip, remotePort: plain.rtp.port, protocol: 'udp' } }),
        }
      : {
          iceRole: 'controlled',
          iceLocalParameters: webrtc.spec.ice,
          ...(webrtc.selected === undefined ? {} : { iceSelectedTuple: from.tuple(webrtc.selected) }),
          iceState: webrtc.iceState,
          dtlsLocalParameters: {
            role: webrtc.spec.dtls?.localRole ?? 'auto',
            fingerprints: Object.fromEntries(from.fingerprints.map((f) => [f.algorithm, f.value])),
          },
          dtlsState: webrtc.dtlsState,
        }),
    useRemb: transport.useRemb,
    maxBitrate: transport.incomingBitrate.maxBps,
    effectiveMaxBitrate: transport.toldRembBps,
    rtpListener: transport.listener.dump(),
    outgoing: outgoingDump(transport),
  };
}

/** Why the transport sends what it sends; what JSON can't say is left out. */
function outgoingDump(transport: ForwardingTransport): Fields {
  return Object.fromEntries(
    Object.entries(transport.outgoing.explain()).filter(
      ([, value]) => typeof value !== 'number' || Number.isFinite(value),
    ),
  );
}

function receiverDump(receiver: Receiver): Fields {
  return {
    rtpReceiverId: receiver.id,
    kind: receiver.spec.kind,
    hasTransport: receiver.transport !== undefined,
    paused: receiver.paused,
    rtpStreams: receiver.streams
      .filter((stream) => stream.ssrc !== 0)
      .map((stream) => ({
        params: {
          ssrc: stream.ssrc,
          payloadType: stream.payloadType,
          mime: stream.mimeType,
          clockRate: stream.clockRate,
          useNack: stream.feedback.nack,
          usePli: stream.feedback.pli,
          ssrcAudioLevelId: receiver.audioLevelId,
          absSendTimeId: receiver.absSendTimeId,
        },
        received: stream.packets,
        maxTimestamp: stream.newestTimestamp,
        transit: stream.transit,
        jitter: stream.jitter,
      })),
  };
}

function senderDump(sender: Sender): Fields {
  const stream = sender.openStream;
  return {
    rtpSenderId: sender.id,
    kind: sender.spec.kind,
    hasTransport: sender.transport !== undefined,
    active: sender.spec.active,
    supportedPayloadTypes: sender.codecs.supported,
    ...(sender.video ? { layers: sender.transport?.outgoing.explainSender(sender) ?? null } : {}),
    ...(stream === undefined
      ? {}
      : {
          rtpStream: {
            params: {
              ssrc: sender.spec.ssrc,
              payloadType: sender.codecs.first?.payloadType ?? 0,
              mime: stream.mimeType,
              clockRate: stream.clockRate,
              useNack: sender.codecs.nack,
              usePli: sender.codecs.first?.feedback.pli ?? false,
              ssrcAudioLevelId: sender.audioLevelId,
              absSendTimeId: sender.profile?.absSendTimeId ?? 0,
            },
            received: sender.packets,
            maxTimestamp: (stream.newestTimestamp + sender.segment.timestampOffset) >>> 0,
            receivedBytes: sender.bytes,
            rtt: sender.rttMs,
          },
        }),
  };
}

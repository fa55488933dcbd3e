import { candidatesOf, type ForwardingTransport, type ReceiveStream, type Sender } from '@weir/forwarding';
import type { BandwidthExplanation, LayersSpec, MediaExplanation, SourceLayer } from '@weir/protocol';

/** Why a sender forwards what it forwards; `undefined` while it is bound to no transport. */
export function explainSender(sender: Sender, now: number): MediaExplanation | undefined {
  const { transport } = sender;
  if (transport === undefined) return undefined;
  const candidates = candidatesOf(sender).map(({ spatialLayer, temporalLayer, bps }) => ({
    spatialLayer,
    temporalLayer,
    bitrateBps: Math.round(bps),
  }));
  const member = sender.allocation;
  const chosen = transport.outgoing.limited && member.options.length > 0;
  const allocated = allocatedOf(sender, chosen, candidates.at(-1));
  const current = currentOf(sender);
  const awaits = awaitsKeyFrame(sender, allocated, current);
  const wantedSince = sender.targetStream?.keyFrames.wanted
    ? sender.targetStream.keyFrames.wantedSince
    : Number.NaN;
  return {
    connected: transport.ready,
    ...(sender.receiver?.heldBack ? { heldBack: true } : {}),
    transport: explainBandwidth(transport),
    source: sourceOf(sender),
    candidates,
    allocated,
    current,
    allocatedBps: Math.round(chosen ? member.bps : allocated === null ? 0 : sender.bitrateBps),
    limit: chosen ? member.limit : 'none',
    ...(chosen && Number.isFinite(member.neededBps) ? { neededBps: Math.ceil(member.neededBps) } : {}),
    ...(chosen && member.limit === 'hysteresis'
      ? { retryInMs: Math.max(0, Math.round(member.blockedUntil - now)) }
      : {}),
    awaitsKeyFrame: awaits,
    ...(awaits && !Number.isNaN(wantedSince)
      ? { keyFrameWantedForMs: Math.max(0, Math.round(now - wantedSince)) }
      : {}),
  };
}

export function explainBandwidth(transport: ForwardingTransport): BandwidthExplanation {
  const told = transport.outgoing.explain();
  const { estimateBps, availableBps, limit } = told;
  const { held, heldMs } = transport.pace;
  return {
    ...(estimateBps !== undefined && Number.isFinite(estimateBps)
      ? { estimateBps: Math.round(estimateBps) }
      : {}),
    ...(Number.isFinite(availableBps) ? { availableBps: Math.round(availableBps) } : {}),
    limit: limit as BandwidthExplanation['limit'],
    acknowledgedBps: Math.round(told.acknowledgedBps),
    allocatedBps: Math.round(told.allocatedBps),
    wantedBps: Math.round(told.wantedBps),
    queueMs: Math.max(0, Math.round(told.queueMs)),
    lossFraction: Math.min(1, Math.max(0, told.lossFraction)),
    rttMs: Math.max(0, Math.round(told.rttMs)),
    ...(held > 0 ? { paced: { packets: held, averageMs: Math.round(heldMs / held) } } : {}),
  };
}

/** What the bitrate allows; without layers to choose from, all there is. */
function allocatedOf(sender: Sender, chosen: boolean, best: LayersSpec | undefined): LayersSpec | null {
  if (!sender.video || best === undefined) return null;
  const member = sender.allocation;
  if (chosen) {
    if (member.spatialLayer < 0) return null;
    return { spatialLayer: member.spatialLayer, temporalLayer: member.temporalLayer };
  }
  const { target } = sender.selector;
  if (sender.receiver?.layered !== true) {
    return { spatialLayer: best.spatialLayer, temporalLayer: best.temporalLayer ?? 0 };
  }
  const stream = sender.receiver.streams[target];
  return stream === undefined ? null : { spatialLayer: target, temporalLayer: stream.layerRates.maxTemporal };
}

function currentOf(sender: Sender): LayersSpec | null {
  const stream = sender.openStream;
  if (!sender.video || stream === undefined || !stream.live || !sender.forwards) return null;
  return {
    spatialLayer: sender.currentSpatialLayer,
    temporalLayer: Math.min(sender.filter.temporal, stream.layerRates.maxTemporal),
  };
}

/** Whether the picture is yet to begin, or to become the one that was chosen. */
function awaitsKeyFrame(sender: Sender, allocated: LayersSpec | null, current: LayersSpec | null): boolean {
  if (!sender.video || !sender.forwards || allocated === null) return false;
  if (sender.targetStream === undefined || !sender.targetStream.live) return false;
  if (sender.openStream !== sender.targetStream) return true;
  return current !== null && current.spatialLayer < allocated.spatialLayer;
}

/** Every layer that was announced or seen, from low to high. */
function sourceOf(sender: Sender): SourceLayer[] {
  const streams = sender.receiver?.streams ?? [];
  if (!sender.video || sender.receiver?.layered === true) return streams.map(simulcastLayer);
  const [stream] = streams;
  if (stream === undefined) return [];
  const { layerRates, live } = stream;
  const within = (spatialLayer: number) => layerRates.bps(spatialLayer, layerRates.maxTemporal);
  return Array.from({ length: layerRates.maxSpatial + 1 }, (_, spatialLayer) => {
    // Layers build on each other, so what one costs is what it adds.
    const bitrateBps = Math.round(within(spatialLayer) - (spatialLayer > 0 ? within(spatialLayer - 1) : 0));
    return { spatialLayer, live: live && (bitrateBps > 0 || spatialLayer === 0), bitrateBps };
  });
}

function simulcastLayer(stream: ReceiveStream, spatialLayer: number): SourceLayer {
  return {
    spatialLayer,
    ...(stream.rid === undefined ? {} : { rid: stream.rid }),
    live: stream.live,
    bitrateBps: stream.live ? stream.bitrateBps : 0,
  };
}

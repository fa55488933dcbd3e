import type { Forwarder } from '@weir/forwarding';
import type { MediaOverview } from './contract.ts';

/** Scores up to this (of 10) are what people complain about. */
const poorScore = 5;

/** Goes over all that one worker forwards, for metrics. */
export function overviewOf(forwarder: Forwarder): MediaOverview {
  let connectedTransports = 0;
  let unconnectedTransports = 0;
  let estimates = 0;
  let estimatesSumBps = 0;
  let lowestEstimateBps = Number.POSITIVE_INFINITY;
  for (const transport of forwarder.transports) {
    if (transport.ready) connectedTransports++;
    else unconnectedTransports++;
    const { availableBps } = transport.outgoing;
    if (!transport.ready || transport.senders.size === 0 || !Number.isFinite(availableBps)) continue;
    estimates++;
    estimatesSumBps += availableBps;
    lowestEstimateBps = Math.min(lowestEstimateBps, availableBps);
  }
  let videoForwarding = 0;
  let videoStopped = 0;
  let videoWaiting = 0;
  let poorSenders = 0;
  let poorReceivers = 0;
  for (const room of forwarder.rooms.values()) {
    for (const sender of room.senders.values()) {
      if (!sender.forwards) continue;
      if (sender.openStream !== undefined && sender.score.value <= poorScore) poorSenders++;
      if (!sender.video) continue;
      if (sender.selector.paused) videoStopped++;
      else if (sender.openStream === undefined) videoWaiting++;
      else videoForwarding++;
    }
    for (const receiver of room.receivers.values()) {
      if (receiver.streams.some(({ live, score }) => live && score.value <= poorScore)) poorReceivers++;
    }
  }
  return {
    totals: { ...forwarder.totals },
    latencies: { ...forwarder.latencies },
    strayPackets: forwarder.strayPackets,
    connectedTransports,
    unconnectedTransports,
    estimates,
    estimatesSumBps,
    lowestEstimateBps: estimates === 0 ? 0 : lowestEstimateBps,
    videoForwarding,
    videoStopped,
    videoWaiting,
    poorSenders,
    poorReceivers,
  };
}

export * from './datagram-batch.ts';
export * from './datagram-port.ts';
export { DominantSpeakerDetector } from './dominant-speaker.ts';
export * from './engine.ts';
export { Forwarder, type ForwarderOptions } from './forwarder.ts';
export * from './handle-table.ts';
export { defaultReplayLimits, type ReplayLimits } from './key-frame-cache.ts';
export { candidatesOf } from './layer-candidates.ts';
export {
  JoinLatencies,
  type LatencyHistogram,
  latencyBoundsMs,
  latencyHistogram,
  MediaTotals,
  observeLatency,
} from './media-totals.ts';
export * from './node-engine.ts';
export type { OutgoingExplanation, OutgoingLimits, SenderExplanation } from './outgoing-bandwidth.ts';
export * from './packet-kind.ts';
export type { ReceiveStream } from './receive-stream.ts';
export type { Receiver } from './receiver.ts';
export * from './remote-table.ts';
export { ForwardingRoom, type ForwardingTransportOptions } from './room.ts';
export type { Sender } from './sender.ts';
export * from './srtp/key-derivation.ts';
export { type PacketMemory, packetMemory } from './srtp/srtp-cipher.ts';
export * from './srtp/srtp-session.ts';
export { Transport as ForwardingTransport } from './transport.ts';
export * from './work-list.ts';

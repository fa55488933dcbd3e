import type { ReceiverSpec, SenderSpec, WebRtcTransportSpec } from '@weir/protocol';
import type { TestEndpoint, VirtualSocket } from '@weir/testing';
import { type StreamOptions, VideoStream } from './publisher.ts';
import { receiverSpec, senderSpec } from './specs.ts';
import { Viewer } from './viewer.ts';
import type { WorkerHost } from './worker-host.ts';

export interface Publication {
  readonly transport: WebRtcTransportSpec;
  readonly endpoint: TestEndpoint;
  readonly socket: VirtualSocket;
  readonly receiver: ReceiverSpec;
  readonly streams: VideoStream[];
}

/** A connected publisher with one video receiver; its streams are not started. */
export function publish(
  host: WorkerHost,
  options: {
    streams?: StreamOptions[];
    receiver?: Partial<ReceiverSpec>;
  } = {},
): Publication {
  const { spec, endpoint, socket } = host.connected();
  const receiver = receiverSpec(host, spec, 'video', options.receiver);
  host.update({ receivers: [receiver] });
  const streams = (options.streams ?? [{ ssrc: 1111, rtxSsrc: 1112 }]).map(
    (stream) => new VideoStream(host, endpoint, stream),
  );
  endpoint.onRtcp = (data) => {
    for (const stream of streams) stream.handleRtcp(data);
  };
  return { transport: spec, endpoint, socket, receiver, streams };
}

export interface Subscription {
  readonly transport: WebRtcTransportSpec;
  readonly endpoint: TestEndpoint;
  readonly socket: VirtualSocket;
  readonly sender: SenderSpec;
  readonly viewer: Viewer;
}

/** A connected viewer of a receiver. */
export function watch(
  host: WorkerHost,
  receiver: ReceiverSpec,
  changes: Partial<SenderSpec> = {},
): Subscription {
  const { spec, endpoint, socket } = host.connected();
  const sender = senderSpec(host, spec, receiver, changes);
  const viewer = new Viewer(host, endpoint, sender);
  endpoint.onRtp = (packet) => viewer.handleRtp(packet);
  endpoint.onRtcp = (packet) => viewer.handleRtcp(packet);
  host.update({ senders: [sender] });
  return { transport: spec, endpoint, socket, sender, viewer };
}

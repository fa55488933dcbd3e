import type { CodecSpec, ReceiverSpec, SenderSpec, WebRtcTransportSpec } from '@weir/protocol';
import { extensionUri } from '@weir/rtp';
import type { LinkPolicy, TestEndpoint, VirtualSocket } from '@weir/testing';
import { receiverSpec, room, senderSpec, videoFeedback, viewerExtensions, vp8Codecs } from '../specs.ts';
import { type WorkerHost, workerAddress } from '../worker-host.ts';
import { type CameraPlan, LayeredPublisher, threeLayers } from './layered-publisher.ts';
import { QualityViewer, transportSequenceId } from './quality-viewer.ts';

export interface LayeredSource {
  readonly transport: WebRtcTransportSpec;
  readonly socket: VirtualSocket;
  readonly receiver: ReceiverSpec;
  /** Not started. */
  readonly publisher: LayeredPublisher;
}

/** A connected publisher of simulcast; absent = three layers at 30 frames a second. */
export function publishLayers(host: WorkerHost, seed = 1, camera?: CameraPlan): LayeredSource {
  const { spec: transport, endpoint, socket } = host.connected();
  const layers = camera?.layers ?? threeLayers;
  const receiver = receiverSpec(host, transport, 'video', {
    mid: '0',
    encodings: layers.map(({ rid }) => ({ rid, scalabilityMode: 'L1T1' })),
  });
  host.update({ receivers: [receiver] });
  return {
    transport,
    socket,
    receiver,
    publisher: new LayeredPublisher(host, endpoint, layers, seed, camera),
  };
}

/** A connected viewer behind a link, that gives transport-wide feedback; its senders are not put yet. */
export interface LayeredViewer {
  readonly transport: WebRtcTransportSpec;
  readonly endpoint: TestEndpoint;
  readonly ip: string;
  /** Of each source, in their order. */
  readonly senders: SenderSpec[];
  readonly viewers: QualityViewer[];
}

const codecs: CodecSpec[] = vp8Codecs(room, { ...videoFeedback, remb: false, transportCc: true });
const headerExtensions = [
  ...viewerExtensions,
  { uri: extensionUri.transportSequence, id: transportSequenceId },
];

export function viewLayers(
  host: WorkerHost,
  receivers: readonly ReceiverSpec[],
  downlink: LinkPolicy,
  uplink: LinkPolicy,
  maxOutgoingBitrate = 0,
  changes: Partial<SenderSpec> = {},
): LayeredViewer {
  const { spec: transport, endpoint, socket } = host.connected({ maxOutgoingBitrate });
  const { ip } = socket.address;
  host.network.setPolicy(workerAddress.ip, ip, downlink);
  host.network.setPolicy(ip, workerAddress.ip, uplink);
  const senders = receivers.map((receiver) =>
    senderSpec(host, transport, receiver, { codecs, headerExtensions, ...changes }),
  );
  const rttMs = (downlink.delayMs ?? 0) + (uplink.delayMs ?? 0);
  const viewers = senders.map((sender, i) => new QualityViewer(host, endpoint, sender, rttMs, i === 0));
  endpoint.onRtp = (packet) => {
    for (const viewer of viewers) viewer.handleRtp(packet);
  };
  endpoint.onRtcp = (packet) => {
    for (const viewer of viewers) viewer.handleRtcp(packet);
  };
  return { transport, endpoint, ip, senders, viewers };
}

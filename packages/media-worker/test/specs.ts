import type { CodecSpec, ExtensionSpec, FeedbackSpec, ReceiverSpec, SenderSpec } from '@weir/protocol';
import { extensionUri } from '@weir/rtp';
import type { WorkerHost } from './worker-host.ts';

export const videoFeedback: FeedbackSpec = {
  nack: true,
  pli: true,
  fir: true,
  remb: true,
  transportCc: false,
};
export const noFeedback: FeedbackSpec = {
  nack: false,
  pli: false,
  fir: false,
  remb: false,
  transportCc: false,
};

/** The publisher's payload types differ from the room's, as those of browsers do. */
export const wire = { vp8: 96, vp8Rtx: 97, opus: 111, red: 63, h264: 98, h264Rtx: 99 };
export const room = { vp8: 101, vp8Rtx: 102, opus: 100, red: 105, h264: 103, h264Rtx: 104 };

export function vp8Codecs(side: typeof wire, feedback: FeedbackSpec = videoFeedback): CodecSpec[] {
  const video = { clockRate: 90_000, channels: 1 };
  return [
    { ...video, payloadType: side.vp8, roomPayloadType: room.vp8, mimeType: 'video/VP8', feedback },
    {
      ...video,
      payloadType: side.vp8Rtx,
      roomPayloadType: room.vp8Rtx,
      mimeType: 'video/rtx',
      apt: side.vp8,
      feedback: noFeedback,
    },
  ];
}

/** With the payload types of VP8. */
export function vp9Codecs(side: typeof wire): CodecSpec[] {
  return vp8Codecs(side).map((one, i) => (i === 0 ? { ...one, mimeType: 'video/VP9' } : one));
}

export function opusCodecs(side: typeof wire): CodecSpec[] {
  return [
    {
      payloadType: side.opus,
      roomPayloadType: room.opus,
      mimeType: 'audio/opus',
      clockRate: 48_000,
      channels: 2,
      feedback: noFeedback,
    },
  ];
}

/** Opus, and RED around it. */
export function redCodecs(side: typeof wire, feedback: FeedbackSpec = noFeedback): CodecSpec[] {
  return [
    { ...opusCodecs(side)[0]!, feedback },
    {
      ...opusCodecs(side)[0]!,
      payloadType: side.red,
      roomPayloadType: room.red,
      mimeType: 'audio/red',
      feedback,
    },
  ];
}

/** Ids as a publisher's browser might have them; the viewer's are others. */
export const publisherExtensions: ExtensionSpec[] = [
  { uri: extensionUri.mid, id: 9 },
  { uri: extensionUri.rid, id: 10 },
  { uri: extensionUri.repairedRid, id: 11 },
  { uri: extensionUri.absSendTime, id: 3 },
  { uri: extensionUri.videoOrientation, id: 13 },
  { uri: extensionUri.audioLevel, id: 1 },
];
export const viewerExtensions: ExtensionSpec[] = [
  { uri: extensionUri.mid, id: 1 },
  { uri: extensionUri.absSendTime, id: 4 },
  { uri: extensionUri.videoOrientation, id: 11 },
  { uri: extensionUri.audioLevel, id: 10 },
];

export function receiverSpec(
  host: WorkerHost,
  transport: { id: number; peerId: number },
  kind: 'audio' | 'video',
  changes: Partial<ReceiverSpec> = {},
): ReceiverSpec {
  return {
    id: host.id(),
    peerId: transport.peerId,
    transportId: transport.id,
    kind,
    codecs: kind === 'video' ? vp8Codecs(wire) : opusCodecs(wire),
    headerExtensions: publisherExtensions,
    encodings: kind === 'video' ? [{ ssrc: 1111, rtxSsrc: 1112 }] : [{ ssrc: 2222 }],
    cname: 'publisher',
    paused: false,
    keyFrameRequestDelayMs: 0,
    ...changes,
  };
}

let nextSsrc = 700_000;

export function senderSpec(
  host: WorkerHost,
  transport: { id: number; peerId: number },
  receiver: ReceiverSpec,
  changes: Partial<SenderSpec> = {},
): SenderSpec {
  const video = receiver.kind === 'video';
  const ssrc = nextSsrc;
  nextSsrc += 2;
  return {
    id: host.id(),
    peerId: transport.peerId,
    receiverId: receiver.id,
    transportId: transport.id,
    kind: receiver.kind,
    mid: '7',
    ssrc,
    ...(video ? { rtxSsrc: ssrc + 1 } : {}),
    codecs: video ? vp8Codecs(room) : opusCodecs(room),
    headerExtensions: viewerExtensions,
    cname: 'publisher',
    active: true,
    priority: 1,
    ...changes,
  };
}

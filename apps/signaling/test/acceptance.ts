import type { OpenDatabase } from './databases.ts';
import { Instance, type Member } from './harness.ts';

/** The room and the peers of object-model.md §14 on the wire: no kind `depth` (§15.1), names as SDP has them. */

export const mediaCodecs = [
  { kind: 'audio', mimeType: 'audio/opus', preferredPayloadType: 100, clockRate: 48000, channels: 2 },
  { kind: 'audio', mimeType: 'audio/PCMU', preferredPayloadType: 0, clockRate: 8000 },
  { kind: 'video', mimeType: 'video/VP8', preferredPayloadType: 110, clockRate: 90000 },
  {
    kind: 'video',
    mimeType: 'video/H264',
    preferredPayloadType: 112,
    clockRate: 90000,
    parameters: { 'packetization-mode': 1 },
  },
];

export const videoFeedback = [
  { type: 'nack' },
  { type: 'nack', parameter: 'pli' },
  { type: 'nack', parameter: 'sli' },
  { type: 'nack', parameter: 'rpsi' },
  { type: 'nack', parameter: 'app' },
  { type: 'ccm', parameter: 'fir' },
  { type: 'ack', parameter: 'rpsi' },
  { type: 'ack', parameter: 'app' },
];

const video = (mimeType: string, preferredPayloadType: number, parameters = {}) => ({
  kind: 'video',
  mimeType,
  preferredPayloadType,
  clockRate: 90000,
  parameters,
});

export const peerCapabilities = {
  codecs: [
    ...mediaCodecs.slice(0, 2),
    { ...video('video/VP8', 110), rtcpFeedback: videoFeedback },
    video('video/rtx', 97, { apt: 110 }),
    { ...video('video/H264', 111, { 'packetization-mode': 0 }), rtcpFeedback: videoFeedback },
    video('video/rtx', 98, { apt: 111 }),
    { ...video('video/H264', 112, { 'packetization-mode': 1 }), rtcpFeedback: videoFeedback },
    video('video/rtx', 99, { apt: 112 }),
  ],
  headerExtensions: [
    ['audio', 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', 1],
    ['video', 'urn:ietf:params:rtp-hdrext:toffset', 2],
    ['audio', 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', 3],
    ['video', 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', 3],
    ['video', 'urn:3gpp:video-orientation', 4],
    ['video', 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', 5],
  ].map(([kind, uri, preferredId]) => ({ kind, uri, preferredId })),
};

export const opus = { mimeType: 'audio/opus', payloadType: 100, clockRate: 48000, channels: 2 };
export const pcmu = { mimeType: 'audio/PCMU', payloadType: 0, clockRate: 8000 };
export const vp8 = { mimeType: 'video/VP8', payloadType: 110, clockRate: 90000 };

/** Signaling with one pod and the room of §14. */
export async function startRoom(open: OpenDatabase): Promise<{ weir: Instance; room: string }> {
  const weir = new Instance(await open());
  await weir.lease('pod-1');
  return { weir, room: await weir.room('daily', { mediaCodecs }) };
}

/** A peer with the capabilities of §14. */
export async function startPeer(weir: Instance, room: string, name: string): Promise<Member> {
  const peer = await weir.join(room, name);
  await peer.ok('PUT', '/capabilities', { rtpCapabilities: peerCapabilities });
  return peer;
}

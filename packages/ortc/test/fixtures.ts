import type { RoomMediaCodec } from '../src/index.ts';

/** The room of object-model.md §14. */
export const mediaCodecs: RoomMediaCodec[] = [
  { kind: 'audio', name: 'audio/opus', payloadType: 100, clockRate: 48000, numChannels: 2 },
  { kind: 'audio', name: 'audio/PCMU', payloadType: 0, clockRate: 8000 },
  { kind: 'video', name: 'video/vp8', payloadType: 110, clockRate: 90000 },
  {
    kind: 'video',
    name: 'video/h264',
    payloadType: 112,
    clockRate: 90000,
    parameters: { packetizationMode: 1 },
  },
  { kind: 'depth', name: 'video/vp8', payloadType: 120, clockRate: 90000 },
];

/** v1's feedback list without goog-remb. */
export const videoFeedback = [
  { type: 'nack', parameter: null },
  { type: 'nack', parameter: 'pli' },
  { type: 'nack', parameter: 'sli' },
  { type: 'nack', parameter: 'rpsi' },
  { type: 'nack', parameter: 'app' },
  { type: 'ccm', parameter: 'fir' },
  { type: 'ack', parameter: 'rpsi' },
  { type: 'ack', parameter: 'app' },
];

/** The peers of object-model.md §14. */
export const peerCapabilities = {
  codecs: [
    { kind: 'audio', name: 'audio/opus', payloadType: 100, clockRate: 48000, numChannels: 2 },
    { kind: 'audio', name: 'audio/PCMU', payloadType: 0, clockRate: 8000 },
    { kind: 'video', name: 'video/vp8', payloadType: 110, clockRate: 90000, rtcpFeedback: videoFeedback },
    { kind: 'video', name: 'video/rtx', payloadType: 97, clockRate: 90000, parameters: { apt: 110 } },
    {
      kind: 'video',
      name: 'video/h264',
      payloadType: 111,
      clockRate: 90000,
      rtcpFeedback: videoFeedback,
      parameters: { packetizationMode: 0 },
    },
    { kind: 'video', name: 'video/rtx', payloadType: 98, clockRate: 90000, parameters: { apt: 111 } },
    {
      kind: 'video',
      name: 'video/h264',
      payloadType: 112,
      clockRate: 90000,
      rtcpFeedback: videoFeedback,
      parameters: { packetizationMode: 1 },
    },
    { kind: 'video', name: 'video/rtx', payloadType: 99, clockRate: 90000, parameters: { apt: 112 } },
  ],
  headerExtensions: [
    { kind: 'audio', uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', preferredId: 1 },
    { kind: 'video', uri: 'urn:ietf:params:rtp-hdrext:toffset', preferredId: 2 },
    { kind: '', uri: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', preferredId: 3 },
    { kind: 'video', uri: 'urn:3gpp:video-orientation', preferredId: 4 },
    { kind: '', uri: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', preferredId: 5 },
  ],
  fecMechanisms: [],
};

/** What a browser with mediasoup-client says. */

/** Plays and sends opus and VP8 with the room's own payload types and extension ids. */
export function capabilities(room: { rtpCapabilities: { codecs: Codec[]; headerExtensions: unknown[] } }) {
  const { codecs, headerExtensions } = room.rtpCapabilities;
  const media = codecs.filter(({ mimeType }) => mimeType === 'audio/opus' || mimeType === 'video/VP8');
  const vp8 = media.find(({ mimeType }) => mimeType === 'video/VP8');
  const rtx = codecs.filter((codec) => codec.parameters?.apt === vp8?.preferredPayloadType);
  return { codecs: [...media, ...rtx], headerExtensions };
}

interface Codec {
  mimeType: string;
  preferredPayloadType?: number;
  parameters?: Record<string, unknown>;
}

export const opus = (ssrc: number, mid = '0') => ({
  mid,
  codecs: [
    {
      mimeType: 'audio/opus',
      payloadType: 111,
      clockRate: 48000,
      channels: 2,
      parameters: {},
      rtcpFeedback: [],
    },
  ],
  headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: 1 }],
  encodings: [{ ssrc }],
  rtcp: { cname: 'alice', reducedSize: true },
});

export const vp8 = (ssrc: number, mid = '1') => ({
  mid,
  codecs: [
    {
      mimeType: 'video/VP8',
      payloadType: 96,
      clockRate: 90000,
      parameters: {},
      rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'transport-cc' }],
    },
    { mimeType: 'video/rtx', payloadType: 97, clockRate: 90000, parameters: { apt: 96 }, rtcpFeedback: [] },
  ],
  headerExtensions: [],
  encodings: [{ ssrc, rtx: { ssrc: ssrc + 1 } }],
  rtcp: { cname: 'alice', reducedSize: true },
});

export const dtls = {
  role: 'client',
  fingerprints: [{ algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'CD').join(':') }],
};

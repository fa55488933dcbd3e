import { describe, expect, test } from 'vitest';
import { mediaCodecs, peerCapabilities, videoFeedback } from '../test/fixtures.ts';
import {
  effectivePeerCapabilities,
  type MediaKind,
  parsePeerCapabilities,
  type RtpCapabilities,
  receiverParameters,
  roomCapabilities,
  type SenderSource,
  senderParameters,
  headerExtensionUris as uris,
} from './index.ts';

const room = roomCapabilities(mediaCodecs);
const capable = (caps: object) => effectivePeerCapabilities(room, parsePeerCapabilities(caps));
const all = capable(peerCapabilities);
const identity = { ssrc: 111, rtxSsrc: 222, cname: 'peer-1' };

function source(kind: MediaKind, params: object, caps: object = peerCapabilities): SenderSource {
  const sendCaps = effectivePeerCapabilities(room, parsePeerCapabilities(caps), { feedback: 'peer' });
  const { effective, payloadTypes } = receiverParameters(room, sendCaps, kind, params);
  return { kind, rtpParameters: effective, payloadTypes };
}
const derive = (from: SenderSource, caps: RtpCapabilities = all, more: object = {}) =>
  senderParameters(room, from, caps, { ...identity, ...more });

const video = {
  muxId: 'source',
  codecs: [
    {
      name: 'video/VP8',
      payloadType: 96,
      clockRate: 90000,
      rtcpFeedback: videoFeedback,
      parameters: { foo: 1 },
    },
    { name: 'video/rtx', payloadType: 97, clockRate: 90000, parameters: { apt: 96 } },
  ],
  encodings: [{ ssrc: 1, rtx: { ssrc: 2 } }],
  headerExtensions: [
    { uri: uris.mid, id: 1 },
    { uri: uris.absSendTime, id: 5 },
    { uri: uris.timeOffset, id: 6 },
    { uri: uris.rid, id: 7 },
  ],
  rtcp: { cname: 'source-cname', reducedSize: false },
  userParameters: { a: [1] },
};

test('§11.7 the room’s payload types, its own SSRCs, one encoding', () => {
  const { rtpParameters, available } = derive(source('video', video));
  expect(available).toBe(true);
  expect(
    rtpParameters.codecs.map(({ name, payloadType, parameters }) => [name, payloadType, parameters]),
  ).toEqual([
    ['video/VP8', 110, { foo: 1 }],
    ['video/rtx', 101, { apt: 110 }],
  ]);
  expect(rtpParameters.encodings).toEqual([
    { ssrc: 111, rtx: { ssrc: 222 }, codecPayloadType: 110, active: true },
  ]);
  expect(rtpParameters.rtcp).toEqual({ cname: 'source-cname', reducedSize: false });
  expect(rtpParameters.userParameters).toEqual({ a: [1] });
  expect(rtpParameters.muxId).toBeUndefined();
});

test('D-37 the muxId is the binding’s, not the source’s', () => {
  expect(derive(source('video', video), all, { muxId: '4' }).rtpParameters.muxId).toBe('4');
});

test('§15.3 a source without cname gets one', () => {
  const from = source('audio', { codecs: [{ name: 'audio/PCMU', payloadType: 0, clockRate: 8000 }] });
  expect(derive(from).rtpParameters.rtcp).toEqual({ cname: 'peer-1', reducedSize: true });
});

test('D-36 what the peer cannot play is dropped; nothing left means unavailable', () => {
  const audioOnly = capable({ codecs: peerCapabilities.codecs.slice(0, 2) });
  const { rtpParameters, available } = derive(source('video', video), audioOnly);
  expect(available).toBe(false);
  expect(rtpParameters.codecs).toEqual([]);
  expect(rtpParameters.encodings).toEqual([]);

  const both = source('video', {
    codecs: [
      ...video.codecs,
      { name: 'video/H264', payloadType: 98, clockRate: 90000, parameters: { packetizationMode: 1 } },
    ],
    encodings: [
      { ssrc: 1, codecPayloadType: 96 },
      { ssrc: 3, codecPayloadType: 98 },
    ],
  });
  const h264Only = capable({ codecs: [peerCapabilities.codecs[6]] });
  const h264 = derive(both, h264Only).rtpParameters;
  expect(h264.codecs.map(({ payloadType }) => payloadType)).toEqual([112]);
  expect(h264.encodings).toMatchObject([{ ssrc: 111, codecPayloadType: 112 }]);
});

test('§15.3 the first codec is that of the encoding', () => {
  const from = source('video', {
    codecs: [
      ...video.codecs,
      { name: 'video/H264', payloadType: 98, clockRate: 90000, parameters: { packetizationMode: 1 } },
    ],
    encodings: [{ ssrc: 3, codecPayloadType: 98 }],
  });
  expect(derive(from).rtpParameters.codecs.map(({ payloadType }) => payloadType)).toEqual([112, 110, 101]);
});

describe('D-39 feedback is the viewer’s', () => {
  const types = (extensions: object[]) => {
    const caps = capable({
      codecs: [
        {
          ...peerCapabilities.codecs[2],
          rtcpFeedback: ['nack', 'goog-remb', 'transport-cc'].map((type) => ({ type })),
        },
      ],
      headerExtensions: extensions,
    });
    return derive(source('video', video), caps).rtpParameters.codecs[0]?.rtcpFeedback.map(({ type }) => type);
  };
  const transportCc = { kind: 'video', uri: uris.transportCc, preferredId: 3 };
  const absSendTime = { kind: 'audio', uri: uris.absSendTime, preferredId: 4 };

  test('transport-cc wins', () =>
    expect(types([absSendTime, transportCc])).toEqual(['nack', 'transport-cc']));
  test('abs-send-time means REMB', () => expect(types([absSendTime])).toEqual(['nack', 'goog-remb']));
  test('neither: neither', () => expect(types([])).toEqual(['nack']));
});

test('RTX needs both ends', () => {
  const withoutRtx = capable({ codecs: [peerCapabilities.codecs[2]] });
  const viewer = derive(source('video', video), withoutRtx).rtpParameters;
  expect(viewer.codecs.map(({ payloadType }) => payloadType)).toEqual([110]);
  expect(viewer.encodings[0]?.rtx).toBeUndefined();
  const publisher = derive(source('video', { codecs: [video.codecs[0]] })).rtpParameters;
  expect(publisher.codecs.map(({ payloadType }) => payloadType)).toEqual([110]);
});

test('extensions: ours if the viewer has them, the source’s if both have them, rid never', () => {
  const caps = capable({
    codecs: peerCapabilities.codecs,
    headerExtensions: Object.values(uris).map((uri, index) => ({
      kind: 'video',
      uri,
      preferredId: index + 1,
    })),
  });
  const ids = (from: SenderSource) =>
    derive(from, caps).rtpParameters.headerExtensions.map(({ uri, id }) => [uri, id]);
  expect(ids(source('video', video))).toEqual([
    [uris.mid, 1],
    [uris.absSendTime, 4],
    [uris.transportCc, 5],
    [uris.timeOffset, 12],
  ]);
  const opus = { name: 'audio/opus', payloadType: 111, clockRate: 48000 };
  const audio = { codecs: [opus], headerExtensions: [{ uri: uris.audioLevel, id: 10 }] };
  // The room only receives transport-cc on audio.
  expect(ids(source('audio', audio))).toEqual([
    [uris.mid, 1],
    [uris.absSendTime, 4],
    [uris.audioLevel, 10],
  ]);
});

test('simulcast goes out as one encoding with its layers', () => {
  const { encodings } = derive(
    source('video', {
      ...video,
      encodings: [
        { encodingId: 'r0', scalabilityMode: 'L1T3', maxBitrate: 100_000, active: false, resolutionScale: 4 },
        { encodingId: 'r1', scalabilityMode: 'L1T3', maxBitrate: 900_000, resolutionScale: 2 },
        { encodingId: 'r2', scalabilityMode: 'L1T3', maxBitrate: 500_000 },
      ],
    }),
  ).rtpParameters;
  expect(encodings).toEqual([
    {
      ssrc: 111,
      rtx: { ssrc: 222 },
      codecPayloadType: 110,
      active: true,
      scalabilityMode: 'L3T3',
      maxBitrate: 900_000,
    },
  ]);
});

test('two of the source’s codecs that are one in the room become one', () => {
  const from = source('video', {
    codecs: [
      { name: 'video/VP8', payloadType: 96, clockRate: 90000, parameters: { first: true } },
      { name: 'video/VP8', payloadType: 98, clockRate: 90000 },
    ],
  });
  expect(from.payloadTypes).toEqual({ 96: 110, 98: 110 });
  expect(
    derive(from).rtpParameters.codecs.map(({ payloadType, parameters }) => [payloadType, parameters]),
  ).toEqual([[110, { first: true }]]);
});

test('the dependency descriptor goes to a viewer that has it, where the source sends it', () => {
  const uri = uris.dependencyDescriptor;
  const described = {
    ...peerCapabilities,
    headerExtensions: [...peerCapabilities.headerExtensions, { kind: 'video', uri, preferredId: 13 }],
  };
  const layered = { ...video, headerExtensions: [...video.headerExtensions, { uri, id: 13 }] };
  const ids = (from: SenderSource, caps: RtpCapabilities) =>
    derive(from, caps).rtpParameters.headerExtensions.flatMap((one) => (one.uri === uri ? [one.id] : []));
  expect(ids(source('video', layered, described), capable(described))).toEqual([8]);
  expect(ids(source('video', layered, described), all)).toEqual([]);
  expect(ids(source('video', video, described), capable(described))).toEqual([]);
});

import { describe, expect, test } from 'vitest';
import { mediaCodecs, peerCapabilities, videoFeedback } from '../test/fixtures.ts';
import {
  effectivePeerCapabilities,
  type MediaKind,
  parsePeerCapabilities,
  receiverParameters,
  roomCapabilities,
} from './index.ts';

const room = roomCapabilities(mediaCodecs);
const peer = effectivePeerCapabilities(room, parsePeerCapabilities(peerCapabilities), { feedback: 'peer' });
const receive = (kind: MediaKind, params: unknown) => receiverParameters(room, peer, kind, params);

const opus = { name: 'audio/opus', payloadType: 100, clockRate: 48000 };
const vp8 = { name: 'video/VP8', payloadType: 110, clockRate: 90000 };
const h264 = { name: 'video/H264', payloadType: 112, clockRate: 90000, parameters: { packetizationMode: 1 } };

test('V1 receive() with no encodings: one for the first media codec', () => {
  const { effective, type } = receive('audio', { codecs: [opus] });
  expect(effective.encodings).toEqual([{ codecPayloadType: 100, active: true }]);
  expect(effective.codecs).toEqual([{ ...opus, numChannels: 2, rtcpFeedback: [], parameters: {} }]);
  expect(type).toBe('simple');
});

test('V2 receive() with encodings without codecPayloadType', () => {
  const { effective } = receive('video', {
    codecs: [{ ...vp8, kind: 'video' }, h264],
    encodings: [{ ssrc: 1111 }, { codecPayloadType: 112 }, { ssrc: 3333 }],
  });
  expect(effective.encodings.map((encoding) => encoding.codecPayloadType)).toEqual([110, 112, 110]);
});

test('V3 receive() with full rtpParameters gives them back', () => {
  const full = {
    muxId: 'qwerty1234',
    codecs: [
      {
        name: 'video/VP8',
        payloadType: 110,
        clockRate: 90000,
        maxptime: 80,
        ptime: 60,
        numChannels: 2,
        rtcpFeedback: videoFeedback,
        parameters: {
          profileLevelId: 2,
          packetizationMode: 1,
          foo: 'barœæ€',
          isGood: true,
          minusOne: -1,
          gamma: 1.5,
          list: [1, 2, 3],
        },
      },
    ],
    encodings: [
      {
        codecPayloadType: 110,
        ssrc: 100000,
        fec: { mechanism: 'flexfec', ssrc: 100001 },
        resolutionScale: 2,
        framerateScale: 1.5,
        maxFramerate: 30,
        active: false,
        encodingId: 'HIGH',
        dependencyEncodingIds: ['1234', 'LOW'],
      },
    ],
    headerExtensions: [
      { uri: 'urn:ietf:params:rtp-hdrext:toffset', id: 2, encrypt: false, parameters: { foo: true } },
    ],
    rtcp: { cname: 'foobar', ssrc: 1001, reducedSize: false },
    userParameters: { string: '€', nested: { mixed: [1, 'a', null, { deep: true }] }, nothing: null },
  };
  const { effective, extensionIds, payloadTypes } = receive('video', full);
  expect(effective).toEqual(full);
  expect(extensionIds).toEqual({ 2: 12 });
  expect(payloadTypes).toEqual({ 110: 110 });
});

test('V5 receive() without rtpParameters fails', () => {
  for (const value of [undefined, null, 'x', [], {}]) {
    expect(() => receive('audio', value)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  }
});

test.for([
  [{ name: 'opus', payloadType: 100, clockRate: 48000 }, 'codecs.0.name'],
  [{ name: '/opus', payloadType: 100, clockRate: 48000 }, 'codecs.0.name'],
  [{ name: 'audio/', payloadType: 100, clockRate: 48000 }, 'codecs.0.name'],
  [{ payloadType: 100, clockRate: 48000 }, 'codecs.0.name'],
  [{ name: 'audio/opus', clockRate: 48000 }, 'codecs.0.payloadType'],
  [{ name: 'audio/opus', payloadType: 100 }, 'codecs.0.clockRate'],
] as const)('V6 receive() with wrong codecs fails: %j', ([codec, field]) => {
  expect(() => receive('audio', { codecs: [codec] })).toThrow(
    expect.objectContaining({ kind: 'invalid', field }),
  );
});

test('V6 receive() with wrong codecs fails: duplicate payload type', () => {
  expect(() => receive('audio', { codecs: [opus, { ...opus, name: 'audio/PCMU' }] })).toThrow(
    expect.objectContaining({ field: 'codecs.1.payloadType' }),
  );
});

test('V7 receive() with wrong encodings fails', () => {
  expect(() => receive('audio', { codecs: [opus], encodings: [{ codecPayloadType: 102 }] })).toThrow(
    expect.objectContaining({ kind: 'invalid', field: 'encodings.0.codecPayloadType' }),
  );
});

describe('D-33 the endpoint keeps its payload types and extension ids', () => {
  const params = {
    muxId: '0',
    codecs: [
      {
        name: 'video/VP8',
        payloadType: 96,
        clockRate: 90000,
        rtcpFeedback: [{ type: 'nack' }, { type: 'x' }],
      },
      { name: 'video/rtx', payloadType: 97, clockRate: 90000, parameters: { apt: 96 } },
    ],
    encodings: [{ ssrc: 1, rtx: { ssrc: 2 } }],
    headerExtensions: [
      { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 9 },
      { uri: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', id: 10 },
      { uri: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id', id: 11 },
      { uri: 'urn:example:unknown', id: 12 },
    ],
  };

  test('and maps lead to those of the room', () => {
    const { effective, payloadTypes, extensionIds } = receive('video', params);
    expect(effective.codecs.map((codec) => codec.payloadType)).toEqual([96, 97]);
    expect(effective.codecs[0]?.rtcpFeedback).toEqual([{ type: 'nack', parameter: null }]);
    expect(payloadTypes).toEqual({ 96: 110, 97: 101 });
    // The peer's capabilities have neither mid nor rrid: the room's are what counts.
    expect(extensionIds).toEqual({ 9: 1, 10: 2, 11: 3 });
    expect(effective.headerExtensions.map(({ id }) => id)).toEqual([9, 10, 11]);
  });

  test('a codec the peer or the room lacks goes, its RTX and encodings too', () => {
    const { effective, payloadTypes } = receive('video', {
      codecs: [
        { name: 'video/VP9', payloadType: 98, clockRate: 90000 },
        { name: 'video/rtx', payloadType: 99, clockRate: 90000, parameters: { apt: 98 } },
        ...params.codecs,
        { name: 'video/red', payloadType: 120, clockRate: 90000 },
      ],
      encodings: [
        { ssrc: 5, codecPayloadType: 98 },
        { ssrc: 1, codecPayloadType: 96 },
      ],
    });
    expect(effective.codecs.map((codec) => codec.payloadType)).toEqual([96, 97]);
    expect(effective.encodings.map(({ ssrc }) => ssrc)).toEqual([1]);
    expect(payloadTypes).toEqual({ 96: 110, 97: 101 });
  });

  test('if only the encodings vanish, there is one by default', () => {
    const { effective } = receive('video', {
      codecs: [{ name: 'video/VP9', payloadType: 98, clockRate: 90000 }, ...params.codecs],
      encodings: [{ ssrc: 5, codecPayloadType: 98 }],
    });
    expect(effective.encodings).toEqual([{ codecPayloadType: 96, active: true }]);
  });

  test('an extension that the room only sends is not received', () => {
    const sendOnly = structuredClone(room);
    for (const extension of sendOnly.headerExtensions) extension.direction = 'sendonly';
    expect(receiverParameters(sendOnly, peer, 'video', params).extensionIds).toEqual({});
  });
});

test('D-4 nothing supported left: unsupported, and it says what was offered', () => {
  expect(() =>
    receive('video', { codecs: [{ name: 'video/VP9', payloadType: 98, clockRate: 90000 }] }),
  ).toThrow(
    expect.objectContaining({
      kind: 'unsupported',
      field: 'codecs',
      message: expect.stringContaining('VP9'),
    }),
  );
});

test('D-27 the kind of the receiver counts: no video codec in an audio receiver', () => {
  expect(() => receive('audio', { codecs: [vp8] })).toThrow(expect.objectContaining({ kind: 'unsupported' }));
  expect(() => receive('depth', { codecs: [vp8] })).toThrow(expect.objectContaining({ kind: 'unsupported' }));
});

describe('§10.6–10.8 validation', () => {
  const rtx = (apt: number) => ({
    name: 'video/rtx',
    payloadType: 97,
    clockRate: 90000,
    parameters: { apt },
  });
  test.for([
    [{ codecs: [] }, 'codecs'],
    [{ codecs: [{ name: 'video/rtx', payloadType: 97, clockRate: 90000 }] }, 'codecs.0.parameters.apt'],
    [{ codecs: [{ name: 'audio/CN', payloadType: 13, clockRate: 8000 }] }, 'codecs'],
    [{ codecs: [vp8, rtx(99)] }, 'codecs.1.parameters.apt'],
    [{ codecs: [vp8, rtx(97)] }, 'codecs.1.parameters.apt'],
    [{ muxId: '', codecs: [vp8] }, 'muxId'],
    [{ codecs: [vp8], encodings: ['x'] }, 'encodings.0'],
    [{ codecs: [vp8], encodings: [{ ssrc: 2 ** 32 }] }, 'encodings.0.ssrc'],
    [{ codecs: [vp8], encodings: [{ ssrc: -1 }] }, 'encodings.0.ssrc'],
    [{ codecs: [vp8], encodings: [{ fec: { ssrc: 1 } }] }, 'encodings.0.fec.mechanism'],
    [{ codecs: [vp8], encodings: [{ encodingId: 'with space' }] }, 'encodings.0.encodingId'],
    [{ codecs: [vp8], encodings: [{ ssrc: 7 }, { rtx: { ssrc: 7 } }] }, 'encodings.1.rtx.ssrc'],
    [{ codecs: [vp8], encodings: [{ encodingId: 'a' }, { encodingId: 'a' }] }, 'encodings.1.encodingId'],
    [{ codecs: [vp8], encodings: [{ resolutionScale: 0 }] }, 'encodings.0.resolutionScale'],
    [{ codecs: [vp8], headerExtensions: [{ id: 1 }] }, 'headerExtensions.0.uri'],
    [{ codecs: [vp8], headerExtensions: [{ uri: 'a', id: 0 }] }, 'headerExtensions.0.id'],
    [
      {
        codecs: [vp8],
        headerExtensions: [
          { uri: 'urn:3gpp:video-orientation', id: 1 },
          { uri: 'urn:ietf:params:rtp-hdrext:toffset', id: 1 },
        ],
      },
      'headerExtensions.1.id',
    ],
    [{ codecs: [vp8], rtcp: { cname: '' } }, 'rtcp.cname'],
  ] as const)('%j', ([params, field]) => {
    expect(() => receive('video', params)).toThrow(expect.objectContaining({ kind: 'invalid', field }));
  });

  test('defaults: ssrc 0 is none, rtx keeps its presence, scale 1 is not echoed', () => {
    const { effective } = receive('video', {
      codecs: [vp8],
      encodings: [{ ssrc: 0, rtx: { ssrc: 0 }, resolutionScale: 1, framerateScale: 1, active: 'yes' }],
      rtcp: {},
      userParameters: 'none',
    });
    expect(effective.encodings).toEqual([{ codecPayloadType: 110, rtx: {}, active: true }]);
    expect(effective.rtcp).toEqual({ reducedSize: true });
    expect(effective.userParameters).toEqual({});
    expect('muxId' in effective).toBe(false);
  });

  test('what was given is copied', () => {
    const given = { codecs: [vp8], userParameters: { list: [1] } };
    const { effective } = receive('video', given);
    given.userParameters.list.push(2);
    expect(effective.userParameters).toEqual({ list: [1] });
  });
});

test.for([
  ['one stream', 'video/VP8', [{}], 'simple'],
  ['three RIDs', 'video/VP8', [{ encodingId: 'a' }, { encodingId: 'b' }], 'simulcast'],
  ['VP8 with temporal layers', 'video/VP8', [{ scalabilityMode: 'L1T3' }], 'simulcast'],
  ['VP9 SVC', 'video/VP9', [{ scalabilityMode: 'L3T3_KEY' }], 'svc'],
  ['AV1 SVC', 'video/AV1', [{ scalabilityMode: 'L1T2' }], 'svc'],
  ['VP9 without layers', 'video/VP9', [{ scalabilityMode: 'L1T1' }], 'simple'],
] as const)('§16 type: %s', ([, name, encodings, type]) => {
  const codec = { kind: 'video' as const, name, payloadType: 100, clockRate: 90000 };
  const wide = roomCapabilities([codec]);
  const caps = effectivePeerCapabilities(wide, parsePeerCapabilities({ codecs: [codec] }));
  expect(receiverParameters(wide, caps, 'video', { codecs: [codec], encodings }).type).toBe(type);
});

import { describe, expect, test } from 'vitest';
import { mediaCodecs, peerCapabilities, videoFeedback } from '../test/fixtures.ts';
import { effectivePeerCapabilities, parsePeerCapabilities, roomCapabilities } from './index.ts';

const room = roomCapabilities(mediaCodecs);
const effective = (caps: unknown, options?: { feedback?: 'room' | 'peer' }) =>
  effectivePeerCapabilities(room, parsePeerCapabilities(caps), options);

test('§11.4 fixture: the room’s payload types, RTX at the end', () => {
  const { codecs } = effective(peerCapabilities);
  expect(
    codecs.map(({ name, payloadType, parameters }) =>
      `${name} ${payloadType} ${parameters.apt ?? ''}`.trim(),
    ),
  ).toEqual([
    'audio/opus 100',
    'audio/PCMU 0',
    'video/VP8 110',
    'video/H264 112',
    'video/rtx 101 110',
    'video/rtx 102 112',
  ]);
});

test('§11.4 feedback is what both have; for receive() what the peer listed', () => {
  const vp8 = (caps: { codecs: { name: string; rtcpFeedback: object[] }[] }) =>
    caps.codecs.find((codec) => codec.name === 'video/VP8')?.rtcpFeedback;
  expect(vp8(effective(peerCapabilities))).toEqual([
    { type: 'nack', parameter: null },
    { type: 'nack', parameter: 'pli' },
    { type: 'ccm', parameter: 'fir' },
  ]);
  expect(vp8(effective(peerCapabilities, { feedback: 'peer' }))).toEqual(videoFeedback);
});

test('§11.4 extensions get the room’s ids; unknown ones are gone', () => {
  const { headerExtensions } = effective({
    ...peerCapabilities,
    headerExtensions: [
      ...peerCapabilities.headerExtensions,
      { kind: 'video', uri: 'urn:x:unknown', preferredId: 9 },
    ],
  });
  expect(
    headerExtensions.map(({ kind, uri, preferredId }) => [kind, uri.split(/[:/]/).at(-1), preferredId]),
  ).toEqual([
    ['audio', 'ssrc-audio-level', 10],
    ['video', 'toffset', 12],
    ['', 'abs-send-time', 4],
    ['video', 'video-orientation', 11],
    ['', 'rtp-stream-id', 2],
  ]);
});

test('D-26 an extension without kind is for all kinds', () => {
  const { headerExtensions } = effective({
    headerExtensions: [{ uri: 'URN:ietf:params:rtp-hdrext:sdes:MID', preferredId: 7 }],
  });
  expect(headerExtensions).toEqual([
    {
      kind: '',
      uri: 'urn:ietf:params:rtp-hdrext:sdes:mid',
      preferredId: 1,
      preferredEncrypt: false,
      direction: 'sendrecv',
    },
  ]);
});

test('D-31 an extension that the client lists for the other kind only is kept', () => {
  const { headerExtensions } = effective({
    headerExtensions: [{ kind: 'video', uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', preferredId: 3 }],
  });
  expect(headerExtensions.map(({ preferredId }) => preferredId)).toEqual([10]);
});

test('D-30 no RTX for a codec that the peer cannot repair', () => {
  const { codecs } = effective({
    codecs: peerCapabilities.codecs.filter(({ payloadType }) => payloadType !== 99),
  });
  expect(codecs.filter(({ name }) => name === 'video/rtx').map(({ parameters }) => parameters.apt)).toEqual([
    110,
  ]);
});

test('D-32 of two codecs that are one in the room, the first stays', () => {
  const h264 = { kind: 'video', name: 'video/H264', clockRate: 90000 };
  const { codecs } = effective({
    codecs: [
      { ...h264, payloadType: 50, parameters: { packetizationMode: 1, profileLevelId: '42e01f' } },
      { ...h264, payloadType: 51, parameters: { packetizationMode: 1, profileLevelId: '42e034' } },
    ],
  });
  expect(codecs.map(({ payloadType, parameters }) => [payloadType, parameters.profileLevelId])).toEqual([
    [112, '42e01f'],
  ]);
});

test('D-27 a depth codec is not a video codec', () => {
  const { codecs } = effective({
    codecs: [{ kind: 'depth', name: 'video/vp8', payloadType: 110, clockRate: 90000 }],
  });
  expect(codecs.map(({ kind, payloadType }) => [kind, payloadType])).toEqual([['depth', 120]]);
});

describe('§10.2 validation', () => {
  test('D-11 not an object is a TypeError; {} is accepted', () => {
    for (const value of [undefined, null, 'caps', 1, []]) {
      expect(() => parsePeerCapabilities(value)).toThrow(TypeError);
    }
    expect(parsePeerCapabilities({})).toEqual({ codecs: [], headerExtensions: [], fecMechanisms: [] });
  });

  const opus = { kind: 'audio', name: 'audio/opus', payloadType: 100, clockRate: 48000 };
  test.for([
    [{ codecs: [opus, opus] }, 'codecs.1.payloadType'],
    [{ codecs: [{ ...opus, payloadType: undefined }] }, 'codecs.0.payloadType'],
    [{ codecs: [{ ...opus, payloadType: -1 }] }, 'codecs.0.payloadType'],
    [{ codecs: [{ ...opus, payloadType: 96.5 }] }, 'codecs.0.payloadType'],
    [{ codecs: [{ ...opus, kind: '' }] }, 'codecs.0.kind'],
    [{ codecs: [{ ...opus, name: undefined }] }, 'codecs.0.name'],
    [{ codecs: [{ ...opus, rtcpFeedback: [{}] }] }, 'codecs.0.rtcpFeedback.0.type'],
    [{ codecs: [null] }, 'codecs.0'],
    [{ headerExtensions: [{ kind: 'x', uri: 'a', preferredId: 1 }] }, 'headerExtensions.0.kind'],
    [{ headerExtensions: [{ kind: '', preferredId: 1 }] }, 'headerExtensions.0.uri'],
    [{ headerExtensions: [{ kind: '', uri: 'a', preferredId: 0 }] }, 'headerExtensions.0.preferredId'],
    [{ headerExtensions: [{ kind: '', uri: 'a', preferredId: 256 }] }, 'headerExtensions.0.preferredId'],
    [{ fecMechanisms: [1] }, 'fecMechanisms.0'],
  ] as const)('%j', ([caps, field]) => {
    expect(() => parsePeerCapabilities(caps)).toThrow(expect.objectContaining({ kind: 'invalid', field }));
  });

  test('a wrong type in an optional field means its default', () => {
    const caps = parsePeerCapabilities({
      codecs: [{ ...opus, maxptime: 'x', ptime: 0, numChannels: 'two', parameters: 1, rtcpFeedback: {} }],
      headerExtensions: 'none',
      fecMechanisms: null,
    });
    expect(caps.codecs).toEqual([{ ...opus, numChannels: 2, parameters: {}, rtcpFeedback: [] }]);
    expect(caps.headerExtensions).toEqual([]);
  });

  test('parameter values of other types are dropped, and no prototype is replaced', () => {
    const parameters = JSON.parse(
      '{"a":1,"b":"x","c":true,"d":[1,2],"e":[1.5],"f":{},"g":null,"__proto__":[1,2,3]}',
    );
    const [codec] = parsePeerCapabilities({ codecs: [{ ...opus, parameters }] }).codecs;
    expect(codec?.parameters).toEqual({ a: 1, b: 'x', c: true, d: [1, 2] });
    expect(Object.getPrototypeOf(codec?.parameters)).toBe(Object.prototype);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mediaCodecs } from '../test/fixtures.ts';
import {
  capabilitiesOfKind,
  defaultMediaCodecs,
  getSupportedRtpCapabilities,
  isRtxCodec,
  OrtcError,
  roomCapabilities,
} from './index.ts';

const payloadTypes = (codecs: unknown) =>
  roomCapabilities(codecs).codecs.map(({ name, payloadType, parameters }) =>
    name.endsWith('/rtx') ? `rtx ${payloadType} apt ${parameters.apt}` : `${name} ${payloadType}`,
  );

test('§11.2 fixture: payload types are kept, RTX is added to everything video', () => {
  expect(payloadTypes(mediaCodecs)).toEqual([
    'audio/opus 100',
    'audio/PCMU 0',
    'video/VP8 110',
    'rtx 101 apt 110',
    'video/H264 112',
    'rtx 102 apt 112',
    'video/VP8 120',
    'rtx 103 apt 120',
  ]);
});

test('R6 room.getCapabilities() gives an object for audio, video and depth', () => {
  const room = roomCapabilities(mediaCodecs);
  const of = (kind: 'audio' | 'video' | 'depth') => capabilitiesOfKind(room, kind);
  expect(of('audio').codecs.map((codec) => codec.payloadType)).toEqual([100, 0]);
  expect(of('video').codecs.map((codec) => codec.payloadType)).toEqual([110, 101, 112, 102]);
  expect(of('depth').codecs.map((codec) => codec.payloadType)).toEqual([120, 103]);
  expect(of('video').codecs.every((codec) => codec.kind === 'video')).toBe(true);
  expect(of('depth').headerExtensions.map(({ kind, preferredId }) => [kind, preferredId])).toContainEqual([
    'depth',
    1,
  ]);
});

test('§4.3 room.getCapabilities() of another kind is a TypeError', () => {
  const room = roomCapabilities(mediaCodecs);
  for (const kind of ['chicken', '', 'AUDIO', undefined]) {
    expect(() => capabilitiesOfKind(room, kind as 'audio')).toThrow(TypeError);
  }
});

test('§11.3 a kind without codecs has no extensions either', () => {
  const room = roomCapabilities([mediaCodecs[0]]);
  expect(capabilitiesOfKind(room, 'video')).toEqual({ codecs: [], headerExtensions: [], fecMechanisms: [] });
});

test('§11.3 codecs of all kinds are listed for each', () => {
  const room = roomCapabilities([{ kind: '', name: 'video/VP8', clockRate: 90000 }]);
  for (const kind of ['video', 'depth'] as const) {
    expect(capabilitiesOfKind(room, kind).codecs.map((codec) => codec.kind)).toEqual([kind, kind]);
  }
});

test('D-8 no media codecs: an empty room', () => {
  for (const value of [undefined, null, 'codecs', {}, []]) expect(roomCapabilities(value).codecs).toEqual([]);
});

describe('§11.2 what is refused, skipped, taken', () => {
  test.for([
    [{ kind: 'audio', name: 'opus', clockRate: 48000 }, 'mediaCodecs.0.name'],
    [{ kind: 'audio', name: 'audio/chicken', clockRate: 48000 }, 'mediaCodecs.0.name'],
    [{ kind: 'audio', name: '/opus', clockRate: 48000 }, 'mediaCodecs.0.name'],
    [{ kind: 'chicken', name: 'audio/opus', clockRate: 48000 }, 'mediaCodecs.0.kind'],
    [{ name: 'audio/opus', clockRate: 48000 }, 'mediaCodecs.0.kind'],
    [{ kind: 'audio', name: 'audio/opus' }, 'mediaCodecs.0.clockRate'],
    [{ kind: 'audio', name: 'audio/opus', clockRate: 48000, payloadType: 128 }, 'mediaCodecs.0.payloadType'],
    ['audio/opus', 'mediaCodecs.0'],
    [{ kind: 'video', name: 'video/rtx', clockRate: 90000 }, 'mediaCodecs.0.parameters.apt'],
  ] as const)('%j', ([codec, field]) => {
    expect(() => roomCapabilities([codec])).toThrow(OrtcError);
    expect(() => roomCapabilities([codec])).toThrow(expect.objectContaining({ kind: 'invalid', field }));
  });

  test('a known codec that Weir cannot carry is skipped and told', () => {
    const skipped: string[] = [];
    const room = roomCapabilities(
      [
        { kind: 'audio', name: 'audio/opus', clockRate: 44100, numChannels: 2 },
        { kind: 'video', name: 'VIDEO/x-h264uc', clockRate: 90000 },
        { kind: 'audio', name: 'audio/pcma', clockRate: 8000 },
      ],
      (name) => skipped.push(name),
    );
    expect(skipped).toEqual(['audio/opus', 'video/X-H264UC']);
    expect(room.codecs.map((codec) => codec.name)).toEqual(['audio/PCMA']);
  });

  test('rtx, red and fec are skipped silently', () => {
    const told: string[] = [];
    const codecs = [
      { kind: 'video', name: 'video/rtx', clockRate: 90000, parameters: { apt: 100 } },
      { kind: 'video', name: 'video/red', clockRate: 90000 },
      { kind: 'video', name: 'video/ulpfec', clockRate: 90000 },
    ];
    expect(roomCapabilities(codecs, (name) => told.push(name)).codecs).toEqual([]);
    expect(told).toEqual([]);
  });

  test('the rtcpFeedback is ours, the parameters are theirs', () => {
    const [codec] = roomCapabilities([
      {
        kind: 'video',
        name: 'video/h264',
        clockRate: 90000,
        rtcpFeedback: [{ type: 'ack', parameter: 'app' }],
        parameters: { profileLevelId: '640032', packetizationMode: 1, unheardOf: [1, 2] },
      },
    ]).codecs;
    expect(codec?.parameters).toEqual({ profileLevelId: '640032', packetizationMode: 1, unheardOf: [1, 2] });
    expect(codec?.rtcpFeedback.map(({ type, parameter }) => `${type} ${parameter}`)).toEqual([
      'nack null',
      'nack pli',
      'ccm fir',
      'goog-remb null',
      'transport-cc null',
    ]);
  });
});

describe('D-28 payload types', () => {
  const vp8 = { kind: 'video', name: 'video/VP8', clockRate: 90000 };
  const opus = { kind: 'audio', name: 'audio/opus', clockRate: 48000 };

  test('RTX never takes the value of its codec', () => {
    expect(payloadTypes([{ ...vp8, payloadType: 100 }])).toEqual(['video/VP8 100', 'rtx 101 apt 100']);
  });

  test('explicit values are reserved before dynamic ones are given', () => {
    expect(payloadTypes([vp8, { ...opus, payloadType: 101 }])).toEqual([
      'video/VP8 100',
      'rtx 102 apt 100',
      'audio/opus 101',
    ]);
  });

  test('a taken or reserved explicit value is replaced', () => {
    expect(
      payloadTypes([
        { ...opus, payloadType: 96 },
        { ...opus, payloadType: 96 },
      ]),
    ).toEqual(['audio/opus 96', 'audio/opus 100']);
    expect(payloadTypes([{ ...opus, payloadType: 127 }])).toEqual(['audio/opus 100']);
    expect(payloadTypes([{ ...opus, payloadType: 73 }])).toEqual(['audio/opus 100']);
  });

  test('they run out after 87 codecs', () => {
    expect(roomCapabilities(Array(87).fill(opus)).codecs).toHaveLength(87);
    expect(() => roomCapabilities(Array(88).fill(opus))).toThrow(
      expect.objectContaining({ field: 'mediaCodecs.87' }),
    );
    expect(() => roomCapabilities(Array(44).fill(vp8))).toThrow(OrtcError);
  });

  test('they never collide, and RTX follows its codec', () => {
    const codec = fc.record({
      kind: fc.constantFrom('audio', 'video', 'depth', ''),
      name: fc.constantFrom('audio/opus', 'video/VP8', 'video/H264', 'audio/PCMU', 'video/AV1'),
      payloadType: fc.option(fc.integer({ min: 0, max: 127 }), { nil: undefined }),
    });
    const rates: Record<string, number> = { 'audio/opus': 48000, 'audio/PCMU': 8000 };
    fc.assert(
      fc.property(fc.array(codec, { maxLength: 30 }), (codecs) => {
        const room = roomCapabilities(codecs.map((c) => ({ ...c, clockRate: rates[c.name] ?? 90000 })));
        const used = room.codecs.map(({ payloadType }) => payloadType);
        expect(new Set(used).size).toBe(used.length);
        expect(used).not.toContain(127);
        room.codecs.forEach((entry, index) => {
          const isVideo = entry.name.startsWith('video/') && !isRtxCodec(entry);
          if (isVideo) expect(room.codecs[index + 1]?.parameters.apt).toBe(entry.payloadType);
        });
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});

test('§16 the supported list is complete and cannot be changed from outside', () => {
  const supported = getSupportedRtpCapabilities();
  expect([...new Set(supported.codecs.map((codec) => codec.name))]).toEqual([
    'audio/opus',
    'audio/red',
    'audio/PCMU',
    'audio/PCMA',
    'audio/ISAC',
    'audio/G722',
    'audio/iLBC',
    'audio/SILK',
    'audio/CN',
    'audio/telephone-event',
    'video/VP8',
    'video/VP9',
    'video/H264',
    'video/H265',
    'video/AV1',
  ]);
  const ids = new Map(supported.headerExtensions.map(({ uri, preferredId }) => [uri, preferredId]));
  expect(new Set(ids.values()).size).toBe(ids.size);
  supported.codecs.length = 0;
  supported.headerExtensions[0]!.preferredId = 99;
  expect(getSupportedRtpCapabilities().codecs).toHaveLength(26);
  expect(getSupportedRtpCapabilities().headerExtensions[0]?.preferredId).toBe(1);
});

test('the default codecs are all supported', () => {
  const skipped: string[] = [];
  const room = roomCapabilities(defaultMediaCodecs, (name) => skipped.push(name));
  expect(skipped).toEqual([]);
  expect(room.codecs.map((codec) => codec.payloadType)).toEqual([
    100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110,
  ]);
});

import { WireRtpCapabilities, WireRtpCodecCapability, WireRtpParameters } from '@weir/protocol';
import { describe, expect, test } from 'vitest';
import {
  capabilitiesFromWire,
  capabilitiesToWire,
  effectivePeerCapabilities,
  mediaCodecFromWire,
  parsePeerCapabilities,
  receiverParameters,
  roomCapabilities,
  rtpParametersFromWire,
  rtpParametersToWire,
  senderParameters,
} from './index.ts';

const opus = { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 } as const;
const red = { ...opus, mimeType: 'audio/red' } as const;
const vp8 = { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 } as const;

function roomOf(...codecs: object[]) {
  const skipped: string[] = [];
  const wire = codecs.map((codec) => mediaCodecFromWire(WireRtpCodecCapability.parse(codec)));
  return { room: roomCapabilities(wire, (name) => skipped.push(name)), skipped };
}

/** What Chromium says, in the words of mediasoup-client: it has no name for the parameter without a name. */
const chromium = (parameters: object) => ({
  codecs: [
    { ...opus, preferredPayloadType: 111, parameters: { minptime: 10, useinbandfec: 1 } },
    { ...red, preferredPayloadType: 63, parameters },
  ],
});

function peerOf(room: ReturnType<typeof roomOf>['room'], capabilities: object) {
  const parsed = capabilitiesFromWire(WireRtpCapabilities.parse(capabilities));
  return effectivePeerCapabilities(room, parsePeerCapabilities(parsed));
}

describe('a room', () => {
  test('has RED after all others, with blocks of its Opus, whatever was asked for', () => {
    const { room, skipped } = roomOf({ ...red, parameters: { '': '5/6' } }, vp8, opus);
    expect(
      capabilitiesToWire(room).codecs.map((codec) => [codec.mimeType, codec.preferredPayloadType]),
    ).toEqual([
      ['video/VP8', 101],
      ['video/rtx', 102],
      ['audio/opus', 103],
      ['audio/red', 100],
    ]);
    expect(capabilitiesToWire(room).codecs.at(-1)).toMatchObject({
      channels: 2,
      parameters: { '': '103/103' },
    });
    expect(skipped).toEqual([]);
  });

  test('can have the payload types of browsers, so that no payload is ever touched', () => {
    const { room } = roomOf({ ...opus, preferredPayloadType: 111 }, { ...red, preferredPayloadType: 63 });
    expect(capabilitiesToWire(room).codecs).toMatchObject([
      { preferredPayloadType: 111 },
      { preferredPayloadType: 63, parameters: { '': '111/111' } },
    ]);
  });

  test('without Opus has no RED, and says so', () => {
    const { room, skipped } = roomOf(red, vp8);
    expect(room.codecs.map(({ name }) => name)).toEqual(['video/VP8', 'video/rtx']);
    expect(skipped).toEqual(['audio/red']);
  });
});

test.for([
  ['as mediasoup-client reads it', { '111/111': '' }],
  ['by an empty name', { '': '111/111' }],
  ['not at all', {}],
] as const)('a peer that names the blocks %s has RED with the room’s payload types', ([, parameters]) => {
  const { room } = roomOf(opus, red);
  expect(peerOf(room, chromium(parameters)).codecs).toMatchObject([
    { name: 'audio/opus', payloadType: 100 },
    { name: 'audio/red', payloadType: 101, parameters: { '': '100/100' } },
  ]);
  const redOnly = { codecs: chromium(parameters).codecs.slice(1) };
  expect(peerOf(room, redOnly).codecs).toEqual([]);
  expect(peerOf(roomOf(opus).room, chromium(parameters)).codecs).toHaveLength(1);
});

describe('a publisher', () => {
  const { room } = roomOf(opus, red);
  const caps = peerOf(room, chromium({}));
  const publish = (codecs: object[], sendCaps = caps) =>
    receiverParameters(
      room,
      sendCaps,
      'audio',
      rtpParametersFromWire(WireRtpParameters.parse({ codecs, encodings: [{ ssrc: 7 }] })),
    );
  const opusAt = (payloadType: number) => ({
    mimeType: 'audio/opus',
    payloadType,
    clockRate: 48_000,
    channels: 2,
  });
  const redAt = (payloadType: number, parameters: object = {}) => ({
    ...opusAt(payloadType),
    mimeType: 'audio/red',
    parameters,
  });
  const play = (source: ReturnType<typeof publish>, viewer: typeof caps) =>
    senderParameters(
      room,
      { kind: 'audio', rtpParameters: source.effective, payloadTypes: source.payloadTypes },
      viewer,
      { ssrc: 1, rtxSsrc: 2, cname: 'a' },
    );

  test('of RED, in any order, is a publisher of Opus with RED; viewers get the room’s payload types', () => {
    const source = publish([redAt(63, { '': '111/111' }), opusAt(111)]);
    expect(source.payloadTypes).toEqual({ 63: 101, 111: 100 });
    expect(source.effective.encodings).toMatchObject([{ ssrc: 7, codecPayloadType: 111 }]);
    const { rtpParameters, available } = play(source, caps);
    expect(available).toBe(true);
    expect(rtpParametersToWire(rtpParameters).codecs).toMatchObject([
      { mimeType: 'audio/opus', payloadType: 100 },
      { mimeType: 'audio/red', payloadType: 101, parameters: { '': '100/100' } },
    ]);
  });

  test('is heard by viewers that know no RED', () => {
    const viewer = peerOf(room, { codecs: chromium({}).codecs.slice(0, 1) });
    const { rtpParameters, available } = play(publish([opusAt(111), redAt(63)]), viewer);
    expect(available).toBe(true);
    expect(rtpParameters.codecs.map(({ name }) => name)).toEqual(['audio/opus']);
  });

  test.for([
    ['blocks that are of nothing', [opusAt(111), redAt(63, { '': '111/9' })]],
    ['blocks of itself', [opusAt(111), redAt(63, { '63/63': '' })]],
  ] as const)('is refused for %s', ([, codecs]) => {
    expect(() => publish([...codecs])).toThrow(/give payload types of a listed audio\/opus/);
  });

  test('can’t send RED and nothing else', () => {
    expect(() => publish([redAt(63)])).toThrow(/no media codecs found/);
  });

  test('without RED among its capabilities publishes Opus alone', () => {
    const sendCaps = peerOf(room, { codecs: chromium({}).codecs.slice(0, 1) });
    expect(publish([opusAt(111), redAt(63)], sendCaps).effective.codecs.map(({ name }) => name)).toEqual([
      'audio/opus',
    ]);
  });
});

test('how a publisher encodes Opus reaches the viewers', () => {
  const { room } = roomOf(opus);
  const caps = peerOf(room, chromium({}));
  const parameters = {
    minptime: 10,
    useinbandfec: 1,
    usedtx: 1,
    stereo: 1,
    'sprop-stereo': 1,
    maxaveragebitrate: 64_000,
    maxplaybackrate: 24_000,
    cbr: 0,
  };
  const source = receiverParameters(
    room,
    caps,
    'audio',
    rtpParametersFromWire(
      WireRtpParameters.parse({
        codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2, parameters }],
        encodings: [{ ssrc: 7, dtx: true }],
      }),
    ),
  );
  const { rtpParameters } = senderParameters(
    room,
    { kind: 'audio', rtpParameters: source.effective, payloadTypes: source.payloadTypes },
    caps,
    { ssrc: 1, rtxSsrc: 2, cname: 'a' },
  );
  const wire = rtpParametersToWire(rtpParameters);
  expect(wire.codecs[0]!.parameters).toEqual(parameters);
  expect(wire.encodings).toMatchObject([{ dtx: true }]);
});

import { WireRtpCapabilities, WireRtpParameters } from '@weir/protocol';
import { FakeMediaStreamTrack } from 'fake-mediastreamtrack';
import { Device, type types } from 'mediasoup-client';
import * as fakeParameters from 'mediasoup-client/fakeParameters';
import { FakeHandler } from 'mediasoup-client/handlers/FakeHandler';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  capabilitiesFromWire,
  capabilitiesToWire,
  defaultMediaCodecs,
  dtlsParametersFromWire,
  dtlsParametersToWire,
  effectivePeerCapabilities,
  iceCandidates,
  iceCandidatesToWire,
  iceParametersToWire,
  parsePeerCapabilities,
  parseRemoteDtlsParameters,
  type RtpCapabilities,
  receiverParameters,
  roomCapabilities,
  rtpParametersFromWire,
  rtpParametersToWire,
  senderParameters,
} from '../src/index.ts';

/** The real mediasoup-client against what we put on the wire (object-model.md §15). */

const room = roomCapabilities(defaultMediaCodecs);

/** What a browser says it can do: FakeHandler's own list, and what Chrome lists of H264 and AV1. */
const chrome = () => {
  const native = fakeParameters.generateNativeRtpCapabilities();
  const feedback = [
    { type: 'goog-remb' },
    { type: 'transport-cc' },
    { type: 'ccm', parameter: 'fir' },
    { type: 'nack' },
    { type: 'nack', parameter: 'pli' },
  ];
  const add = (
    mimeType: `video/${string}`,
    payloadType: number,
    parameters: Record<string, string | number>,
  ) =>
    native.codecs!.push(
      {
        kind: 'video',
        mimeType,
        preferredPayloadType: payloadType,
        clockRate: 90000,
        parameters,
        rtcpFeedback: feedback,
      },
      {
        kind: 'video',
        mimeType: 'video/rtx',
        preferredPayloadType: payloadType + 1,
        clockRate: 90000,
        parameters: { apt: payloadType },
        rtcpFeedback: [],
      },
    );
  const h264 = (profile: string, mode: number) => ({
    'level-asymmetry-allowed': 1,
    'packetization-mode': mode,
    'profile-level-id': profile,
  });
  add('video/H264', 112, h264('42001f', 1));
  add('video/H264', 114, h264('42001f', 0));
  add('video/H264', 116, h264('42e01f', 1));
  add('video/AV1', 118, { 'level-idx': 5, profile: 0, tier: 0 });
  return native;
};

let device: Device;
beforeEach(async () => {
  device = new Device({
    handlerFactory: FakeHandler.createFactory({ ...fakeParameters, generateNativeRtpCapabilities: chrome }),
  });
  await device.load({ routerRtpCapabilities: capabilitiesToWire(room) as types.RtpCapabilities });
});

const fromDevice = (caps: types.RtpCapabilities, feedback: 'room' | 'peer' = 'room') =>
  effectivePeerCapabilities(
    room,
    parsePeerCapabilities(capabilitiesFromWire(WireRtpCapabilities.parse(caps))),
    { feedback },
  );

function transportOptions(id: string): types.TransportOptions {
  return {
    id,
    iceParameters: iceParametersToWire({ usernameFragment: 'abcdefgh12345678', password: 'x'.repeat(32) }),
    iceCandidates: iceCandidatesToWire(
      iceCandidates([
        { ip: '192.0.2.1', family: 'ipv4', protocol: 'udp', port: 40000 },
        { ip: '192.0.2.1', family: 'ipv4', protocol: 'tcp', port: 40000 },
      ]),
    ) as types.IceCandidate[],
    dtlsParameters: dtlsParametersToWire('auto', [
      { algorithm: 'sha-256', value: 'ab'.repeat(32) },
    ]) as types.DtlsParameters,
  };
}

/** Publishes from a device and takes it as `receive()` would. */
async function publish(options: Omit<types.ProducerOptions, 'track'> & { kind: 'audio' | 'video' }) {
  const { kind, ...rest } = options;
  const sendCaps = fromDevice(device.sendRtpCapabilities, 'peer');
  const transport = device.createSendTransport(transportOptions('send'));
  const connects: unknown[] = [];
  transport.on('connect', ({ dtlsParameters }, callback) => {
    connects.push(parseRemoteDtlsParameters(dtlsParametersFromWire(dtlsParameters as never)));
    callback();
  });
  const given: WireRtpParameters[] = [];
  transport.on('produce', ({ rtpParameters }, callback) => {
    given.push(WireRtpParameters.parse(rtpParameters));
    callback({ id: '12345678' });
  });
  const producer = await transport.produce({ track: new FakeMediaStreamTrack({ kind }) as never, ...rest });
  expect(connects).toMatchObject([{ role: 'server', fingerprint: { algorithm: 'sha-256' } }]);
  const received = receiverParameters(room, sendCaps, kind, rtpParametersFromWire(given[0]!));
  return { producer, wire: given[0]!, kind, ...received };
}

/** What a sender of `published` has for a viewer. */
function offer(published: Awaited<ReturnType<typeof publish>>, viewer: RtpCapabilities) {
  return senderParameters(
    room,
    { kind: published.kind, rtpParameters: published.effective, payloadTypes: published.payloadTypes },
    viewer,
    { ssrc: 3_000_000_001, rtxSsrc: 3_000_000_002, cname: 'peer-1', muxId: '0' },
  );
}

/** Gives it to the viewer's device. */
async function consume(published: Awaited<ReturnType<typeof publish>>, viewer: RtpCapabilities) {
  const { rtpParameters, available } = offer(published, viewer);
  const transport = device.createRecvTransport(transportOptions('recv'));
  transport.on('connect', (_parameters, callback) => callback());
  const consumer = await transport.consume({
    id: '87654321.1',
    producerId: '12345678',
    kind: published.kind,
    rtpParameters: WireRtpParameters.parse(rtpParametersToWire(rtpParameters)) as types.RtpParameters,
  });
  return { consumer, rtpParameters, available };
}

test('§15.3 step 1: the device loads, and can produce both kinds', () => {
  expect(device.loaded).toBe(true);
  expect(device.canProduce('audio')).toBe(true);
  expect(device.canProduce('video')).toBe(true);
});

test('§15.3 step 2: received capabilities carry the room’s payload types and extension ids', () => {
  const { codecs, headerExtensions } = fromDevice(device.recvRtpCapabilities);
  expect(codecs.map(({ name, payloadType }) => `${name} ${payloadType}`)).toEqual([
    'audio/opus 100',
    'video/VP8 101',
    'video/VP9 103',
    'video/H264 105',
    'video/H264 107',
    'video/AV1 109',
    'video/rtx 102',
    'video/rtx 104',
    'video/rtx 106',
    'video/rtx 108',
    'video/rtx 110',
  ]);
  for (const extension of headerExtensions) {
    expect(room.headerExtensions.map(({ uri, preferredId }) => `${uri} ${preferredId}`)).toContain(
      `${extension.uri} ${extension.preferredId}`,
    );
  }
});

describe('§15.3 steps 6 and 7: what is produced is received, what is sent is consumed', () => {
  test('audio', async () => {
    const published = await publish({ kind: 'audio' });
    expect(published.effective.codecs[0]).toMatchObject({
      name: 'audio/opus',
      payloadType: 111,
      numChannels: 2,
    });
    expect(published.payloadTypes).toEqual({ 111: 100 });
    const { consumer, available } = await consume(published, fromDevice(device.recvRtpCapabilities));
    expect(available).toBe(true);
    expect(consumer.rtpParameters.codecs.map(({ payloadType }) => payloadType)).toEqual([100]);
    expect(consumer.rtpParameters.rtcp?.cname).toMatch(/^CNAME-/);
  });

  test.for([
    ['video/VP8', 96, 101, 102],
    ['video/VP9', 98, 103, 104],
    ['video/H264', 112, 107, 108],
    ['video/AV1', 118, 109, 110],
  ] as const)('%s', async ([mimeType, wirePayloadType, payloadType, rtxPayloadType]) => {
    const codec = device.sendRtpCapabilities.codecs!.find(
      ({ mimeType: name, parameters }) =>
        name === mimeType && (parameters?.['profile-level-id'] ?? '42001f') === '42001f',
    );
    const published = await publish({ kind: 'video', codec: codec! });
    expect(published.effective.codecs[0]?.payloadType).toBe(wirePayloadType);
    expect(published.payloadTypes).toEqual({
      [wirePayloadType]: payloadType,
      [wirePayloadType + 1]: rtxPayloadType,
    });
    const { consumer, rtpParameters } = await consume(published, fromDevice(device.recvRtpCapabilities));
    expect(consumer.rtpParameters.codecs.map((entry) => entry.payloadType)).toEqual([
      payloadType,
      rtxPayloadType,
    ]);
    expect(consumer.rtpParameters.encodings).toMatchObject([
      { ssrc: 3_000_000_001, rtx: { ssrc: 3_000_000_002 } },
    ]);
    // The client decides on one bandwidth estimation, and so must we (15.4).
    expect(rtpParameters.codecs[0]?.rtcpFeedback.map(({ type }) => type)).not.toContain('goog-remb');
    expect(rtpParameters.headerExtensions.map(({ uri }) => uri.split(/[:/]/).at(-1))).toContain(
      'draft-holmer-rmcat-transport-wide-cc-extensions-01',
    );
  });

  test('simulcast', async () => {
    const published = await publish({
      kind: 'video',
      encodings: [{ maxBitrate: 100_000 }, { maxBitrate: 900_000 }],
    });
    expect(published.type).toBe('simulcast');
    expect(published.effective.encodings).toHaveLength(2);
    const { consumer } = await consume(published, fromDevice(device.recvRtpCapabilities));
    expect(consumer.rtpParameters.encodings).toHaveLength(1);
  });

  test('the stream of the track reaches the viewer', async () => {
    const published = await publish({ kind: 'video', streamId: 'screen' });
    expect(published.wire.msid).toMatch(/^screen /);
    const { consumer } = await consume(published, fromDevice(device.recvRtpCapabilities));
    expect(consumer.rtpParameters.msid).toBe(published.wire.msid);
  });

  test('what the viewer cannot play is not offered', async () => {
    const published = await publish({ kind: 'video' });
    const caps = fromDevice(device.recvRtpCapabilities);
    const audioOnly = { ...caps, codecs: caps.codecs.filter(({ kind }) => kind === 'audio') };
    expect(offer(published, audioOnly)).toMatchObject({ available: false, rtpParameters: { codecs: [] } });
  });
});

describe('RED (RFC 2198)', () => {
  const redRoom = roomCapabilities([
    { kind: 'audio', name: 'audio/red', clockRate: 48000, numChannels: 2 },
    ...defaultMediaCodecs,
  ]);
  const load = async () => {
    const withRed = () => {
      const native = chrome();
      native.codecs!.push({
        kind: 'audio',
        mimeType: 'audio/red',
        preferredPayloadType: 63,
        clockRate: 48000,
        channels: 2,
        // What its SDP parser makes of `a=fmtp:63 111/111`.
        parameters: { '111/111': undefined } as never,
        rtcpFeedback: [],
      });
      return native;
    };
    const client = new Device({
      handlerFactory: FakeHandler.createFactory({
        ...fakeParameters,
        generateNativeRtpCapabilities: withRed,
      }),
    });
    await client.load({ routerRtpCapabilities: capabilitiesToWire(redRoom) as types.RtpCapabilities });
    return client;
  };

  test('the client offers it to us, publishes without it, and plays it', async () => {
    const client = await load();
    const wire = WireRtpCapabilities.parse(JSON.parse(JSON.stringify(client.recvRtpCapabilities)));
    const caps = effectivePeerCapabilities(redRoom, parsePeerCapabilities(capabilitiesFromWire(wire)));
    const names = caps.codecs.filter(({ name }) => name.startsWith('audio/')).map(({ name }) => name);
    expect(names).toEqual(['audio/opus', 'audio/red']);

    const transport = client.createSendTransport(transportOptions('send'));
    transport.on('connect', (_parameters, callback) => callback());
    const produced: types.RtpParameters[] = [];
    transport.on('produce', ({ rtpParameters }, callback) => {
      produced.push(rtpParameters);
      callback({ id: '12345678' });
    });
    await transport.produce({ track: new FakeMediaStreamTrack({ kind: 'audio' }) as never });
    // It keeps one codec of those it matched, and RED is of no use without the other.
    expect(produced[0]!.codecs.map(({ mimeType }) => mimeType)).toEqual(['audio/opus']);

    const source = receiverParameters(redRoom, caps, 'audio', {
      codecs: [
        { name: 'audio/opus', payloadType: 111, clockRate: 48000, numChannels: 2 },
        { name: 'audio/red', payloadType: 63, clockRate: 48000, numChannels: 2 },
      ],
    });
    const { rtpParameters } = senderParameters(
      redRoom,
      { kind: 'audio', rtpParameters: source.effective, payloadTypes: source.payloadTypes },
      caps,
      { ssrc: 3_000_000_001, rtxSsrc: 3_000_000_002, cname: 'peer-1', muxId: '0' },
    );
    const recv = client.createRecvTransport(transportOptions('recv'));
    recv.on('connect', (_parameters, callback) => callback());
    const consumer = await recv.consume({
      id: '87654321.1',
      producerId: '12345678',
      kind: 'audio',
      rtpParameters: WireRtpParameters.parse(rtpParametersToWire(rtpParameters)) as types.RtpParameters,
    });
    const [opus, red] = consumer.rtpParameters.codecs;
    expect(red).toMatchObject({
      mimeType: 'audio/red',
      parameters: { '': `${opus!.payloadType}/${opus!.payloadType}` },
    });
  });
});

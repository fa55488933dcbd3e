import { WireDtlsParameters, WireIceCandidate, WireRtpCapabilities, WireRtpParameters } from '@weir/protocol';
import { describe, expect, test } from 'vitest';
import { mediaCodecs } from '../test/fixtures.ts';
import {
  capabilitiesFromWire,
  capabilitiesToWire,
  defaultMediaCodecs,
  dtlsParametersFromWire,
  dtlsParametersToWire,
  fieldToWire,
  iceCandidates,
  iceCandidatesToWire,
  iceParametersToWire,
  mediaCodecFromWire,
  parseRtpParameters,
  roomCapabilities,
  rtpParametersFromWire,
  rtpParametersToWire,
} from './index.ts';

describe('§15.2 capabilities', () => {
  const wire = capabilitiesToWire(roomCapabilities([...mediaCodecs, ...defaultMediaCodecs]));

  test('are what the wire allows', () => {
    expect(WireRtpCapabilities.parse(wire)).toEqual(wire);
  });

  test('have a preferred payload type, and RTX right after its codec', () => {
    wire.codecs.forEach((codec, index) => {
      expect(codec.preferredPayloadType).toBeTypeOf('number');
      if (codec.kind !== 'video' || codec.mimeType === 'video/rtx') return;
      expect(wire.codecs[index + 1]).toMatchObject({
        mimeType: 'video/rtx',
        parameters: { apt: codec.preferredPayloadType },
      });
    });
  });

  test('have no depth', () => {
    expect(wire.codecs.some(({ preferredPayloadType }) => preferredPayloadType === 120)).toBe(false);
  });

  test('list an extension of all kinds for audio and for video, with its direction', () => {
    const mids = wire.headerExtensions.filter(({ uri }) => uri.endsWith(':mid'));
    expect(mids.map(({ kind, preferredId, direction }) => [kind, preferredId, direction])).toEqual([
      ['audio', 1, 'sendrecv'],
      ['video', 1, 'sendrecv'],
    ]);
    const rid = wire.headerExtensions.filter(({ uri }) => uri.endsWith('rtp-stream-id'));
    expect(rid.map(({ direction }) => direction)).toEqual(['recvonly', 'recvonly']);
  });

  test('have channels on audio only', () => {
    for (const { kind, channels } of wire.codecs) expect(channels === undefined).toBe(kind === 'video');
    expect(wire.codecs[0]).toMatchObject({ mimeType: 'audio/opus', channels: 2 });
  });

  test('come back the same', () => {
    const audio = roomCapabilities([mediaCodecs[0]]);
    const back = capabilitiesFromWire(capabilitiesToWire(audio));
    expect(back.codecs).toEqual(audio.codecs);
    expect(capabilitiesToWire(back)).toEqual(capabilitiesToWire(audio));
  });

  test('values are text or numbers', () => {
    const room = roomCapabilities([
      {
        kind: 'video',
        name: 'video/H264',
        clockRate: 90000,
        parameters: { yes: true, no: false, list: [1, 2], profileLevelId: 640032, text: 'a' },
      },
    ]);
    expect(capabilitiesToWire(room).codecs[0]?.parameters).toEqual({
      yes: 1,
      no: 0,
      list: '1,2',
      'profile-level-id': '640032',
      text: 'a',
      'packetization-mode': 0,
    });
  });

  test('a media codec of a request', () => {
    expect(
      mediaCodecFromWire({
        kind: 'audio',
        mimeType: 'audio/opus',
        clockRate: 48000,
        channels: 2,
        parameters: { useinbandfec: 1, 'sprop-stereo': 1, nothing: null },
      }),
    ).toEqual({
      kind: 'audio',
      name: 'audio/opus',
      clockRate: 48000,
      numChannels: 2,
      parameters: { useInbandFec: 1, spropStereo: 1 },
    });
  });
});

describe('§15.2 parameters', () => {
  const wire: WireRtpParameters = {
    mid: '0',
    codecs: [
      {
        mimeType: 'video/VP8',
        payloadType: 96,
        clockRate: 90000,
        parameters: { 'x-google-start-bitrate': 1000 },
        rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
      },
      {
        mimeType: 'video/rtx',
        payloadType: 97,
        clockRate: 90000,
        parameters: { apt: 96 },
        rtcpFeedback: [],
      },
    ],
    headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 9, encrypt: false, parameters: {} }],
    encodings: [
      {
        rid: 'r0',
        active: true,
        scalabilityMode: 'L1T3',
        scaleResolutionDownBy: 2,
        maxBitrate: 500_000,
        maxFramerate: 29.97,
        dtx: true,
        adaptivePtime: false,
        priority: 'high',
        networkPriority: 'low',
      },
      { ssrc: 5, rtx: { ssrc: 6 }, codecPayloadType: 96, active: false },
    ],
    rtcp: { cname: 'c', reducedSize: true, mux: true },
    msid: 'stream track',
  };

  test('come back the same through the model', () => {
    const model = parseRtpParameters(rtpParametersFromWire(WireRtpParameters.parse(wire)));
    const back = rtpParametersToWire(model);
    expect(WireRtpParameters.parse(back)).toEqual(back);
    expect(back).toEqual({
      ...wire,
      encodings: [{ ...wire.encodings![0], codecPayloadType: 96 }, wire.encodings![1]],
    });
  });

  test('an empty cname is left out, an rtx without ssrc is not sent', () => {
    const model = rtpParametersFromWire({ ...wire, rtcp: { cname: '' } });
    expect(model.rtcp).toEqual({ reducedSize: true });
    const sent = rtpParametersToWire({ ...model, encodings: [{ active: true, rtx: {} }] });
    expect(sent.encodings).toEqual([{ active: true }]);
  });

  test('apt is a number and profile-level-id is text, whatever SDP gave', () => {
    const model = rtpParametersFromWire({
      codecs: [
        {
          mimeType: 'video/H264',
          payloadType: 1,
          clockRate: 90000,
          parameters: { 'profile-level-id': 420010 },
        },
        { mimeType: 'video/rtx', payloadType: 2, clockRate: 90000, parameters: { apt: '1' } },
      ],
    });
    expect(model.codecs.map(({ parameters }) => parameters)).toEqual([
      { profileLevelId: '420010' },
      { apt: 1 },
    ]);
  });

  test('fields of errors in the words of the wire', () => {
    expect(fieldToWire('rtpParameters.codecs.0.name')).toBe('rtpParameters.codecs.0.mimeType');
    expect(fieldToWire('rtpParameters.codecs.0.payloadType')).toBe('rtpParameters.codecs.0.payloadType');
    expect(fieldToWire('mediaCodecs.0.payloadType', 'capabilities')).toBe(
      'mediaCodecs.0.preferredPayloadType',
    );
    expect(fieldToWire('rtpParameters.encodings.2.encodingId')).toBe('rtpParameters.encodings.2.rid');
    expect(fieldToWire('rtpParameters.muxId')).toBe('rtpParameters.mid');
  });
});

describe('§15.2 transports', () => {
  test('candidates have address and ip, and no family', () => {
    const [candidate] = iceCandidatesToWire(
      iceCandidates([{ ip: '192.0.2.1', family: 'ipv4', protocol: 'tcp', port: 7 }]),
    );
    expect(candidate).toEqual(WireIceCandidate.parse(candidate));
    expect(candidate).toMatchObject({ address: '192.0.2.1', ip: '192.0.2.1', tcpType: 'passive' });
    expect(candidate).not.toHaveProperty('family');
  });

  test('ICE parameters are lite', () => {
    expect(iceParametersToWire({ usernameFragment: 'u', password: 'p' })).toEqual({
      usernameFragment: 'u',
      password: 'p',
      iceLite: true,
    });
  });

  test('one fingerprint goes out, in SDP form; the first one comes in', () => {
    const sent = dtlsParametersToWire('auto', [
      { algorithm: 'sha-512', value: 'ab'.repeat(64) },
      { algorithm: 'sha-256', value: 'cd'.repeat(32) },
      { algorithm: 'sha-1', value: 'ef'.repeat(20) },
    ]);
    expect(WireDtlsParameters.parse(sent)).toEqual({
      role: 'auto',
      fingerprints: [{ algorithm: 'sha-256', value: Array(32).fill('CD').join(':') }],
    });
    expect(dtlsParametersFromWire({ fingerprints: sent.fingerprints })).toEqual({
      role: 'auto',
      fingerprint: { algorithm: 'sha-256', value: 'cd'.repeat(32) },
    });
    expect(() => dtlsParametersToWire('auto', [])).toThrow(TypeError);
  });
});

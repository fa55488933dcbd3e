import { beforeEach, describe, expect, it } from 'vitest';
import type { Peer, SentCodec, SentRtpParameters, Transport } from '../src/index.ts';
import { startPeer, startRoom } from './fixtures.ts';

const opus = { name: 'audio/opus', payloadType: 100, clockRate: 48000, numChannels: 2 };
const pcmu = { name: 'audio/PCMU', payloadType: 0, clockRate: 8000 };

let peer: Peer;
let transport: Transport;

beforeEach(async () => {
  peer = await startPeer(await startRoom(), 'alice');
  transport = await peer.createTransport({ tcp: false });
});

describe('object-model.md §14.6, RtpReceiver', () => {
  it('V1 rtpReceiver.receive() with no encodings must succeed', async () => {
    const rtpReceiver = peer.RtpReceiver('audio', transport);
    expect(rtpReceiver.peer).toBe(peer);
    await rtpReceiver.receive({ codecs: [opus] });
    expect(rtpReceiver.rtpParameters?.encodings).toHaveLength(1);
    expect(rtpReceiver.rtpParameters?.encodings[0]).toMatchObject({ codecPayloadType: 100 });
  });

  it('V2 rtpReceiver.receive() with encodings without codecPayloadType must succeed', async () => {
    const rtpReceiver = peer.RtpReceiver('video', transport);
    await rtpReceiver.receive({
      codecs: [
        { kind: 'video', name: 'video/VP8', payloadType: 110, clockRate: 90000 },
        {
          kind: 'video',
          name: 'video/H264',
          payloadType: 112,
          clockRate: 90000,
          parameters: { packetizationMode: 1 },
        },
      ],
      encodings: [{ ssrc: 1111 }, { codecPayloadType: 112 }, { ssrc: 3333 }],
    });
    expect(rtpReceiver.rtpParameters?.encodings.map(({ codecPayloadType }) => codecPayloadType)).toEqual([
      110, 112, 110,
    ]);
  });

  it('V3 rtpReceiver.receive() with full rtpParameters must succeed', async () => {
    const given = {
      muxId: 'qwerty1234',
      codecs: [
        {
          name: 'video/VP8',
          payloadType: 110,
          clockRate: 90000,
          maxptime: 20,
          ptime: 20,
          numChannels: 2,
          rtcpFeedback: [
            { type: 'nack', parameter: null },
            { type: 'nack', parameter: 'pli' },
            { type: 'nack', parameter: 'sli' },
            { type: 'nack', parameter: 'rpsi' },
            { type: 'nack', parameter: 'app' },
            { type: 'ccm', parameter: 'fir' },
            { type: 'ack', parameter: 'rpsi' },
            { type: 'ack', parameter: 'app' },
          ],
          parameters: {
            profileLevelId: 2,
            packetizationMode: 1,
            foo: 'barœæ€',
            isGood: true,
            cost: -345,
            ratio: -0.75,
            bars: [1, -2, 3],
          },
        },
      ],
      encodings: [
        {
          ssrc: 1234567,
          codecPayloadType: 110,
          fec: { mechanism: 'foo', ssrc: 1234568 },
          resolutionScale: 2,
          framerateScale: 1.5,
          maxFramerate: 30,
          active: false,
          encodingId: 'abc',
          dependencyEncodingIds: ['high', 'low'],
        },
      ],
      headerExtensions: [
        { uri: 'urn:ietf:params:rtp-hdrext:toffset', id: 2, encrypt: false, parameters: {} },
      ],
      rtcp: { cname: 'iouasdiu', ssrc: 1234569, reducedSize: true },
      userParameters: { foo: 123, bar: ['a', 1, null, { nested: true }], empty: null },
    };
    const rtpReceiver = peer.RtpReceiver('video', transport);
    await rtpReceiver.receive(given);
    expect(rtpReceiver.rtpParameters).toEqual(given);
  });

  it('V4 two rtpReceiver.receive() over the same transport sharing PT values must succeed if ssrc are given', async () => {
    const first = peer.RtpReceiver('audio', transport);
    const second = peer.RtpReceiver('audio', transport);
    await Promise.all([
      first.receive({ codecs: [opus], encodings: [{ ssrc: 1001 }] }),
      second.receive({ codecs: [opus], encodings: [{ ssrc: 1002 }] }),
    ]);
    expect(first.rtpParameters?.encodings[0]?.ssrc).toBe(1001);
    expect(second.rtpParameters?.encodings[0]?.ssrc).toBe(1002);
  });

  it('V5 rtpReceiver.receive() without rtpParameters must fail', async () => {
    const rtpReceiver = peer.RtpReceiver('audio', transport);
    await expect((rtpReceiver.receive as () => Promise<unknown>)()).rejects.toBeInstanceOf(Error);
    expect(rtpReceiver.rtpParameters).toBeUndefined();
  });

  it('V6 rtpReceiver.receive() with wrong codecs must fail', async () => {
    const rtpReceiver = peer.RtpReceiver('audio', transport);
    const { payloadType: _payloadType, ...noPayloadType } = opus;
    const { clockRate: _clockRate, ...noClockRate } = opus;
    const { name: _name, ...noName } = opus;
    const wrong = [
      [{ ...opus, name: 'opus' }],
      [{ ...opus, name: '/opus' }],
      [{ ...opus, name: 'audio/' }],
      [noName],
      [noPayloadType],
      [noClockRate],
      [opus, { ...pcmu, payloadType: 100 }],
    ];
    for (const codecs of wrong) {
      await expect(rtpReceiver.receive({ codecs: codecs as SentCodec[] })).rejects.toBeInstanceOf(Error);
    }
    expect(rtpReceiver.rtpParameters).toBeUndefined();
  });

  it('V7 rtpReceiver.receive() with wrong encodings must fail', async () => {
    const rtpReceiver = peer.RtpReceiver('audio', transport);
    await expect(
      rtpReceiver.receive({ codecs: [opus, pcmu], encodings: [{ codecPayloadType: 102 }] }),
    ).rejects.toBeInstanceOf(Error);
  });

  it('V8 two rtpReceiver.receive() over the same transport sharing PT values must fail if ssrc are not given', async () => {
    const first = peer.RtpReceiver('audio', transport);
    const second = peer.RtpReceiver('audio', transport);
    await first.receive({ codecs: [opus] });
    await expect(second.receive({ codecs: [opus] })).rejects.toBeInstanceOf(Error);
    expect(second.rtpParameters).toBeUndefined();
  });

  it('V9 rtpReceiver.receive() should produce the expected RTP listener routing tables', async () => {
    const rtpReceiver = peer.RtpReceiver('audio', transport);
    const { id } = rtpReceiver;
    const tables = async (parameters: SentRtpParameters) => {
      await rtpReceiver.receive(parameters);
      const { ssrcTable, muxIdTable, ptTable } = (await transport.dump()).rtpListener;
      return { ssrcTable, muxIdTable, ptTable };
    };
    expect(await tables({ codecs: [opus] })).toEqual({
      ssrcTable: {},
      muxIdTable: {},
      ptTable: { 100: id },
    });
    expect(await tables({ muxId: 'qwerty1234', codecs: [opus, pcmu] })).toEqual({
      ssrcTable: {},
      muxIdTable: { qwerty1234: id },
      ptTable: { 100: id, 0: id },
    });
    expect(
      await tables({
        codecs: [opus, pcmu],
        encodings: [{ codecPayloadType: 100, ssrc: 1111 }, { codecPayloadType: 0 }],
      }),
    ).toEqual({ ssrcTable: { 1111: id }, muxIdTable: {}, ptTable: { 100: id, 0: id } });
    expect(
      await tables({
        codecs: [opus, pcmu],
        encodings: [
          { codecPayloadType: 100, ssrc: 1111 },
          { codecPayloadType: 0, ssrc: 2222 },
        ],
      }),
    ).toEqual({ ssrcTable: { 1111: id, 2222: id }, muxIdTable: {}, ptTable: {} });
    expect(
      await tables({
        codecs: [opus, pcmu],
        encodings: [
          { codecPayloadType: 100, ssrc: 1111, rtx: {} },
          { codecPayloadType: 0, ssrc: 2222, fec: { mechanism: 'foo', ssrc: 3333 } },
        ],
      }),
    ).toEqual({
      ssrcTable: { 1111: id, 2222: id, 3333: id },
      muxIdTable: {},
      ptTable: { 100: id, 0: id },
    });
  });

  it('V10 rtpReceiver.close() must succeed', async () => {
    const rtpReceiver = peer.RtpReceiver('audio', transport);
    const inside = new Promise((resolve) => {
      rtpReceiver.on('close', (error) => resolve([error, peer.rtpReceivers.length]));
    });
    rtpReceiver.close();
    expect(await inside).toEqual([undefined, 0]);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { opus, pcmu, startPeer, startRoom, videoFeedback, vp8 } from './acceptance.ts';
import { onSqlite } from './databases.ts';
import type { Instance, Member } from './harness.ts';

/** object-model.md §14.6 over HTTP: creating a receiver is `RtpReceiver()` and the first `receive()` in one call. */

onSqlite((open) => {
  let weir: Instance;
  let peer: Member;
  let transportId: string;

  beforeEach(async () => {
    const started = await startRoom(open);
    weir = started.weir;
    peer = await startPeer(weir, started.room, 'alice');
    transportId = (await peer.ok('POST', '/transports', { tcp: false })).id;
  });

  const create = (rtpParameters: object, kind = 'audio') =>
    peer.ok('POST', '/receivers', { kind, transportId, rtpParameters });
  const refused = (rtpParameters: unknown, problem: { status: number; code: string; field?: string }) => {
    const body = { kind: 'audio', transportId, rtpParameters };
    return weir.refused('POST', `${peer.path}/receivers`, { token: peer.token, body }, problem);
  };
  const receivers = async () => (await peer.ok('GET', '/snapshot')).receivers;

  describe('RtpReceiver', () => {
    it('HTTP V1 parameters without encodings get one', async () => {
      const receiver = await create({ codecs: [opus] });
      expect(receiver.peerId).toBe(peer.id);
      expect(receiver.rtpParameters.encodings).toEqual([expect.objectContaining({ codecPayloadType: 100 })]);
    });

    it('HTTP V2 encodings without a payload type get that of the first codec', async () => {
      const h264 = {
        mimeType: 'video/H264',
        payloadType: 112,
        clockRate: 90000,
        parameters: { 'packetization-mode': 1 },
      };
      const encodings = [{ ssrc: 1111 }, { codecPayloadType: 112 }, { ssrc: 3333 }];
      const { rtpParameters } = await create({ codecs: [vp8, h264], encodings }, 'video');
      expect(
        rtpParameters.encodings.map(({ codecPayloadType }: { codecPayloadType: number }) => codecPayloadType),
      ).toEqual([110, 112, 110]);
    });

    it('HTTP V3 full parameters stay as they were told', async () => {
      const given = {
        mid: 'qwerty1234',
        codecs: [
          {
            ...vp8,
            rtcpFeedback: videoFeedback,
            parameters: {
              'profile-level-id': '2',
              'packetization-mode': 1,
              foo: 'barœæ€',
              cost: -345,
              ratio: -0.75,
            },
          },
        ],
        encodings: [
          {
            ssrc: 1234567,
            codecPayloadType: 110,
            rid: 'abc',
            scaleResolutionDownBy: 2,
            maxBitrate: 500000,
            maxFramerate: 30,
            scalabilityMode: 'L1T3',
            active: false,
          },
        ],
        headerExtensions: [
          { uri: 'urn:ietf:params:rtp-hdrext:toffset', id: 2, encrypt: false, parameters: {} },
        ],
        rtcp: { cname: 'iouasdiu', reducedSize: true, mux: true },
        msid: 'stream track',
      };
      const receiver = await create(given, 'video');
      expect(receiver.rtpParameters).toEqual(given);
      expect((await peer.ok('GET', `/receivers/${receiver.id}`)).rtpParameters).toEqual(given);
    });

    it('HTTP V4 two receivers share payload types if they tell their SSRCs', async () => {
      const [first, second] = await Promise.all([
        create({ codecs: [opus], encodings: [{ ssrc: 1001 }] }),
        create({ codecs: [opus], encodings: [{ ssrc: 1002 }] }),
      ]);
      expect(first.rtpParameters.encodings[0].ssrc).toBe(1001);
      expect(second.rtpParameters.encodings[0].ssrc).toBe(1002);
    });

    it('HTTP V5 no parameters are refused', async () => {
      await refused(undefined, { status: 422, code: 'invalid-parameter', field: 'rtpParameters' });
      expect(await receivers()).toEqual([]);
    });

    it('HTTP V6 wrong codecs are refused, at once and later', async () => {
      const { payloadType: _payloadType, ...noPayloadType } = opus;
      const { clockRate: _clockRate, ...noClockRate } = opus;
      const { mimeType: _mimeType, ...noName } = opus;
      const wrong: [object[], string][] = [
        [[{ ...opus, mimeType: 'opus' }], 'codecs.0.mimeType'],
        [[{ ...opus, mimeType: '/opus' }], 'codecs.0.mimeType'],
        [[{ ...opus, mimeType: 'audio/' }], 'codecs.0.mimeType'],
        [[noName], 'codecs.0.mimeType'],
        [[noPayloadType], 'codecs.0.payloadType'],
        [[noClockRate], 'codecs.0.clockRate'],
        [[opus, { ...pcmu, payloadType: 100 }], 'codecs.1.payloadType'],
      ];
      const problem = (field: string) => ({
        status: 422,
        code: 'invalid-parameter',
        field: `rtpParameters.${field}`,
      });
      for (const [codecs, field] of wrong) await refused({ codecs }, problem(field));
      expect(await receivers()).toEqual([]);

      const receiver = await create({ codecs: [opus], encodings: [{ ssrc: 1001 }] });
      const path = `${peer.path}/receivers/${receiver.id}/parameters`;
      for (const [codecs, field] of wrong) {
        const request = { token: peer.token, body: { rtpParameters: { codecs } } };
        await weir.refused('PUT', path, request, problem(field));
      }
      expect(await receivers()).toEqual([receiver]);
    });

    it('HTTP V7 an encoding with a payload type that is not there is refused', async () => {
      const field = 'rtpParameters.encodings.0.codecPayloadType';
      const problem = { status: 422, code: 'invalid-parameter', field };
      await refused({ codecs: [opus, pcmu], encodings: [{ codecPayloadType: 102 }] }, problem);
    });

    it('HTTP V8 two receivers do not share payload types if they tell no SSRCs', async () => {
      const first = await create({ codecs: [opus] });
      const field = 'rtpParameters.codecs.0.payloadType';
      await refused({ codecs: [opus] }, { status: 409, code: 'conflict', field });
      expect(await receivers()).toEqual([first]);
    });

    it('HTTP V9 each set of parameters gives the expected routing tables', async () => {
      const receiver = await create({ codecs: [opus] });
      const id = Number(receiver.id);
      const shown = async () => {
        const [{ rtpListener }] = (await peer.ok('GET', '/dump')).transports;
        const { ssrcTable, muxIdTable, ptTable } = rtpListener;
        return { ssrcTable, muxIdTable, ptTable };
      };
      const tables = async (rtpParameters: object) => {
        await peer.ok('PUT', `/receivers/${receiver.id}/parameters`, { rtpParameters });
        return shown();
      };
      const codecs = [opus, pcmu];
      expect(await shown()).toEqual({ ssrcTable: {}, muxIdTable: {}, ptTable: { 100: id } });
      expect(await tables({ mid: 'qwerty1234', codecs })).toEqual({
        ssrcTable: {},
        muxIdTable: { qwerty1234: id },
        ptTable: { 100: id, 0: id },
      });
      const first = { codecPayloadType: 100, ssrc: 1111 };
      expect(await tables({ codecs, encodings: [first, { codecPayloadType: 0 }] })).toEqual({
        ssrcTable: { 1111: id },
        muxIdTable: {},
        ptTable: { 100: id, 0: id },
      });
      const second = { codecPayloadType: 0, ssrc: 2222 };
      expect(await tables({ codecs, encodings: [first, second] })).toEqual({
        ssrcTable: { 1111: id, 2222: id },
        muxIdTable: {},
        ptTable: {},
      });
      // On the wire RTX has an SSRC and there is no FEC (§15.2).
      expect(await tables({ codecs, encodings: [first, { ...second, rtx: { ssrc: 3333 } }] })).toEqual({
        ssrcTable: { 1111: id, 2222: id, 3333: id },
        muxIdTable: {},
        ptTable: {},
      });
    });

    it('HTTP V10 a receiver is closed without an error, and gone when that is heard', async () => {
      const { id } = await create({ codecs: [opus] });
      await peer.events();
      expect((await peer.call('DELETE', `/receivers/${id}`)).status).toBe(204);
      const snapshot = await peer.ok('GET', '/snapshot');
      expect(await peer.events()).toEqual([
        {
          type: 'close',
          target: { kind: 'rtpreceiver', id },
          data: {},
          cursor: snapshot.cursor,
          time: weir.clock.now(),
        },
      ]);
      expect(snapshot.receivers).toEqual([]);
    });
  });
});

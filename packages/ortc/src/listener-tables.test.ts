import { expect, test } from 'vitest';
import {
  addToListener,
  createListenerTables,
  dumpListener,
  OrtcError,
  parseRtpParameters,
  removeFromListener,
} from './index.ts';

const opus = { name: 'audio/opus', payloadType: 100, clockRate: 48000 };
const pcmu = { name: 'audio/PCMU', payloadType: 0, clockRate: 8000 };

test('V4 two receivers of one transport may share payload types if they have SSRCs', () => {
  const tables = createListenerTables();
  addToListener(tables, 1, parseRtpParameters({ codecs: [opus], encodings: [{ ssrc: 1001 }] }));
  addToListener(tables, 2, parseRtpParameters({ codecs: [opus], encodings: [{ ssrc: 1002 }] }));
  expect(dumpListener(tables)).toMatchObject({ ssrcTable: { 1001: 1, 1002: 2 }, ptTable: {} });
});

test('V8 without SSRCs they collide, and the tables stay as they were', () => {
  const tables = createListenerTables();
  addToListener(tables, 1, parseRtpParameters({ codecs: [opus] }));
  const before = dumpListener(tables);
  expect(() => addToListener(tables, 2, parseRtpParameters({ codecs: [pcmu, opus] }))).toThrow(
    expect.objectContaining({ kind: 'conflict', field: 'codecs.1.payloadType' }),
  );
  expect(dumpListener(tables)).toEqual(before);
});

test('V9 the routing tables follow each receive()', () => {
  const tables = createListenerTables();
  const after = (params: object) => {
    addToListener(tables, 7, parseRtpParameters(params));
    return dumpListener(tables);
  };
  const empty = { ssrcTable: {}, muxIdTable: {}, ptTable: {}, ridTable: {} };
  expect(after({ codecs: [opus] })).toEqual({ ...empty, ptTable: { 100: 7 } });
  expect(after({ muxId: 'qwerty1234', codecs: [opus, pcmu] })).toEqual({
    ...empty,
    muxIdTable: { qwerty1234: 7 },
    ptTable: { 100: 7, 0: 7 },
  });
  expect(
    after({
      codecs: [opus, pcmu],
      encodings: [{ codecPayloadType: 100, ssrc: 1111 }, { codecPayloadType: 0 }],
    }),
  ).toEqual({ ...empty, ssrcTable: { 1111: 7 }, ptTable: { 100: 7, 0: 7 } });
  expect(
    after({
      codecs: [opus, pcmu],
      encodings: [
        { codecPayloadType: 100, ssrc: 1111 },
        { codecPayloadType: 0, ssrc: 2222 },
      ],
    }),
  ).toEqual({ ...empty, ssrcTable: { 1111: 7, 2222: 7 } });
  expect(
    after({
      codecs: [opus, pcmu],
      encodings: [
        { codecPayloadType: 100, ssrc: 1111, rtx: {} },
        { codecPayloadType: 0, ssrc: 2222, fec: { mechanism: 'foo', ssrc: 3333 } },
      ],
    }),
  ).toEqual({ ...empty, ssrcTable: { 1111: 7, 2222: 7, 3333: 7 }, ptTable: { 100: 7, 0: 7 } });
  removeFromListener(tables, 7);
  expect(dumpListener(tables)).toEqual(empty);
});

test('D-34 simulcast by RID is found by (MID, RID) and claims no payload type', () => {
  const tables = createListenerTables();
  const simulcast = (muxId: string) =>
    parseRtpParameters({
      muxId,
      codecs: [opus],
      encodings: [{ encodingId: 'r0' }, { encodingId: 'r1' }],
    });
  addToListener(tables, 1, simulcast('0'));
  addToListener(tables, 2, simulcast('1'));
  expect(dumpListener(tables)).toEqual({
    ssrcTable: {},
    muxIdTable: { 0: 1, 1: 2 },
    ptTable: {},
    ridTable: { '0 r0': 1, '0 r1': 1, '1 r0': 2, '1 r1': 2 },
  });
});

test.for([
  ['ssrc', { encodings: [{ ssrc: 5 }] }, { encodings: [{ ssrc: 6 }, { ssrc: 5 }] }, 'encodings.1.ssrc'],
  [
    'rtx ssrc',
    { encodings: [{ ssrc: 5 }] },
    { encodings: [{ ssrc: 6, rtx: { ssrc: 5 } }] },
    'encodings.0.rtx.ssrc',
  ],
  ['muxId', { muxId: 'a', encodings: [{ ssrc: 5 }] }, { muxId: 'a', encodings: [{ ssrc: 6 }] }, 'muxId'],
] as const)('§11.6 a taken %s is refused with the field', ([, first, second, field]) => {
  const tables = createListenerTables();
  addToListener(tables, 1, parseRtpParameters({ codecs: [opus], ...first }));
  const add = () => addToListener(tables, 2, parseRtpParameters({ codecs: [opus], ...second }));
  expect(add).toThrow(OrtcError);
  expect(add).toThrow(expect.objectContaining({ kind: 'conflict', field }));
});

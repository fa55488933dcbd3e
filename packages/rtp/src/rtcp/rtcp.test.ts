import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isValidRtcpCompound, RtcpCursor } from './cursor.ts';
import { parseRtcp } from './parse.ts';
import { TransportFeedback } from './transport-feedback.ts';
import type { RtcpPacket } from './types.ts';
import { buildRtcp, nackItems, rtcpLength } from './write.ts';

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

/** The single packet in these bytes. */
function parseOne(bytes: Uint8Array): RtcpPacket {
  const packets = parseRtcp(bytes);
  expect(packets).toHaveLength(1);
  return packets![0]!;
}

function roundTrip(packet: RtcpPacket): RtcpPacket {
  const bytes = buildRtcp([packet]);
  expect(bytes.length % 4).toBe(0);
  expect(isValidRtcpCompound(bytes, 0, bytes.length)).toBe(true);
  return parseOne(bytes);
}

/** A feedback packet of type 205 or 206 around an item. */
function feedback(format: number, type: number, item: string): Uint8Array {
  const body = hex(item);
  const bytes = new Uint8Array(12 + body.length);
  bytes.set([0x80 | format, type, 0, bytes.length / 4 - 1, 0, 0, 0, 1, 0, 0, 0, 2]);
  bytes.set(body, 12);
  return bytes;
}

const from = { senderSsrc: 1, mediaSsrc: 2 };

test('W5 minimum header', () => {
  expect(parseRtcp(hex('81ca0000'))).toEqual([{ type: 'sdes', chunks: [] }]);
});

test('W6 buffer is to small', () => {
  expect(parseRtcp(hex('81ca00'))).toBeUndefined();
});

test('W7 version is zero', () => {
  expect(parseRtcp(hex('01ca0001 00000000'))).toBeUndefined();
});

test('W8 length is wrong', () => {
  expect(parseRtcp(hex('81ca0004 00000000'))).toBeUndefined();
});

test('W9 type is unknown', () => {
  expect(parseRtcp(hex('81000001 00000000'))).toBeUndefined();
});

test('W10 parse SdesChunk', () => {
  const bytes = hex('81ca0005 00000000 01 0a 6f7574 4368616e6e656c 00000000');
  expect(parseOne(bytes)).toEqual({
    type: 'sdes',
    chunks: [{ ssrc: 0, items: [{ type: 1, value: 'outChannel' }] }],
  });
});

test('W11 create SdesChunk', () => {
  const packet: RtcpPacket = {
    type: 'sdes',
    chunks: [{ ssrc: 0, items: [{ type: 1, value: 'outChannel' }] }],
  };
  expect(roundTrip(packet)).toEqual(packet);
  expect(buildRtcp([packet])).toEqual(hex('81ca0005 00000000 01 0a 6f7574 4368616e6e656c 00000000'));
});

const senderReport: RtcpPacket = {
  type: 'sr',
  ssrc: 1234,
  ntpSeconds: 1234,
  ntpFraction: 1234,
  rtpTimestamp: 1234,
  packetCount: 1234,
  octetCount: 1234,
  reports: [],
};

test('W12 parse SenderReport', () => {
  expect(parseOne(hex(`80c80006 ${'000004d2'.repeat(6)}`))).toEqual(senderReport);
});

test('W13 create SenderReport', () => {
  expect(roundTrip(senderReport)).toEqual(senderReport);
  expect(roundTrip(structuredClone(senderReport))).toEqual(senderReport);
});

const block = {
  ssrc: 1234,
  fractionLost: 1,
  totalLost: 4,
  extendedHighestSequence: 1234,
  jitter: 1234,
  lastSenderReport: 1234,
  delaySinceLastSenderReport: 1234,
};

test('W14 parse ReceiverReport', () => {
  expect(parseOne(hex(`81c90007 000004d2 000004d2 01000004 ${'000004d2'.repeat(4)}`))).toEqual({
    type: 'rr',
    ssrc: 1234,
    reports: [block],
  });
});

test('W15 create ReceiverReport', () => {
  const packet: RtcpPacket = { type: 'rr', ssrc: 1, reports: [block, { ...block, totalLost: -5 }] };
  expect(roundTrip(packet)).toEqual(packet);
  expect(roundTrip(structuredClone(packet))).toEqual(packet);
});

test('W16 create ByePacket', () => {
  const packet: RtcpPacket = { type: 'bye', ssrcs: [1111, 2222], reason: 'hasta la vista' };
  expect(roundTrip(packet)).toEqual(packet);
  expect(roundTrip({ type: 'bye', ssrcs: [1111] })).toEqual({ type: 'bye', ssrcs: [1111] });
});

test('W17 parse FeedbackRtpNackItem', () => {
  expect(parseOne(feedback(1, 205, '09c4 aa55'))).toEqual({
    type: 'nack',
    ...from,
    items: [{ packetId: 2500, bitmask: 0xaa55 }],
  });
});

test('W18 create FeedbackRtpNackItem', () => {
  const packet: RtcpPacket = { type: 'nack', ...from, items: [{ packetId: 1, bitmask: 0xaa55 }] };
  expect(roundTrip(structuredClone(packet))).toEqual(packet);
  expect(buildRtcp([packet])).toEqual(feedback(1, 205, '0001 aa55'));
});

test('W19 create FeedbackRtpTmmbrItem', () => {
  const packet: RtcpPacket = {
    type: 'tmmbr',
    ...from,
    items: [{ ssrc: 1234, bitrateBps: 3_000_000, overhead: 1 }],
  };
  expect(roundTrip(packet)).toEqual(packet);
});

test('W20 parse FeedbackRtpTmmbrItem', () => {
  // 365504 = 91376 * 2^2; ssrc 3131870413 = 0xbaac8ccd.
  const packet = parseOne(feedback(3, 205, 'baac8ccd 0aca0000'.replace('0aca0000', word(2, 91_376, 0))));
  expect(packet).toMatchObject({ items: [{ ssrc: 3131870413, bitrateBps: 365_504, overhead: 0 }] });
});

test('W21 parse FeedbackRtpTmmbrPacket', () => {
  const item = `baac8ccd ${word(2, 91_376, 0)}`;
  expect(parseOne(feedback(3, 205, item))).toEqual({
    type: 'tmmbr',
    ...from,
    items: [{ ssrc: 3131870413, bitrateBps: 365_504, overhead: 0 }],
  });
  expect(parseOne(feedback(4, 205, item))).toMatchObject({ type: 'tmmbn' });
});

/** Exponent (6 bits), mantissa (17), overhead (9). */
function word(exponent: number, mantissa: number, overhead: number): string {
  return (exponent * 2 ** 26 + mantissa * 2 ** 9 + overhead).toString(16).padStart(8, '0');
}

test('W22 parse FeedbackRtpTlleiItem', () => {
  expect(parseOne(feedback(7, 205, '0001 aa55'))).toEqual({
    type: 'tllei',
    ...from,
    items: [{ packetId: 1, bitmask: 0xaa55 }],
  });
});

test('W23 parse FeedbackRtpEcnItem', () => {
  const bytes = feedback(8, 205, '00000001 00000001 00000001 0001 0001 0001 0001');
  expect(parseOne(bytes)).toEqual({
    type: 'ecn',
    ...from,
    items: [
      {
        sequenceNumber: 1,
        ect0Counter: 1,
        ect1Counter: 1,
        ecnCeCounter: 1,
        notEctCounter: 1,
        lostPackets: 1,
        duplicatedPackets: 1,
      },
    ],
  });
  expect(buildRtcp([parseOne(bytes)])).toEqual(bytes);
});

test('W24 parse FeedbackPsSliItem', () => {
  const bytes = feedback(2, 206, '00080101');
  expect(parseOne(bytes)).toEqual({ type: 'sli', ...from, items: [{ first: 1, number: 4, pictureId: 1 }] });
  expect(buildRtcp([parseOne(bytes)])).toEqual(bytes);
});

test('W25 parse FeedbackPsRpsiItem', () => {
  const bytes = feedback(3, 206, '08 02 00 00 00 00 01 00');
  expect(parseOne(bytes)).toEqual({
    type: 'rpsi',
    ...from,
    payloadType: 2,
    bitString: Uint8Array.of(0, 0, 0, 0, 1),
  });
  expect(buildRtcp([parseOne(bytes)])).toEqual(bytes);
});

test('W26 parse FeedbackPsFirItem', () => {
  const bytes = feedback(4, 206, '00000000 08000000');
  expect(parseOne(bytes)).toEqual({ type: 'fir', ...from, items: [{ ssrc: 0, sequenceNumber: 8 }] });
  expect(buildRtcp([parseOne(bytes)])).toEqual(bytes);
});

test('W27 parse FeedbackPsTstnItem', () => {
  const bytes = feedback(6, 206, '00000000 08 0000 08');
  expect(parseOne(bytes)).toEqual({
    type: 'tstn',
    ...from,
    items: [{ ssrc: 0, sequenceNumber: 8, index: 8 }],
  });
  expect(buildRtcp([parseOne(bytes)])).toEqual(bytes);
  expect(parseOne(feedback(5, 206, '00000000 08 0000 08'))).toMatchObject({ type: 'tstr' });
});

test('W28 parse FeedbackPsVbcmItem', () => {
  const bytes = feedback(7, 206, '00000000 08 02 0001 01000000');
  expect(parseOne(bytes)).toEqual({
    type: 'vbcm',
    ...from,
    items: [{ ssrc: 0, sequenceNumber: 8, payloadType: 2, value: Uint8Array.of(1) }],
  });
  expect(buildRtcp([parseOne(bytes)])).toEqual(bytes);
});

test('W29 parse FeedbackPsLeiItem', () => {
  const bytes = feedback(8, 206, '00000001');
  expect(parseOne(bytes)).toEqual({ type: 'lei', ...from, ssrcs: [1] });
  expect(buildRtcp([parseOne(bytes)])).toEqual(bytes);
});

test('W30 parse FeedbackPsAfbPacket', () => {
  const bytes = feedback(15, 206, '00000001 00000002');
  expect(parseOne(bytes)).toEqual({ type: 'afb', ...from, data: hex('00000001 00000002') });
  expect(buildRtcp([parseOne(bytes)])).toEqual(bytes);
});

test('W31 FeedbackPsRembPacket', () => {
  const packet: RtcpPacket = {
    type: 'remb',
    senderSsrc: 0,
    mediaSsrc: 0,
    bitrateBps: 654_321,
    ssrcs: [11111, 22222, 33333, 44444],
  };
  expect(roundTrip(packet)).toEqual({ ...packet, bitrateBps: 654_320 });
});

test('a PLI and unknown types survive', () => {
  expect(roundTrip({ type: 'pli', ...from })).toEqual({ type: 'pli', ...from });
  const app: RtcpPacket = { type: 'opaque', packetType: 204, count: 3, data: hex('00000001 61626364') };
  expect(roundTrip(app)).toEqual(app);
});

test('the length field bounds a packet: NACK and PLI in a compound invent no losses', () => {
  const bytes = buildRtcp([
    { type: 'nack', ...from, items: [{ packetId: 5, bitmask: 0 }] },
    { type: 'pli', ...from },
  ]);
  expect(parseRtcp(bytes)).toEqual([
    { type: 'nack', ...from, items: [{ packetId: 5, bitmask: 0 }] },
    { type: 'pli', ...from },
  ]);
  const cursor = new RtcpCursor();
  cursor.start(bytes, 0, bytes.length);
  expect(cursor.next() && cursor.isNack).toBe(true);
  expect(cursor.nackCount).toBe(1);
  expect([cursor.nackPacketId(0), cursor.nackBitmask(0), cursor.mediaSsrc]).toEqual([5, 0, 2]);
  expect(cursor.next() && cursor.isPli).toBe(true);
  expect(cursor.next()).toBe(false);
  expect(cursor.malformed).toBe(false);
});

test('full compounds begin with a report, reduced-size ones need not', () => {
  const reduced = buildRtcp([{ type: 'pli', ...from }]);
  const full = buildRtcp([
    { type: 'rr', ssrc: 1, reports: [] },
    { type: 'pli', ...from },
  ]);
  expect(isValidRtcpCompound(reduced, 0, reduced.length)).toBe(true);
  expect(isValidRtcpCompound(reduced, 0, reduced.length, { reducedSize: false })).toBe(false);
  expect(isValidRtcpCompound(full, 0, full.length, { reducedSize: false })).toBe(true);
  expect(isValidRtcpCompound(full, 0, full.length - 1)).toBe(false);
  expect(isValidRtcpCompound(full, 0, full.length + 1)).toBe(false);
  expect(isValidRtcpCompound(full, 0, 0)).toBe(false);
});

test('byte arrays in results are copies, also of Buffers', () => {
  const bytes = Buffer.from(feedback(15, 206, '00000001 00000002'));
  const packet = parseOne(bytes);
  bytes.fill(0);
  expect(packet).toMatchObject({ data: hex('00000001 00000002') });
});

test('padding does not count as contents', () => {
  const bytes = hex('a1cd0004 00000001 00000002 00050000 00000004');
  expect(parseOne(bytes)).toEqual({ type: 'nack', ...from, items: [{ packetId: 5, bitmask: 0 }] });
  bytes[bytes.length - 1] = 20;
  expect(parseRtcp(bytes)).toBeUndefined();
  bytes[bytes.length - 1] = 0;
  expect(parseRtcp(bytes)).toBeUndefined();
});

test('more items than a count field can tell are refused', () => {
  expect(() => buildRtcp([{ type: 'rr', ssrc: 1, reports: Array(32).fill(block) }])).toThrow(RangeError);
});

test('nack items join neighbours, across the wrap', () => {
  const lost = Uint16Array.of(65534, 65535, 14, 15, 40);
  expect(nackItems(lost, 5)).toEqual([
    { packetId: 65534, bitmask: 0b1000_0000_0000_0001 },
    { packetId: 15, bitmask: 0 },
    { packetId: 40, bitmask: 0 },
  ]);
});

const u32 = fc.nat(0xffffffff);
const u16 = fc.nat(0xffff);
const u8 = fc.nat(255);
const ids = { senderSsrc: u32, mediaSsrc: u32 };
const report = fc.record({
  ssrc: u32,
  fractionLost: u8,
  totalLost: fc.integer({ min: -0x800000, max: 0x7fffff }),
  extendedHighestSequence: u32,
  jitter: u32,
  lastSenderReport: u32,
  delaySinceLastSenderReport: u32,
});
const anyPacket: fc.Arbitrary<RtcpPacket> = fc.oneof(
  fc.record({
    type: fc.constant('sr' as const),
    ssrc: u32,
    ntpSeconds: u32,
    ntpFraction: u32,
    rtpTimestamp: u32,
    packetCount: u32,
    octetCount: u32,
    reports: fc.array(report, { maxLength: 31 }),
  }),
  fc.record({ type: fc.constant('rr' as const), ssrc: u32, reports: fc.array(report, { maxLength: 31 }) }),
  fc.record({
    type: fc.constant('sdes' as const),
    chunks: fc.array(
      fc.record({
        ssrc: u32,
        items: fc.array(
          fc.record({ type: fc.integer({ min: 1, max: 8 }), value: fc.string({ maxLength: 60 }) }),
          { maxLength: 4 },
        ),
      }),
      { maxLength: 5 },
    ),
  }),
  fc.record({
    type: fc.constant('bye' as const),
    ssrcs: fc.array(u32, { maxLength: 31 }),
    reason: fc.string({ minLength: 1, maxLength: 60 }),
  }),
  fc.record({
    type: fc.constantFrom('nack' as const, 'tllei' as const),
    ...ids,
    items: fc.array(fc.record({ packetId: u16, bitmask: u16 })),
  }),
  fc.record({
    type: fc.constantFrom('tmmbr' as const, 'tmmbn' as const),
    ...ids,
    items: fc.array(fc.record({ ssrc: u32, bitrateBps: fc.nat(0x1ffff), overhead: fc.nat(511) })),
  }),
  fc.record({
    type: fc.constant('rpsi' as const),
    ...ids,
    payloadType: fc.nat(127),
    bitString: fc.uint8Array({ maxLength: 20 }),
  }),
  fc.record({
    type: fc.constantFrom('tstr' as const, 'tstn' as const),
    ...ids,
    items: fc.array(fc.record({ ssrc: u32, sequenceNumber: u8, index: fc.nat(31) })),
  }),
  fc.record({
    type: fc.constant('vbcm' as const),
    ...ids,
    items: fc.array(
      fc.record({
        ssrc: u32,
        sequenceNumber: u8,
        payloadType: fc.nat(127),
        value: fc.uint8Array({ maxLength: 20 }),
      }),
    ),
  }),
  fc.record({
    type: fc.constant('sli' as const),
    ...ids,
    items: fc.array(fc.record({ first: fc.nat(8191), number: fc.nat(8191), pictureId: fc.nat(63) })),
  }),
  fc.record({
    type: fc.constant('fir' as const),
    ...ids,
    items: fc.array(fc.record({ ssrc: u32, sequenceNumber: u8 })),
  }),
  fc.record({
    type: fc.constant('remb' as const),
    ...ids,
    bitrateBps: fc.nat(0x3ffff).map((n) => n * 64),
    ssrcs: fc.array(u32, { maxLength: 255 }),
  }),
  fc.record({ type: fc.constant('pli' as const), ...ids }),
);

/** Property values of fast-check have no prototype. */
function plain(packets: readonly RtcpPacket[]): unknown {
  return JSON.parse(JSON.stringify(packets));
}

test('every packet that can be built is parsed back', () => {
  fc.assert(
    fc.property(fc.array(anyPacket, { minLength: 1, maxLength: 5 }), (packets) => {
      const bytes = buildRtcp(packets);
      expect(bytes.length).toBe(packets.reduce((sum, p) => sum + rtcpLength(p), 0));
      expect(plain(parseRtcp(bytes)!)).toEqual(plain(packets));
    }),
    { seed: 6, numRuns: 300 },
  );
});

test('random and mutated bytes never throw and give nothing beyond their length', () => {
  const guard = new TransportFeedback();
  const check = (bytes: Uint8Array) => {
    const packets = parseRtcp(bytes) ?? [];
    for (const packet of packets) {
      if (packet.type === 'transport-cc') guard.parse(packet.data, 0, packet.data.length);
    }
    const cursor = new RtcpCursor();
    cursor.start(bytes, 0, bytes.length);
    while (cursor.next()) {
      expect(cursor.offset + cursor.length).toBeLessThanOrEqual(bytes.length);
      expect(cursor.bodyOffset + cursor.bodyLength).toBeLessThanOrEqual(cursor.offset + cursor.length);
      for (let i = 0; i < 31; i++) {
        const at = cursor.reportOffset(i);
        if (at >= 0) expect(at + 24).toBeLessThanOrEqual(cursor.offset + cursor.length);
      }
    }
  };
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(0x80, 0x81, 0x8f, 0x9f),
      (bytes, first) => {
        check(bytes);
        if (bytes.length >= 4) {
          bytes[0] = first;
          bytes[1] = 200 + (bytes[1]! % 8);
          bytes[2] = 0;
          bytes[3] = Math.floor(bytes.length / 4) - 1;
          check(bytes.subarray(0, bytes.length & ~3));
        }
      },
    ),
    { seed: 7, numRuns: 2000 },
  );
  fc.assert(
    fc.property(
      anyPacket,
      fc.array(fc.tuple(fc.nat(), u8), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (packet, changes, cut) => {
        const bytes = buildRtcp([packet]);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        check(bytes);
        check(bytes.subarray(0, cut % (bytes.length + 1)));
      },
    ),
    { seed: 8, numRuns: 1000 },
  );
});

test('a packet in the middle of a buffer is not read beyond its end', () => {
  fc.assert(
    fc.property(anyPacket, fc.uint8Array({ maxLength: 40 }), (packet, behind) => {
      const bytes = buildRtcp([packet]);
      const buffer = new Uint8Array(7 + bytes.length + behind.length);
      buffer.set(bytes, 7);
      buffer.set(behind, 7 + bytes.length);
      expect(parseRtcp(buffer, 7, bytes.length)).toEqual(parseRtcp(bytes));
    }),
    { seed: 9, numRuns: 200 },
  );
});

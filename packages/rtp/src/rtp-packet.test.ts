import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  readAbsSendTime,
  readAudioLevel,
  readTransmissionOffset,
  readVideoRotation,
  readVoiceActivity,
} from './extensions.ts';
import { ExtensionTable, ExtensionWriter, writeExtensions } from './header-extension.ts';
import { isRtcp, oneByteProfile, RtpHeader, rtpHeaderLength } from './rtp-header.ts';
import { buildRtpPacket } from './rtp-packet.ts';

function parse(bytes: Uint8Array): { header: RtpHeader; extensions: ExtensionTable } {
  const header = new RtpHeader();
  expect(header.parse(bytes, 0, bytes.length)).toBe(true);
  const extensions = new ExtensionTable();
  extensions.read(bytes, header);
  return { header, extensions };
}

/** Rebuilds a packet from what was read of it. */
function again(bytes: Uint8Array): Uint8Array {
  const { header, extensions } = parse(bytes);
  const list = [...extensions.ids.subarray(0, extensions.count)].map((id) => ({
    id,
    data: bytes.slice(extensions.offset(id), extensions.offset(id) + extensions.length(id)),
  }));
  return buildRtpPacket({
    payloadType: header.payloadType,
    sequenceNumber: header.sequenceNumber,
    timestamp: header.timestamp,
    ssrc: header.ssrc,
    marker: header.marker,
    extensions: list,
    twoByteExtensions: header.hasTwoByteExtensions,
    payload: bytes.slice(header.payloadOffset, header.payloadOffset + header.payloadLength),
    padding: header.padding,
  });
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

test('W32 parse packet1: one-byte extension of 4 bytes', () => {
  // PT 111, seq 23617, ts 1660241882, ssrc 2674985186; id 1 with the single byte 0xff, two bytes of padding.
  const packet1 = hex('90 6f 5c41 62f4b7da 9f7114e2 bede 0001 10 ff 00 00 01020304');
  packet1.set(
    [1660241882 >>> 24, 1660241882 >>> 16, 1660241882 >>> 8, 1660241882].map((b) => b & 255),
    4,
  );
  packet1.set(
    [2674985186 >>> 24, 2674985186 >>> 16, 2674985186 >>> 8, 2674985186].map((b) => b & 255),
    8,
  );
  for (const bytes of [packet1, again(packet1)]) {
    const { header, extensions } = parse(bytes);
    expect(header).toMatchObject({
      payloadType: 111,
      sequenceNumber: 23617,
      timestamp: 1660241882,
      ssrc: 2674985186,
      extensionProfile: 0xbede,
      extensionLength: 4,
      padding: 0,
    });
    expect(header.hasOneByteExtensions).toBe(true);
    expect(extensions.length(1)).toBe(1);
    expect(bytes[extensions.offset(1)]).toBe(0xff);
    for (const absent of [0, 2, 3, 14, 15, 255]) {
      expect(extensions.has(absent)).toBe(false);
      expect(extensions.offset(absent)).toBe(-1);
      expect(extensions.length(absent)).toBe(-1);
    }
  }
  expect(again(packet1)).toEqual(packet1);
});

test('W33 parse packet2: no extension, padding', () => {
  const packet2 = buildRtpPacket({
    payloadType: 100,
    sequenceNumber: 28478,
    timestamp: 172320136,
    ssrc: 3316375386,
    payload: new Uint8Array(1000).fill(7),
    padding: 149,
  });
  expect(packet2.subarray(0, 4)).toEqual(hex('a0 64 6f3e'));
  const { header, extensions } = parse(packet2);
  expect(header).toMatchObject({
    payloadType: 100,
    sequenceNumber: 28478,
    timestamp: 172320136,
    ssrc: 3316375386,
    extensionProfile: 0,
    extensionLength: 0,
    payloadLength: 1000,
    padding: 149,
  });
  expect(header.hasOneByteExtensions || header.hasTwoByteExtensions).toBe(false);
  expect(extensions.count).toBe(0);
  expect(again(packet2)).toEqual(packet2);
});

test('W34 parse packet3: abs-send-time and audio level', () => {
  // Extension of 8 bytes: id 3 with 0x65341e, id 1 with 0xd0, two bytes of padding.
  const packet3 = hex('90 6f 4b9a 3377 7c45 0e0e 0742 bede 0002 32 65341e 10 d0 00 00 0a0b0c');
  packet3.set(
    [863466045 >>> 24, 863466045 >>> 16, 863466045 >>> 8, 863466045].map((b) => b & 255),
    4,
  );
  packet3.set(
    [235797202 >>> 24, 235797202 >>> 16, 235797202 >>> 8, 235797202].map((b) => b & 255),
    8,
  );
  for (const bytes of [packet3, packet3.slice(), again(packet3)]) {
    const { header, extensions } = parse(bytes);
    expect(header).toMatchObject({
      payloadType: 111,
      sequenceNumber: 19354,
      timestamp: 863466045,
      ssrc: 235797202,
      extensionLength: 8,
    });
    expect(readAbsSendTime(bytes, extensions.offset(3), extensions.length(3))).toBe(0x65341e);
    expect(readAudioLevel(bytes, extensions.offset(1), extensions.length(1))).toBe(80);
    expect(readVoiceActivity(bytes, extensions.offset(1), extensions.length(1))).toBe(true);
    expect(readVideoRotation(bytes, extensions.offset(4), extensions.length(4))).toBe(-1);
    expect(readTransmissionOffset(bytes, extensions.offset(2), extensions.length(2))).toBeUndefined();
  }
});

const fields = { payloadType: 1, sequenceNumber: 8, timestamp: 4, ssrc: 5 };

test('W35 create RtpPacket without extension header', () => {
  const { header } = parse(buildRtpPacket(fields));
  expect(header).toMatchObject({ ...fields, marker: false, extensionProfile: 0, headerLength: 12 });
  expect(header.hasOneByteExtensions).toBe(false);
  expect(header.hasTwoByteExtensions).toBe(false);
});

test('W36 create RtpPacket with One-Byte extension header', () => {
  const bytes = buildRtpPacket({
    ...fields,
    extensions: [
      { id: 1, data: Uint8Array.of(0xff) },
      { id: 2, data: Uint8Array.of(0xff, 0xff, 0xff, 0xff) },
      { id: 3, data: Uint8Array.of(0xff, 0xff) },
    ],
  });
  const { header, extensions } = parse(bytes);
  expect(header).toMatchObject({ ...fields, extensionProfile: oneByteProfile, extensionLength: 12 });
  expect(header.hasOneByteExtensions).toBe(true);
  expect(header.hasTwoByteExtensions).toBe(false);
  expect([1, 2, 3].map((id) => extensions.length(id))).toEqual([1, 4, 2]);
});

test('W37 create RtpPacket with Two-Bytes extension header', () => {
  const bytes = buildRtpPacket({
    ...fields,
    twoByteExtensions: true,
    extensions: [
      { id: 1, data: Uint8Array.of() },
      { id: 2, data: Uint8Array.of(0xff) },
      { id: 200, data: Uint8Array.of(0xff, 0xff, 0xff, 0xff) },
    ],
  });
  const { header, extensions } = parse(bytes);
  expect(header).toMatchObject({ ...fields, extensionProfile: 0x1000, extensionLength: 12 });
  expect(header.hasOneByteExtensions).toBe(false);
  expect(header.hasTwoByteExtensions).toBe(true);
  expect([1, 2, 200].map((id) => extensions.length(id))).toEqual([0, 1, 4]);
});

test('CSRCs are counted and read', () => {
  const bytes = buildRtpPacket({ ...fields, csrcs: [9, 0xffffffff], payload: Uint8Array.of(1) });
  const { header } = parse(bytes);
  expect(header.headerLength).toBe(20);
  expect([header.csrc(bytes, 0), header.csrc(bytes, 1)]).toEqual([9, 0xffffffff]);
  expect(header.payloadOffset).toBe(20);
});

test('id 15 ends the one-byte form, zeros are padding, the first of two equal ids counts', () => {
  const bytes = hex('90 01 0008 00000004 00000005 bede 0002 00 10 aa 10 bb f0 20 cc');
  const { extensions } = parse(bytes);
  expect(extensions.count).toBe(1);
  expect(bytes[extensions.offset(1)]).toBe(0xaa);
  expect(extensions.has(2)).toBe(false);
});

test('an element that overruns its block is not there', () => {
  for (const block of ['bede 0001 2f ffffff', '1000 0001 01 ff 00 00', '1000 0001 00 00 00 01']) {
    const { extensions } = parse(hex(`90 01 0008 00000004 00000005 ${block} 01020304`));
    expect(extensions.count).toBe(0);
  }
});

test('malformed packets are refused', () => {
  const header = new RtpHeader();
  const bad = {
    short: '80 01 0008 00000004 000000',
    'version 1': '40 01 0008 00000004 00000005',
    'CSRCs missing': '81 01 0008 00000004 00000005',
    'extension missing': '90 01 0008 00000004 00000005',
    'extension cut': '90 01 0008 00000004 00000005 bede 0002 10ff0000',
    'padding without payload': 'a0 01 0008 00000004 00000005',
    'padding 0': 'a0 01 0008 00000004 00000005 00',
    'padding beyond payload': 'a0 01 0008 00000004 00000005 0003',
  };
  for (const [name, text] of Object.entries(bad)) {
    const bytes = hex(text);
    expect(header.parse(bytes, 0, bytes.length), name).toBe(false);
  }
  const good = hex('80 01 0008 00000004 00000005');
  expect(header.parse(good, 0, 12)).toBe(true);
  expect(header.parse(good, 0, 13)).toBe(false);
  expect(header.parse(good, -1, 12)).toBe(false);
});

test('RTCP is told from RTP by the second byte', () => {
  for (const type of [192, 200, 207, 223]) expect(isRtcp(Uint8Array.of(0x80, type, 0, 0), 0, 4)).toBe(true);
  for (const type of [191, 224, 96, 0]) expect(isRtcp(Uint8Array.of(0x80, type, 0, 0), 0, 4)).toBe(false);
});

test('extensions are copied under new ids, and what has no id is dropped', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.record({
          id: fc.integer({ min: 1, max: 14 }),
          data: fc.uint8Array({ minLength: 1, maxLength: 16 }),
        }),
        { maxLength: 10, selector: (e) => e.id },
      ),
      fc.uint8Array({ minLength: 15, maxLength: 15, max: 14 }),
      (list, newIds) => {
        const bytes = buildRtpPacket({ ...fields, extensions: list });
        const { extensions } = parse(bytes);
        const map = new Uint8Array(256);
        map.set(newIds);
        const out = new Uint8Array(400);
        out.set(bytes.subarray(0, 12));
        const writer = new ExtensionWriter();
        writer.begin(out, 12, false);
        writeExtensions(writer, bytes, extensions, map);
        const end = writer.end();
        out[0] = end > 12 ? 0x90 : 0x80;
        const copy = parse(out.subarray(0, end));
        expect((end - 12) % 4).toBe(0);
        const kept = new Map<number, Uint8Array>();
        for (const { id, data } of list) {
          const newId = map[id]!;
          if (newId !== 0 && !kept.has(newId)) kept.set(newId, data);
        }
        expect(copy.extensions.count).toBe(kept.size);
        for (const [id, data] of kept) {
          const at = copy.extensions.offset(id);
          expect(out.slice(at, at + copy.extensions.length(id))).toEqual(data);
        }
      },
    ),
    { seed: 3 },
  );
});

test('a writer that runs out of room leaves elements out', () => {
  const out = new Uint8Array(12);
  const writer = new ExtensionWriter();
  writer.begin(out, 0, false);
  expect(writer.reserve(1, 3)).toBe(5);
  expect(writer.reserve(2, 4)).toBe(-1);
  expect(writer.reserve(2, 3)).toBe(9);
  expect(writer.reserve(15, 1)).toBe(-1);
  expect(writer.reserve(3, 17)).toBe(-1);
  expect(writer.end()).toBe(12);
});

test('random and mutated bytes never throw, and nothing points outside', () => {
  const header = new RtpHeader();
  const extensions = new ExtensionTable();
  const check = (bytes: Uint8Array) => {
    const ok = header.parse(bytes, 0, bytes.length);
    const length = rtpHeaderLength(bytes, 0, bytes.length);
    expect(length).toBeLessThanOrEqual(bytes.length);
    if (!ok) return;
    expect(header.payloadOffset + header.payloadLength + header.padding).toBe(bytes.length);
    extensions.read(bytes, header);
    for (const id of extensions.ids.subarray(0, extensions.count)) {
      expect(extensions.offset(id)).toBeGreaterThanOrEqual(header.extensionOffset);
      expect(extensions.offset(id) + extensions.length(id)).toBeLessThanOrEqual(header.payloadOffset);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), check), { seed: 4, numRuns: 500 });
  const valid = buildRtpPacket({
    ...fields,
    csrcs: [1],
    extensions: [
      { id: 1, data: Uint8Array.of(1, 2) },
      { id: 5, data: Uint8Array.of(1, 2, 3) },
    ],
    payload: new Uint8Array(20),
    padding: 4,
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(valid.length),
      (changes, cut) => {
        const bytes = valid.slice(0, cut);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        check(bytes);
      },
    ),
    { seed: 5, numRuns: 2000 },
  );
});

test('a header-extension bomb costs one pass', () => {
  // 16384 words of two-byte elements with ids 1…255 of length 0, the most elements that fit.
  const bytes = new Uint8Array(16 + 65532);
  bytes.set(hex('90 01 0008 00000004 00000005 1000 3fff'));
  for (let i = 0; i < 65532 / 2; i++) bytes[16 + i * 2] = (i % 255) + 1;
  const { header, extensions } = parse(bytes);
  expect(header.extensionLength).toBe(65532);
  expect(extensions.count).toBe(255);
});

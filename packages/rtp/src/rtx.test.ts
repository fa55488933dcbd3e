import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ExtensionTable } from './header-extension.ts';
import { RtpHeader } from './rtp-header.ts';
import { buildRtpPacket } from './rtp-packet.ts';
import { decodeRtx, encodeRtx } from './rtx.ts';

test('W38 rtx encryption-decryption', () => {
  const original = buildRtpPacket({
    payloadType: 1,
    sequenceNumber: 8,
    timestamp: 4,
    ssrc: 5,
    marker: true,
    extensions: [{ id: 1, data: Uint8Array.of(0xff) }],
    payload: Uint8Array.of(1, 2, 3, 4),
  });
  const bytes = new Uint8Array(original.length + 2);
  bytes.set(original);
  const header = new RtpHeader();
  header.parse(bytes, 0, original.length);
  const payloadLength = header.payloadLength;

  const encoded = encodeRtx(bytes, 0, original.length, 102, 6, 80);
  expect(encoded).toBe(original.length + 2);
  expect(header.parse(bytes, 0, encoded)).toBe(true);
  expect(header).toMatchObject({ payloadType: 102, ssrc: 6, sequenceNumber: 80, timestamp: 4, marker: true });
  expect(header.payloadLength).toBe(payloadLength + 2);
  const extensions = new ExtensionTable();
  extensions.read(bytes, header);
  expect(bytes[extensions.offset(1)]).toBe(0xff);

  const decoded = decodeRtx(bytes, 0, encoded, 1, 5);
  expect(bytes.subarray(0, decoded)).toEqual(original);
});

test('every packet survives encoding and decoding, padding included', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(255), fc.nat(65535), (payload, padding, seq) => {
      const original = buildRtpPacket({
        payloadType: 96,
        sequenceNumber: seq,
        timestamp: 9,
        ssrc: 7,
        payload,
        padding,
      });
      const bytes = new Uint8Array(original.length + 5);
      bytes.set(original, 3);
      const encoded = encodeRtx(bytes, 3, original.length, 97, 8, 1);
      expect(decodeRtx(bytes, 3, encoded, 96, 7)).toBe(original.length);
      expect(bytes.subarray(3, 3 + original.length)).toEqual(original);
    }),
    { seed: 2 },
  );
});

test('probes carry no original packet', () => {
  const empty = buildRtpPacket({ payloadType: 97, sequenceNumber: 1, timestamp: 0, ssrc: 8 });
  expect(decodeRtx(empty, 0, empty.length, 96, 7)).toBe(-1);
  const padded = buildRtpPacket({ payloadType: 97, sequenceNumber: 1, timestamp: 0, ssrc: 8, padding: 200 });
  expect(decodeRtx(padded, 0, padded.length, 96, 7)).toBe(-1);
});

test('without two free bytes nothing is encoded', () => {
  const packet = buildRtpPacket({ payloadType: 96, sequenceNumber: 1, timestamp: 0, ssrc: 8 });
  const before = packet.slice();
  expect(encodeRtx(packet, 0, packet.length, 97, 9, 1)).toBe(-1);
  expect(packet).toEqual(before);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RedPayload } from './red.ts';

interface Block {
  readonly payloadType: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

function build(blocks: readonly Block[]): Uint8Array {
  const heads = blocks.flatMap(({ payloadType, offset, data }, i) =>
    i === blocks.length - 1
      ? [payloadType]
      : [128 | payloadType, offset >> 6, ((offset & 63) << 2) | (data.length >> 8), data.length & 255],
  );
  return Uint8Array.from([...heads, ...blocks.flatMap(({ data }) => [...data])]);
}

const block = fc.record({
  payloadType: fc.constantFrom(111, 63, 9),
  offset: fc.nat(0x3fff),
  data: fc.uint8Array({ maxLength: 900 }),
});

const map = new Uint8Array(128).fill(255);
map[111] = 100;
map[9] = 99;

test('the newest frame is found behind whatever redundancy, and only payload types change', () => {
  const red = new RedPayload();
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 9 }), fc.nat(20), (blocks, before) => {
      const payload = build(blocks);
      const bytes = new Uint8Array(before + payload.length + 7).fill(0xee);
      bytes.set(payload, before);
      const last = blocks.at(-1)!;
      expect(red.parse(bytes, before, payload.length)).toBe(true);
      expect(red.primaryPayloadType).toBe(last.payloadType);
      expect(red.primaryLength).toBe(last.data.length);
      expect(payload.subarray(red.primaryOffset)).toEqual(last.data);

      const all = blocks.every(({ payloadType }) => map[payloadType] !== 255);
      expect(red.renumber(bytes, before, payload.length, map)).toBe(all);
      const wanted = all
        ? build(blocks.map((one) => ({ ...one, payloadType: map[one.payloadType]! })))
        : payload;
      expect(bytes.subarray(before, before + payload.length)).toEqual(wanted);
      expect(
        bytes.filter((_, i) => i < before || i >= before + payload.length).every((b) => b === 0xee),
      ).toBe(true);
    }),
  );
});

test('what is cut off, or no RED, is left as it is', () => {
  const red = new RedPayload();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const before = bytes.slice();
      if (!red.renumber(bytes, 0, bytes.length, map)) expect(bytes).toEqual(before);
      if (red.parse(bytes, 0, bytes.length)) {
        expect(red.primaryOffset + red.primaryLength).toBe(bytes.length);
      }
    }),
  );
  const whole = build([
    { payloadType: 111, offset: 960, data: new Uint8Array(10) },
    { payloadType: 111, offset: 0, data: new Uint8Array(10) },
  ]);
  for (let length = 0; length < 15; length++) expect(red.parse(whole, 0, length)).toBe(false);
  for (let length = 15; length <= 25; length++) expect(red.parse(whole, 0, length)).toBe(true);
});
